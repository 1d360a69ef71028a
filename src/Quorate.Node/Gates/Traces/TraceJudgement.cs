using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Verification;

namespace Quorate.Node.Gates.Traces;

/// <summary>Whether the trust model accepts what a derivation was built to.</summary>
/// <param name="Outputs">All that builders agree on, together; null unless accepted.</param>
/// <param name="Objects">Every object of the accepted graph, by hash part, with the NAR hashes that its builders state.</param>
sealed record TraceJudgement(
    GateOutcome Outcome,
    StorePath Derivation,
    OutputPaths? Outputs,
    ImmutableDictionary<string, VerifiedObject> Objects,
    IReadOnlyList<string> Reasons,
    string Verdict
)
{
    public static TraceJudgement Refused(GateOutcome outcome, StorePath derivation, string verdict, params IReadOnlyList<string> reasons) =>
        new(outcome, derivation, null, ImmutableDictionary<string, VerifiedObject>.Empty, reasons, verdict);
}

/// <summary>A store object that a verified build made.</summary>
/// <param name="NarHashes">As stated by those who claim the path; empty when none says so.</param>
sealed record VerifiedObject(StorePath Path, ImmutableHashSet<Sha256Digest> NarHashes);

/// <summary>What the gate says about one realisation or build-trace entry.</summary>
/// <param name="Json">The signed document; null for refusals.</param>
sealed record TraceReply(GateOutcome Outcome, string Path, IReadOnlyList<string> Reasons, string Verdict, string? Json)
    : GateReply(Outcome, Path, Reasons, Verdict)
{
    public override string? Body => Json;

    public override string ContentType => "application/json";
}
