using Quorate.Core;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>An output as a builder signs it.</summary>
/// <param name="HashAlgorithm">As in the derivation: <c>sha256</c> …</param>
/// <param name="Method">Nix's word for how the output is hashed: <c>nar</c>, <c>flat</c> …</param>
/// <param name="CastoreEntry">snix's description of the content, for those who compute it. No verifier reads it.</param>
public sealed record SignedOutput(
    string Name,
    StorePath Path,
    Sha256Digest NarHash,
    string? HashAlgorithm = null,
    string? Method = null,
    ReadOnlyMemory<byte>? CastoreEntry = null
);

/// <summary>What a builder signs about one build, before it is put in a format.</summary>
/// <param name="Outputs">All outputs of the derivation that were built, at least one.</param>
/// <param name="Built">Whether the signer executed the build itself.</param>
/// <param name="AttemptId">128 random bits that name this build attempt; publishing again keeps them.</param>
/// <param name="DebugPreimage">The resolved derivation's name and ATerm for debugging, as JSON; null to leave it out.</param>
public sealed record TraceStatement(
    ResolvedInputHash Input,
    TraceRegime Regime,
    IReadOnlyList<SignedOutput> Outputs,
    bool Built,
    UInt128 AttemptId,
    TraceProvenance Provenance,
    ReadOnlyMemory<byte>? DebugPreimage = null
);
