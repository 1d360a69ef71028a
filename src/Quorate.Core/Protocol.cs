using System.Diagnostics.CodeAnalysis;
using Quorate.Core.Map;

namespace Quorate.Core;

/// <summary>How one ecosystem names inputs and outputs. Every registered protocol hashes with SHA-256 (Trustix protocol registry).</summary>
/// <param name="Id">The UUID as it enters the log ID: lowercase, hyphenated.</param>
/// <param name="Name">The short name used in configuration.</param>
public sealed record Protocol(string Id, string Name)
{
    public static Protocol Test { get; } = new("cddab738-75cf-4685-94e2-4df58a0f51e7", "test");

    /// <summary>Output store path → NAR hash, size and references.</summary>
    public static Protocol Nix { get; } = new("5138a791-8d00-4182-96bc-f1f2688cdde2", "nix");

    /// <summary>Resolved derivation → signed build trace claim.</summary>
    public static Protocol NixTrace { get; } = new("a33a032d-66e1-4a5d-9749-5e0e8289c8bf", "nix-trace") { MapRule = MapRule.AllClaims };

    public static IReadOnlyList<Protocol> Known { get; } = [Nix, NixTrace, Test];

    /// <summary>What the map of its logs says of a key.</summary>
    public MapRule MapRule { get; init; } = MapRule.FirstValue;

    /// <summary>Finds a registered protocol by UUID or by name.</summary>
    public static bool TryFind(string idOrName, [NotNullWhen(true)] out Protocol? protocol)
    {
        protocol = Known.FirstOrDefault(p => p.Id == idOrName || p.Name == idOrName);
        return protocol is not null;
    }

    public override string ToString() => Name;
}
