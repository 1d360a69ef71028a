using Quorate.Postgres;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Configuration.Binding;

/// <summary><c>storage:</c> of the node or of one published log.</summary>
static class StorageBinding
{
    static readonly TimeSpan s_lease = TimeSpan.FromSeconds(10);

    /// <summary>What the section says, or the fallback where there is none; null means a file.</summary>
    public static StorageSection? Bind(Section parent, BindingContext context, StorageSection? fallback)
    {
        if (!parent.Has("storage"))
        {
            return fallback;
        }
        if (parent.Child("storage") is not { } section)
        {
            return null;
        }
        if (!section.Has("type"))
        {
            section.Errors.Add(section.Map, "'type' is missing");
        }
        var isPostgres = section.Choice("type", false, ("file", false), ("postgres", true));
        var storage = isPostgres ? Postgres(section, context) : null;
        section.Finish();
        return storage;
    }

    static StorageSection? Postgres(Section section, BindingContext context)
    {
        var connection = section.RequireScalar("connection");
        var password = section.Scalar("password_file") is { } file ? context.FullPath(file.Text) : null;
        var lease = NodeBinding.Duration(section, "lease", s_lease, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        if (connection is not null && PostgresSettings.Check(connection.Text) is { } fault)
        {
            // Without the text: it may hold a password.
            section.Errors.Add(connection, fault);
            return null;
        }
        return connection is null ? null : new StorageSection(connection.Text, password, lease);
    }
}
