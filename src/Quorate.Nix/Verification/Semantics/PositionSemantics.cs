using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>
/// laut's first semantics: collect everybody who signed anything that fits at a position, and ask whether the model believes them, at every
/// position that the target reaches. It accepts results that no single derivation backs; it is here to compare with.
/// </summary>
static class PositionSemantics
{
    public static GraphVerdict Judge(TraceGraph graph, int target, QuorumModel model)
    {
        var root = graph.PositionOf(target);
        var support = new Support(graph, root, _ => true);
        if (!support.OfDemand(target))
        {
            return new GraphVerdict(Verdict.Rejected, Blocking: support.Blame(target, _ => true, most: 16));
        }
        var evidence = new ulong[root + 1];
        var reached = new SortedSet<int>();
        var chosen = new int[root + 1];
        var used = new HashSet<int>();
        var legacy = new HashSet<int>();
        var seen = new HashSet<int> { target };
        var open = new Stack<int>([target]);
        while (open.TryPop(out var demand))
        {
            var position = graph.PositionOf(demand);
            if (graph.IsFixed(position))
            {
                continue;
            }
            var (start, end) = graph.OptionsOf(position);
            for (var option = start; option < end; option++)
            {
                if (!support.OfOption(option) || !graph.Matches(demand, option))
                {
                    continue;
                }
                var node = graph.NodeOf(option);
                evidence[position] |= graph.SignersOf(option);
                if (reached.Add(position))
                {
                    chosen[position] = node;
                }
                _ = node == TraceGraph.Legacy ? legacy.Add(position) : used.Add(node);
                foreach (var need in graph.NeedsOf(node))
                {
                    if (seen.Add(need))
                    {
                        open.Push(need);
                    }
                }
            }
        }
        var weak = reached.Where(position => !model.Holds(evidence[position])).ToArray();
        int[] positions = [.. reached.Reverse()];
        return weak.Length > 0
            ? new GraphVerdict(Verdict.Rejected, Blocking: weak)
            : new GraphVerdict(
                Verdict.Accepted,
                new ResolvedDag(positions, [.. positions.Select(p => chosen[p])], [.. positions.Select(p => evidence[p])]),
                UsedNodes: used
            )
            {
                LegacyPositions = legacy,
            };
    }
}
