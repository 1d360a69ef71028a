using Quorate.Nix.Derivations;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>What is verified, how, and with what.</summary>
/// <param name="Target">A derivation.</param>
/// <param name="Expected">Outputs that it must have been built to; empty lets the claims say.</param>
public sealed record VerificationRequest(StorePath Target, OutputPaths Expected, TraceTrust Trust)
{
    public VerificationMode Mode { get; init; } = VerificationMode.Coalition;

    /// <summary>
    /// Which evidence counts, and so which kind of derivations the target may be made of. Outputs of the synthetic regime are views, not the
    /// paths that the derivations state.
    /// </summary>
    public TraceRegime Regime { get; init; } = TraceRegime.ContentAddressed;

    /// <summary>The store of this machine. Of the synthetic regime, claims in JWS 3 may have to be asked for by what it has; null asks without.</summary>
    public IStoreObjects? Realised { get; init; }

    /// <summary>Where every claim must provably be logged to count; null asks for no proof.</summary>
    public RequiredLog? RequiredLog { get; init; }

    public ExplorationLimits Exploration { get; init; } = new();

    public SearchLimits Search { get; init; } = new();

    /// <summary>Derivations that are worked on at once.</summary>
    public int Parallel { get; init; } = Environment.ProcessorCount;
}

/// <summary>One derivation of the verified graph.</summary>
/// <param name="Outputs">What it was found to be, as far as the target needs it; null where that is open.</param>
/// <param name="Resolved">Hash of the resolution that the verdict rests on; null for fixed outputs, legacy claims and what is open.</param>
/// <param name="Signers">Whose claims back that.</param>
public sealed record VerifiedPosition(
    StorePath Derivation,
    DerivationKind Kind,
    OutputPaths? Outputs,
    ResolvedInputHash? Resolved,
    IReadOnlyList<string> Signers
)
{
    /// <summary>Derivations of the graph that this resolution used.</summary>
    public required IReadOnlyList<StorePath> Inputs { get; init; }

    /// <summary>The claims that stand behind it.</summary>
    public required IReadOnlyList<ExploredClaim> Claims { get; init; }

    /// <summary>
    /// Without a cache's legacy signature the model would not believe this step. Where <see cref="Resolved"/> is null too, the cache is also believed about the inputs, and nothing below was looked at.
    /// </summary>
    public bool RestsOnLegacy { get; init; }

    public bool IsFixed => Kind == DerivationKind.FixedOutput;
}

/// <summary>Builders differ about one derivation.</summary>
public sealed record Divergence(StorePath Derivation, IReadOnlyList<DivergentOutcome> Outcomes);

/// <summary>One of several outcomes.</summary>
/// <param name="Resolved">Null where a cache says it of the derivation as it stands.</param>
/// <param name="Builders">Who claims it.</param>
public sealed record DivergentOutcome(ResolvedInputHash? Resolved, OutputPaths Outputs, IReadOnlyList<string> Builders);

/// <summary>Where it fails, and whose word would be needed.</summary>
/// <param name="Resolved">What it would have been resolved to; empty where an input has no outcome.</param>
public sealed record MissingEvidence(StorePath Derivation, IReadOnlyList<ResolvedInputHash> Resolved, string Reason);

/// <summary>The result of a verification, complete enough to be checked by somebody else with the same evidence.</summary>
/// <param name="Outputs">Of the target; null unless accepted.</param>
/// <param name="Reasons">Sentences for people, the most important first.</param>
/// <param name="Positions">The graph that the verdict rests on, from the target down; empty unless accepted, or accepted but for what is on this machine.</param>
/// <param name="Fixed">Fixed outputs in that graph: they need no evidence.</param>
/// <param name="Coalition">Rejected: builders who together could have made this result, and whom the model does not believe.</param>
/// <param name="Gaps">Why a rejection would not be certain.</param>
public sealed record TraceVerification(
    Verdict Verdict,
    VerificationMode Mode,
    StorePath Target,
    OutputPaths? Outputs,
    string Rule,
    IReadOnlyList<string> Reasons,
    IReadOnlyList<VerifiedPosition> Positions,
    IReadOnlyList<VerifiedPosition> Fixed,
    IReadOnlyList<Divergence> Divergences,
    IReadOnlyList<MissingEvidence> Missing,
    IReadOnlyList<string> Coalition,
    IReadOnlyList<ExplorationGap> Gaps,
    TraceExploration? Exploration
)
{
    /// <summary>Accepted: every derivation at which the verdict needs a cache's legacy signature, whether or not the graph that is shown does.</summary>
    public IReadOnlyList<StorePath> Legacy { get; init; } = [];

    /// <summary>What became of comparing verified paths with the bytes on this machine; empty where nothing was compared.</summary>
    public IReadOnlyList<LocalContent> Local { get; init; } = [];

    /// <summary>
    /// The same with a comparison, which decides with the evidence and never for it: bytes that differ reject, and where some that are here could not be compared
    /// nothing is accepted.
    /// </summary>
    public TraceVerification Compared(IReadOnlyList<LocalContent> local)
    {
        var verdict =
            local.Any(content => content.Differs) ? Verdict.Rejected
            : Verdict == Verdict.Accepted && local.Any(content => content.IsUnknown) ? Verdict.Inconclusive
            : Verdict;
        var compared = this with { Verdict = verdict, Local = local };
        return verdict == Verdict
            ? compared
            : compared with
            {
                Outputs = null,
                Reasons =
                [
                    verdict == Verdict.Rejected
                        ? "the evidence suffices, but bytes on this machine are not what was verified"
                        : "the evidence suffices, but bytes on this machine could not be compared with what was verified",
                    .. local.Where(content => content.Differs || content.IsUnknown).Select(content => $"{content.Path}: {content.Detail}"),
                    .. Reasons,
                ],
            };
    }
}
