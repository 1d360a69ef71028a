using Quorate.Nix.Derivations;

namespace Quorate.Nix.Verification;

/// <summary>
/// The hashes under which Nix up to 2.34 files realisations of the derivations of a closure as they stand. They say nothing of what the inputs turned out to be.
/// </summary>
static class UnresolvedHashes
{
    /// <summary>By position; null for fixed outputs, for what has no inputs and so is resolved, and for what has no such hash.</summary>
    public static ModuloHash?[] Of(DerivationClosure closure)
    {
        var derivations = closure.Derivations.ToDictionary(derivation => derivation.Path, derivation => derivation.Derivation);
        var hashes = new ModuloHashes(derivations.GetValueOrDefault);
        var all = new ModuloHash?[closure.Derivations.Count];
        foreach (var derivation in closure.Derivations.Where(derivation => derivation.Inputs.Count > 0))
        {
            all[derivation.Position] = hashes.TryMasked(derivation.Derivation, derivation.Name, out var hash, out _) ? hash : null;
        }
        return all;
    }
}
