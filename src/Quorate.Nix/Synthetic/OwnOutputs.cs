using Quorate.Nix.Verification;

namespace Quorate.Nix.Synthetic;

/// <summary>What input-addressed derivations may have been built to, before anybody's claim says so. Thread-safe.</summary>
/// <param name="expected">Of the target.</param>
/// <param name="realised">What this machine has; null where that is not looked at.</param>
public sealed class OwnOutputs(OutputPaths expected, RealisedViews? realised)
{
    /// <summary>Complete maps from output to view; there may be none.</summary>
    public async Task<IReadOnlyList<IReadOnlyDictionary<string, StorePath>>> OfAsync(
        ClosureDerivation derivation,
        bool isTarget,
        CancellationToken cancellationToken
    )
    {
        var found = new List<IReadOnlyDictionary<string, StorePath>>();
        if (isTarget && derivation.Derivation.Outputs.All(output => expected.TryGet(output.Name, out _)))
        {
            found.Add(expected.Pairs.ToDictionary(pair => pair.Key, pair => StorePath.Parse(pair.Value), StringComparer.Ordinal));
        }
        if (realised is not null && await realised.OfAsync(derivation.Derivation, cancellationToken) is { } views)
        {
            found.Add(views);
        }
        return found;
    }
}
