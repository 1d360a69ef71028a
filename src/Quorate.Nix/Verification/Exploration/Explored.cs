using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>Who says a claim, and of what.</summary>
public enum EvidenceForm
{
    /// <summary>A builder, of what it built, all outputs together: a trace.</summary>
    Trace,

    /// <summary>A builder's Nix, of each output of a resolved derivation by itself.</summary>
    Nix,

    /// <summary>A cache's Nix, of outputs of a resolved derivation: its inputs still have to be verified.</summary>
    LegacyResolved,

    /// <summary>A cache's Nix, of outputs of the derivation as it stands: the signer chose the inputs, and is believed.</summary>
    Legacy,
}

/// <summary>A verified claim of a builder of the model.</summary>
/// <param name="Sources">Where it was found.</param>
/// <param name="Discounted">Why it does not count although it is genuine; null when it counts.</param>
public sealed record ExploredClaim(
    TraceBuilder Builder,
    OutputPaths Outputs,
    IReadOnlyList<TraceOutput> Stated,
    bool? Built,
    IReadOnlyList<string> Sources,
    string? Discounted
)
{
    public EvidenceForm Form { get; init; } = EvidenceForm.Trace;

    public bool IsLegacy => Form is EvidenceForm.Legacy or EvidenceForm.LegacyResolved;

    /// <summary>False for several outputs that were signed one by one, and may stem from different builds.</summary>
    public bool IsAtomic => Form == EvidenceForm.Trace || Outputs.Count == 1;

    /// <summary>
    /// False for what Nix signed under an identifier that does not cover all of the derivation: whoever could give the signer's Nix another one that shares it had that signed
    /// in this one's place.
    /// </summary>
    public bool IsExact { get; init; } = true;
}

/// <summary>A resolution of a position, with what was found about it.</summary>
/// <param name="Needs">The outputs of other positions that it was resolved with.</param>
public sealed record ExploredNode(
    int Position,
    ResolvedInputHash Hash,
    IReadOnlyList<Requirement> Needs,
    IReadOnlyList<ExploredClaim> Claims
)
{
    public IEnumerable<ExploredClaim> Counting => Claims.Where(claim => claim.Discounted is null);
}

/// <summary>Something that was left out for a reason that makes a rejection doubtful: a bound, or a source without an answer.</summary>
/// <param name="Position">Where; null for the whole.</param>
public sealed record ExplorationGap(int? Position, string Reason);

/// <summary>Signed or unsigned material that was found and not admitted.</summary>
/// <param name="Hash">Null for what is about a derivation as it stands.</param>
public sealed record RefusedTrace(int Position, ResolvedInputHash? Hash, TraceRefusal Refusal);

/// <summary>Bounds of an exploration; reaching one leaves a gap.</summary>
/// <param name="VariantsPerInput">Different outcomes of one input that are tried.</param>
/// <param name="CombinationsPerDerivation">Choices of outcomes of all inputs together.</param>
/// <param name="Lookups">Resolved derivations that are asked for.</param>
public sealed record ExplorationLimits(int VariantsPerInput = 32, int CombinationsPerDerivation = 512, int Lookups = 2_000_000);

/// <summary>Everything that was found out about a closure. Immutable.</summary>
/// <param name="Nodes">By position.</param>
/// <param name="Legacy">Claims about derivations as they stand, by position; no inputs are looked at below them.</param>
/// <param name="Unresolved">Positions that could not be resolved, with an input of theirs that has no usable outcome.</param>
public sealed record TraceExploration(
    DerivationClosure Closure,
    IReadOnlyList<IReadOnlyList<ExploredNode>> Nodes,
    IReadOnlyList<IReadOnlyList<ExploredClaim>> Legacy,
    IReadOnlyDictionary<int, int> Unresolved,
    IReadOnlyList<ExplorationGap> Gaps,
    IReadOnlyList<RefusedTrace> Refused,
    IReadOnlyDictionary<TraceFault, int> RefusedCounts,
    int Lookups
)
{
    /// <summary>All claims at a position, those that do not count included.</summary>
    public IEnumerable<ExploredClaim> ClaimsAt(int position) => Nodes[position].SelectMany(node => node.Claims).Concat(Legacy[position]);

    public IEnumerable<ExploredClaim> CountingAt(int position) => ClaimsAt(position).Where(claim => claim.Discounted is null);
}
