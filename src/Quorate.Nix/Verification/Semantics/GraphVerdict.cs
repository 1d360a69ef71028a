using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>Which question is asked of a trace graph; the manual page "Nix" says what each means.</summary>
public enum VerificationMode
{
    /// <summary>No coalition that the model does not believe on its own could have made the result. The default.</summary>
    Coalition,

    /// <summary>Enough signers at every position, whatever each of them signed there (laut's first semantics).</summary>
    Position,

    /// <summary>Enough signer-disjoint ways along every dependency path, each path judged on its own (laut's newer semantics).</summary>
    Paths,
}

/// <summary>Bounds of a search. Reaching one makes the verdict inconclusive.</summary>
/// <param name="Steps">Options tried and states visited, over the whole judgement.</param>
/// <param name="Coalitions">Sets of builders looked at.</param>
public sealed record SearchLimits(long Steps = 50_000_000, int Coalitions = 20_000);

/// <summary>A complete derivation of a target: one option for every position that it reaches.</summary>
/// <param name="Positions">From the target down.</param>
/// <param name="Nodes">The resolution chosen at each; <see cref="TraceGraph.Legacy"/> where a legacy claim ended the way.</param>
/// <param name="Signers">Who signed that resolution with the outputs that are demanded there.</param>
public sealed record ResolvedDag(IReadOnlyList<int> Positions, IReadOnlyList<int> Nodes, IReadOnlyList<ulong> Signers);

/// <summary>What a semantics says of one target.</summary>
/// <param name="Dag">A derivation of the target; null unless accepted.</param>
/// <param name="Coalition">Rejected: builders that the model does not believe on their own, without whom there is no derivation.</param>
/// <param name="Blocking">Rejected: positions at which it fails, those nearest to the leaves.</param>
/// <param name="UsedNodes">Accepted: every node of any derivation that the verdict rests on.</param>
/// <param name="Limit">Inconclusive: the bound that was reached.</param>
public sealed record GraphVerdict(
    Verdict Verdict,
    ResolvedDag? Dag = null,
    ulong Coalition = 0,
    IReadOnlyList<int>? Blocking = null,
    IReadOnlySet<int>? UsedNodes = null,
    string? Limit = null
)
{
    /// <summary>Accepted: positions at which a derivation that the verdict rests on ends with a legacy claim.</summary>
    public IReadOnlySet<int> LegacyPositions { get; init; } = new HashSet<int>();

    /// <summary>Sets of builders that were looked at.</summary>
    public int Coalitions { get; init; }

    internal static GraphVerdict Capped(string limit) => new(Verdict.Inconclusive, Limit: limit);
}

/// <summary>Judges one target of a graph under a model. Pure; holds no state between calls.</summary>
public static class TraceSemantics
{
    public static GraphVerdict Judge(
        VerificationMode mode,
        TraceGraph graph,
        int target,
        QuorumModel model,
        SearchLimits? limits = null,
        CancellationToken cancellationToken = default
    )
    {
        limits ??= new SearchLimits();
        var demand = graph.TargetDemand(target);
        var root = graph.PositionOf(demand);
        if (graph.IsFixed(root))
        {
            return graph.FixedSatisfies(demand)
                ? new GraphVerdict(Verdict.Accepted, new ResolvedDag([root], [TraceGraph.Legacy], [0]), UsedNodes: new HashSet<int>())
                : new GraphVerdict(Verdict.Rejected, Blocking: [root]);
        }
        return mode switch
        {
            VerificationMode.Position => PositionSemantics.Judge(graph, demand, model),
            VerificationMode.Paths => new PathSemantics(graph, model, limits).Judge(demand, cancellationToken),
            _ => new CoalitionSemantics(graph, model, limits).Judge(demand, cancellationToken),
        };
    }
}
