using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>
/// Accepts when for every set F of builders that the model does not believe there is a derivation of the target in which every position
/// has a claim signed outside F. See the decision record "coalitions" for the proof that this search is complete.
/// </summary>
sealed class CoalitionSemantics(TraceGraph graph, QuorumModel model, SearchLimits limits)
{
    const int MaxBlamed = 16;

    readonly int[]?[] _order = DagSearch.OrderFor(graph, model);
    readonly HashSet<int> _used = [];
    readonly HashSet<int> _legacy = [];
    long _budget = limits.Steps;

    public GraphVerdict Judge(int demand, CancellationToken cancellationToken)
    {
        // Where builders agree this is all: every position of one derivation is signed by builders whom the model believes.
        if (Search(demand, option => model.Holds(graph.SignersOf(option)), cancellationToken) is (true, var agreed))
        {
            return Accept(agreed.Found(), 0);
        }
        _budget = limits.Steps;

        ResolvedDag? first = null;
        var seen = new HashSet<ulong> { 0 };
        var open = new Stack<ulong>([0]);
        while (open.TryPop(out var faulty))
        {
            var (found, search) = Search(demand, option => (graph.SignersOf(option) & ~faulty) != 0, cancellationToken);
            if (found is null)
            {
                return GraphVerdict.Capped($"the search for derivations took more than {limits.Steps} steps") with
                {
                    Coalitions = seen.Count,
                };
            }
            if (found is false)
            {
                return Reject(demand, faulty, search) with { Coalitions = seen.Count };
            }
            var dag = search.Found();
            first ??= dag;
            Use(dag);
            // Whoever wants to spoil this derivation must hold all signers of one of its positions.
            foreach (var signers in Smallest(dag.Signers))
            {
                var larger = faulty | signers;
                if (model.Holds(larger) || !seen.Add(larger))
                {
                    continue;
                }
                if (seen.Count > limits.Coalitions)
                {
                    return GraphVerdict.Capped($"more than {limits.Coalitions} sets of builders to look at") with
                    {
                        Coalitions = seen.Count,
                    };
                }
                open.Push(larger);
            }
        }
        return Accept(first!, seen.Count);
    }

    (bool? Found, DagSearch Search) Search(int demand, Func<int, bool> counts, CancellationToken cancellationToken)
    {
        var search = new DagSearch(graph, demand, _order, counts);
        return (search.Run(ref _budget, cancellationToken), search);
    }

    GraphVerdict Accept(ResolvedDag dag, int coalitions)
    {
        Use(dag);
        return new GraphVerdict(Verdict.Accepted, dag, UsedNodes: _used) { LegacyPositions = _legacy, Coalitions = coalitions };
    }

    void Use(ResolvedDag dag)
    {
        for (var i = 0; i < dag.Nodes.Count; i++)
        {
            _ = dag.Nodes[i] == TraceGraph.Legacy ? _legacy.Add(dag.Positions[i]) : _used.Add(dag.Nodes[i]);
        }
    }

    GraphVerdict Reject(int demand, ulong faulty, DagSearch search)
    {
        var blocking = search.Support.OfDemand(demand)
            ? [.. search.Contradicted]
            : search.Support.Blame(demand, option => (graph.SignersOf(option) & ~faulty) != 0, MaxBlamed);
        return new GraphVerdict(Verdict.Rejected, Coalition: faulty, Blocking: blocking);
    }

    /// <summary>The distinct sets that contain no other of them.</summary>
    static List<ulong> Smallest(IReadOnlyList<ulong> sets)
    {
        var distinct = new HashSet<ulong>(sets);
        return [.. distinct.Where(set => !distinct.Any(other => other != set && (other & ~set) == 0))];
    }
}
