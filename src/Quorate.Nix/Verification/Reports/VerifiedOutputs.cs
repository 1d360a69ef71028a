using Quorate.Core;

namespace Quorate.Nix.Verification;

/// <summary>A store path of a verified graph.</summary>
/// <param name="NarHash">What every backing claim states of it; null where one does not, or they differ.</param>
public sealed record VerifiedOutput(VerifiedPosition Position, string Output, StorePath Path, Sha256Digest? NarHash);

/// <summary>The store paths that a verification stands for.</summary>
public static class VerifiedOutputs
{
    public static IEnumerable<VerifiedOutput> Of(TraceVerification result) => result.Positions.Concat(result.Fixed).SelectMany(Of);

    static IEnumerable<VerifiedOutput> Of(VerifiedPosition position)
    {
        foreach (var (name, text) in position.Outputs?.Pairs ?? [])
        {
            var hashes = position
                .Claims.SelectMany(claim => claim.Stated.Where(stated => stated.Name == name && stated.Path.ToString() == text))
                .Select(stated => stated.NarHash)
                .Distinct()
                .ToList();
            yield return new VerifiedOutput(position, name, StorePath.Parse(text), hashes is [var hash] ? hash : null);
        }
    }

    /// <summary>Splits as Nix does: the version begins after the first hyphen that no letter follows.</summary>
    public static (string Name, string? Version) Split(string name)
    {
        for (var at = name.IndexOf('-', StringComparison.Ordinal); at >= 0; at = name.IndexOf('-', at + 1))
        {
            if (at > 0 && at + 1 < name.Length && !char.IsAsciiLetter(name[at + 1]))
            {
                return (name[..at], name[(at + 1)..]);
            }
        }
        return (name, null);
    }
}
