using System.Buffers;
using System.Text.Json;
using Quorate.Nix.Publishing;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>
/// The publish filter of the hook's log as the node last stated it, kept in the spool so that it holds while the node is away. (Not beside the
/// wrapper: <c>/etc</c> may be read-only, and the spool is private.)
/// </summary>
static class KnownFilter
{
    const string Note = "filter.json";

    /// <exception cref="FormatException">The node accepted a glob that this program does not understand; nothing may be published then.</exception>
    public static PublishFilter From(FilterInfo? filter) =>
        filter is null ? PublishFilter.Open : new PublishFilter(filter.Allow, filter.Deny, filter.DenyDeriver, filter.DenyReferences);

    /// <summary>Null when none is known for <paramref name="log"/>.</summary>
    public static PublishFilter? Load(HookSpool spool, string? log)
    {
        if (spool.ReadNote(Note) is not { } bytes)
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            var names = new[] { root.GetProperty("log").GetString(), root.GetProperty("logId").GetString() };
            return log is null || names.Contains(log, StringComparer.Ordinal) ? From(FilterInfo.Read(root.GetProperty("filter"))) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    public static void Save(HookSpool spool, LogInfo log)
    {
        var filter = log.Filter ?? new FilterInfo([], [], [], []);
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer))
        {
            w.WriteStartObject();
            w.WriteString("log", log.Name);
            w.WriteString("logId", log.LogId);
            w.WriteStartObject("filter");
            Write(w, "allow", filter.Allow);
            Write(w, "deny", filter.Deny);
            Write(w, "denyDeriver", filter.DenyDeriver);
            Write(w, "denyReferences", filter.DenyReferences);
            w.WriteEndObject();
            w.WriteEndObject();
        }
        if (!buffer.WrittenSpan.SequenceEqual(spool.ReadNote(Note)))
        {
            spool.TryWriteNote(Note, buffer.WrittenSpan);
        }
    }

    static void Write(Utf8JsonWriter w, string name, IReadOnlyList<string> globs)
    {
        w.WriteStartArray(name);
        foreach (var glob in globs)
        {
            w.WriteStringValue(glob);
        }
        w.WriteEndArray();
    }
}
