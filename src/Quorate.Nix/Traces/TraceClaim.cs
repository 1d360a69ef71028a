using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>What kind of build a trace describes. Evidence of one kind never supports the other.</summary>
public enum TraceRegime
{
    /// <summary>A resolved derivation with content-addressed outputs.</summary>
    ContentAddressed,

    /// <summary>The content-addressed view of an input-addressed build.</summary>
    SyntheticContentAddressed,
}

/// <summary>How a claim was written down and signed (docs/formats/nix-traces.md).</summary>
public enum TraceFormat
{
    /// <summary>laut's JSON Web Signature, version 2.</summary>
    Jws2,

    /// <summary>The same, version 3, which tells regimes apart.</summary>
    Jws3,

    /// <summary>in-toto statement with SLSA provenance in a Sigstore bundle.</summary>
    Bundle,
}

/// <summary>One output of a build.</summary>
/// <param name="Name">As in the derivation: <c>out</c>, <c>dev</c> …</param>
/// <param name="Path">The content-addressed path: two builders agree on an output when they name the same path.</param>
/// <param name="NarHash">SHA-256 of the output as NAR, where the claim states it.</param>
public sealed record TraceOutput(string Name, StorePath Path, Sha256Digest? NarHash);

/// <summary>The signed bytes of a claim, as they were found: a JWS text, or a bundle's JSON. Others can verify them again.</summary>
public readonly record struct TraceEvidence(TraceFormat Format, ReadOnlyMemory<byte> Raw)
{
    /// <summary>Compares bytes.</summary>
    public bool Equals(TraceEvidence other) => Format == other.Format && Raw.Span.SequenceEqual(other.Raw.Span);

    public override int GetHashCode() => Raw.IsEmpty ? 0 : HashCode.Combine(Raw.Length, Raw.Span[Raw.Length / 2], Raw.Span[^1]);
}

/// <summary>
/// A verified claim in its normal form, the same for every format: this key says that this resolved derivation was built to these outputs,
/// all of them together. Immutable.
/// </summary>
/// <param name="Signer">The configured key under which the signature verified, whatever the claim calls it.</param>
/// <param name="Outputs">At least one, ascending by name (ordinal), each name once.</param>
/// <param name="Built">
/// Whether the signer says that it executed the build. Null where the format cannot say it, which is so for JWS.
/// </param>
/// <param name="Evidence">At least one; several when the signer said the same more than once.</param>
public sealed record TraceClaim(
    Ed25519PublicKey Signer,
    TraceRegime Regime,
    ResolvedInputHash Input,
    IReadOnlyList<TraceOutput> Outputs,
    bool? Built,
    IReadOnlyList<TraceEvidence> Evidence
)
{
    /// <summary>The path of the named output; null when the claim does not cover it.</summary>
    public StorePath? PathOf(string output)
    {
        foreach (var known in Outputs)
        {
            if (known.Name == output)
            {
                return known.Path;
            }
        }
        return null;
    }

    /// <summary>Whether both say the same: signer, regime, input, every output with its hash, and whether it was built.</summary>
    public bool SaysTheSameAs(TraceClaim other) =>
        Signer.Equals(other.Signer)
        && Regime == other.Regime
        && Input.Equals(other.Input)
        && Built == other.Built
        && Outputs.SequenceEqual(other.Outputs);
}
