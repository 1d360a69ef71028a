using System.Text.Json;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>
/// The file of <c>quorate nix hook install --filter</c>: a JSON object with the members of <c>publish.filter</c>, so that what is written for one
/// can be copied into the other.
/// </summary>
static class FilterFile
{
    const int MaxBytes = 1 << 20;

    /// <exception cref="FormatException">It is not such a file; the message names the member or glob.</exception>
    public static FilterInfo Read(string path)
    {
        using var file = File.OpenRead(path);
        if (file.Length > MaxBytes)
        {
            throw new FormatException($"{path} is larger than any filter");
        }
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return Parse(bytes, path);
    }

    internal static FilterInfo Parse(ReadOnlyMemory<byte> json, string name)
    {
        var globs = new Dictionary<string, string[]>(StringComparer.Ordinal);
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 3 });
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.Name is not ("allow" or "deny" or "deny_deriver" or "deny_references"))
                {
                    throw new FormatException(
                        $"{name}: unknown member '{member.Name}'; a filter has allow, deny, deny_deriver and deny_references"
                    );
                }
                // A list given twice would silently lose one.
                if (!globs.TryAdd(member.Name, [.. member.Value.EnumerateArray().Select(g => g.GetString() ?? "")]))
                {
                    throw new FormatException($"{name}: '{member.Name}' is there twice");
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException($"{name} is not a JSON object of lists of globs: {e.Message}", e);
        }
        var filter = new FilterInfo(List("allow"), List("deny"), List("deny_deriver"), List("deny_references"));
        // Says which glob could never match.
        _ = HookFilter.From(filter);
        return filter;

        string[] List(string member) => globs.GetValueOrDefault(member) ?? [];
    }
}
