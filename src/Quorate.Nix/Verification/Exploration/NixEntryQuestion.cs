using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;

namespace Quorate.Nix.Verification;

/// <summary>Which derivation Nix is to have signed something about. Identifiers are computed here; what a cache calls a thing is never taken for it.</summary>
/// <param name="Hash">What Nix up to 2.34 files realisations under.</param>
/// <param name="Outputs">Every output, with the name that its path must have.</param>
/// <param name="Resolved">Null when it is about a derivation with inputs, as it stands.</param>
sealed record NixEntryQuestion(ModuloHash Hash, string StoreDir, IReadOnlyDictionary<string, string> Outputs, ResolvedDerivation? Resolved)
{
    public DrvOutputId Id(string output) => new(Hash.Digest, output);

    public static NixEntryQuestion Of(ResolvedDerivation resolved, IReadOnlyDictionary<string, string> outputs) =>
        new(ModuloHashes.Masked(resolved), resolved.Path.StoreDir, outputs, resolved);

    /// <summary>Why a signed path cannot be the output's; null when it can.</summary>
    public string? Problem(string output, StorePath path)
    {
        if (!path.Name.Equals(Outputs[output], StringComparison.Ordinal))
        {
            return $"output '{output}': {path.BaseName} is not called {Outputs[output]}";
        }
        // Of input-addressed outputs the path follows from the derivation, once that is resolved.
        return Resolved?.Derivation.Output(output)?.Path is { } stated && stated != path
            ? $"output '{output}': {path.BaseName} is not {stated.BaseName}, which follows from the derivation"
            : null;
    }
}
