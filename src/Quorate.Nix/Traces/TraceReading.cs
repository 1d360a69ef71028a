using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// What an element says, its structure and signature checked, its content not yet held against what was asked for. Output paths are still
/// text: whether they are usable depends on the derivation.
/// </summary>
/// <param name="Input">Null when the claim identifies its input only by schemes that we do not know.</param>
sealed record TraceReading(
    Ed25519PublicKey Signer,
    TraceFormat Format,
    TraceRegime Regime,
    ResolvedInputHash? Input,
    bool HasCriticalFeatures,
    bool? Built,
    IReadOnlyList<TraceReading.OutputText> Outputs
)
{
    /// <summary>Most outputs of one derivation.</summary>
    public const int MaxOutputs = 1000;

    /// <param name="Path">Null when the claim identifies the output only by schemes that we do not know.</param>
    public readonly record struct OutputText(string Name, string? Path, Sha256Digest? NarHash);
}
