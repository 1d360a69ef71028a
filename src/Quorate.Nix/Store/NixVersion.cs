using System.Diagnostics.CodeAnalysis;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Store;

/// <summary>Which implementation of Nix, and which version of it, a program says it is.</summary>
/// <param name="Flavor"><c>nix</c>, <c>lix</c> …, in lower case.</param>
public sealed record NixVersion(string Flavor, string Version)
{
    const int MaxLength = 200;

    /// <summary>As claims state it.</summary>
    public IReadOnlyDictionary<string, string> ToComponents() =>
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [TraceProvenance.FlavorComponent] = Flavor,
            [TraceProvenance.VersionComponent] = Version,
        };

    /// <summary>
    /// Reads what <c>nix-store --version</c> prints: <c>nix-store (Nix) 2.34.8</c>, or <c>nix-store (Lix, like Nix) 2.91.1</c>. Only the first line counts.
    /// </summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out NixVersion? version)
    {
        version = null;
        var line = text.AsSpan(0, Math.Min(text.Length, MaxLength));
        var end = line.IndexOf('\n');
        line = (end < 0 ? line : line[..end]).Trim();
        var open = line.IndexOf('(');
        var close = line.IndexOf(')');
        if (open < 0 || close < open)
        {
            return false;
        }
        var name = line[(open + 1)..close];
        var comma = name.IndexOf(',');
        var flavor = (comma < 0 ? name : name[..comma]).Trim();
        var number = line[(close + 1)..].Trim();
        if (flavor.IsEmpty || number.IsEmpty || flavor.ContainsAnyExceptInRange('!', '~') || number.ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }
        version = new NixVersion(flavor.ToString().ToLowerInvariant(), number.ToString());
        return true;
    }
}
