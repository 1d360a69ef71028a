using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Quorate.Core.Encodings;

namespace Quorate.Nix;

/// <summary>What a binary cache says of itself (<c>nix-cache-info</c>).</summary>
/// <param name="StoreDir">The store directory of everything in it.</param>
/// <param name="WantMassQuery">Whether Nix may ask for many paths at once.</param>
/// <param name="Priority">Caches with lower numbers are asked first; null where the cache leaves it to Nix.</param>
public sealed record NixCacheInfo(string StoreDir, bool WantMassQuery, int? Priority)
{
    public const int MaxBytes = 64 << 10;

    /// <summary>
    /// Lines <c>Name: value</c>, as Nix writes them; unknown names are passed over, known ones may occur once. A cache without a store directory
    /// means the default one.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> file, [NotNullWhen(true)] out NixCacheInfo? info, out string problem)
    {
        info = null;
        problem = "";
        if (file.Length > MaxBytes || file.ContainsAnyExceptInRange((byte)'\n', (byte)'~'))
        {
            problem = "too long, or not ASCII";
            return false;
        }
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in Encoding.ASCII.GetString(file).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon <= 0 || !fields.TryAdd(line[..colon], line[(colon + 2)..]))
            {
                problem = "a line is not `Name: value`, or its name occurs twice";
                return false;
            }
        }
        var storeDir = fields.GetValueOrDefault("StoreDir", StorePath.DefaultStoreDir);
        var query = fields.GetValueOrDefault("WantMassQuery", "0");
        ulong priority = 0;
        var hasPriority = fields.TryGetValue("Priority", out var text);
        if (
            !StorePath.IsStoreDir(storeDir)
            || query is not ("0" or "1")
            || (hasPriority && (!StrictDecimal.TryParse(text, out priority) || priority > int.MaxValue))
        )
        {
            problem = "StoreDir, WantMassQuery or Priority is not valid";
            return false;
        }
        info = new NixCacheInfo(storeDir, query == "1", hasPriority ? (int)priority : null);
        return true;
    }

    /// <summary>The file, in Nix's order of lines.</summary>
    public string ToText()
    {
        var text = $"StoreDir: {StoreDir}\nWantMassQuery: {(WantMassQuery ? 1 : 0)}\n";
        return Priority is { } priority ? text + string.Create(CultureInfo.InvariantCulture, $"Priority: {priority}\n") : text;
    }
}
