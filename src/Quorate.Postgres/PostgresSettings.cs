using Npgsql;

namespace Quorate.Postgres;

/// <summary>Where the database is.</summary>
/// <param name="Connection">An Npgsql connection string without a password.</param>
/// <param name="PasswordFile">A file with nothing but the password; read anew for each connection. Null: as libpq finds it (<c>PGPASSWORD</c>, <c>~/.pgpass</c>), or none.</param>
public sealed record PostgresSettings(string Connection, string? PasswordFile = null)
{
    const int MaxPasswordFile = 4096;

    /// <summary>Null when the connection string can be used, or what is wrong with it. Nothing is connected to.</summary>
    public static string? Check(string connection)
    {
        NpgsqlConnectionStringBuilder builder;
        try
        {
            builder = new NpgsqlConnectionStringBuilder(connection);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // Its message may quote the value, and the value may be a password.
            return "expected an Npgsql connection string like 'Host=db.example;Database=quorate;Username=quorate'";
        }
        return builder switch
        {
            { Password: not null } => "a password does not belong here; write it to a file of mode 0600 and name that as 'password_file'",
            { Host: null or "" } => "'Host' is missing",
            { Multiplexing: true } => "'Multiplexing' is not supported",
            _ => null,
        };
    }

    /// <summary>Host and database, for people.</summary>
    public override string ToString() =>
        new NpgsqlConnectionStringBuilder(Connection) is { } b ? $"{b.Host}/{b.Database ?? b.Username}" : "";

    internal NpgsqlDataSource CreateSource()
    {
        if (Check(Connection) is { } fault)
        {
            throw new ArgumentException(fault, nameof(Connection));
        }
        var builder = new NpgsqlDataSourceBuilder(Connection);
        var text = builder.ConnectionStringBuilder;
        text.ApplicationName ??= "quorated";
        text.Enlist = false;
        text.IncludeErrorDetail = false;
        text.PersistSecurityInfo = false;
        if (!text.ContainsKey("Maximum Pool Size"))
        {
            text.MaxPoolSize = 16;
        }
        if (!text.ContainsKey("Max Auto Prepare"))
        {
            text.MaxAutoPrepare = 32;
        }
        if (PasswordFile is { } file)
        {
            builder.UsePasswordProvider(_ => ReadPassword(file), (_, _) => new ValueTask<string>(ReadPassword(file)));
        }
        return builder.Build();
    }

    static string ReadPassword(string file)
    {
        try
        {
            if (new FileInfo(file).Length > MaxPasswordFile)
            {
                throw new IOException("the file is too large for a password");
            }
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NpgsqlException($"the password file cannot be read: {e.Message}", e);
        }
    }
}
