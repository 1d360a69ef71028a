using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>
/// laut's newer semantics: along every dependency path, on its own, some number of ways lead from the target to the leaf, of which no two
/// share a signer at a position and whose signers there are believed together. A state is a position with the alternatives of what the
/// ways may demand of it; the verdict is positive when every state that is reached has at least one way to go on.
/// </summary>
sealed class PathSemantics(TraceGraph graph, QuorumModel model, SearchLimits limits)
{
    readonly HashSet<int> _legacy = [];
    long _budget = limits.Steps;
    Support _support = null!;

    /// <summary>Several demands of one position, ascending, with repetition: one for each way.</summary>
    sealed class Demands(int[] items) : IEquatable<Demands>
    {
        public int[] Items { get; } = items;

        public bool Equals(Demands? other) => other is not null && Items.AsSpan().SequenceEqual(other.Items);

        public override bool Equals(object? obj) => Equals(obj as Demands);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var item in Items)
            {
                hash.Add(item);
            }
            return hash.ToHashCode();
        }
    }

    public GraphVerdict Judge(int target, CancellationToken cancellationToken)
    {
        var root = graph.PositionOf(target);
        _support = new Support(graph, root, _ => true);
        if (!_support.OfDemand(target))
        {
            return new GraphVerdict(Verdict.Rejected, Blocking: _support.Blame(target, _ => true, most: 16));
        }
        var widths = Enumerable.Range(1, System.Numerics.BitOperations.PopCount(model.Builders));
        var start = widths
            .Where(width => model.HoldsForSize(model.Builders, width))
            .Select(width => new Demands([.. Enumerable.Repeat(target, width)]))
            .ToHashSet();
        var used = new HashSet<int>();
        _legacy.Clear();
        var reached = new SortedDictionary<int, (int Node, ulong Signers)>();
        var seen = new HashSet<(int, string)>();
        var open = new Stack<(int Position, HashSet<Demands> Alternatives)>([(root, start)]);
        while (open.TryPop(out var state))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var onward = Onward(state.Alternatives, state.Position, used, reached, out var endsHere);
            if (_budget < 0)
            {
                return GraphVerdict.Capped($"the search for ways took more than {limits.Steps} steps");
            }
            if (onward is null)
            {
                return new GraphVerdict(Verdict.Rejected, Blocking: [state.Position]);
            }
            if (endsHere)
            {
                continue;
            }
            foreach (var (position, alternatives) in onward)
            {
                if (seen.Add((position, Key(alternatives))))
                {
                    open.Push((position, alternatives));
                }
            }
        }
        int[] positions = [.. reached.Keys.Reverse()];
        return new GraphVerdict(
            Verdict.Accepted,
            new ResolvedDag(positions, [.. positions.Select(p => reached[p].Node)], [.. positions.Select(p => reached[p].Signers)]),
            UsedNodes: used
        )
        {
            LegacyPositions = _legacy,
        };
    }

    static string Key(HashSet<Demands> alternatives) =>
        string.Join('|', alternatives.Select(demands => string.Join(',', demands.Items)).Order(StringComparer.Ordinal));

    /// <summary>What the ways may demand of each dependency; null when no alternative has enough signers here.</summary>
    Dictionary<int, HashSet<Demands>>? Onward(
        HashSet<Demands> alternatives,
        int position,
        HashSet<int> used,
        SortedDictionary<int, (int Node, ulong Signers)> reached,
        out bool endsHere
    )
    {
        endsHere = false;
        var any = false;
        var onward = new Dictionary<int, HashSet<Demands>>();
        foreach (var alternative in alternatives)
        {
            foreach (var route in Routes(alternative.Items, position))
            {
                any = true;
                var node = graph.NodeOf(route[0]);
                var signers = route.Aggregate(0UL, (all, option) => all | graph.SignersOf(option));
                reached[position] = reached.TryGetValue(position, out var old) ? (old.Node, old.Signers | signers) : (node, signers);
                if (node == TraceGraph.Legacy)
                {
                    _legacy.Add(position);
                    endsHere = true;
                    return onward;
                }
                used.UnionWith(route.Select(graph.NodeOf));
                Induce(route, onward);
            }
        }
        return any ? onward : null;
    }

    void Induce(int[] route, Dictionary<int, HashSet<Demands>> onward)
    {
        foreach (var first in graph.NeedsOf(graph.NodeOf(route[0])))
        {
            var dependency = graph.PositionOf(first);
            if (graph.IsFixed(dependency))
            {
                continue;
            }
            var demands = new List<int>(route.Length);
            foreach (var option in route)
            {
                foreach (var need in graph.NeedsOf(graph.NodeOf(option)))
                {
                    if (graph.PositionOf(need) == dependency)
                    {
                        demands.Add(need);
                    }
                }
            }
            demands.Sort();
            if (!onward.TryGetValue(dependency, out var known))
            {
                onward[dependency] = known = [];
            }
            known.Add(new Demands([.. demands]));
        }
    }

    /// <summary>
    /// Every choice of one option a demand for which distinct signers exist that are believed together. Choices that differ only in the
    /// order of equal demands come once. A legacy claim ends a way, and is believed alone or not at all.
    /// </summary>
    IEnumerable<int[]> Routes(int[] demands, int position)
    {
        var (start, end) = graph.OptionsOf(position);
        var route = new int[demands.Length];
        var next = new int[demands.Length];
        next[0] = start;
        var at = 0;
        while (at >= 0)
        {
            if (next[at] >= end)
            {
                at--;
                continue;
            }
            if (--_budget < 0)
            {
                yield break;
            }
            var option = next[at]++;
            var legacyAmongOthers = demands.Length > 1 && graph.NodeOf(option) == TraceGraph.Legacy;
            if (!_support.OfOption(option) || !graph.Matches(demands[at], option) || legacyAmongOthers)
            {
                continue;
            }
            route[at] = option;
            if (at + 1 == demands.Length)
            {
                if (HasSigners(route))
                {
                    yield return [.. route];
                }
                continue;
            }
            at++;
            // Equal demands take their options in ascending order.
            next[at] = demands[at] == demands[at - 1] ? option : start;
        }
    }

    bool HasSigners(int[] route)
    {
        var all = graph.SignersOf(route[0]);
        var same = true;
        for (var i = 1; i < route.Length; i++)
        {
            same &= route[i] == route[0];
        }
        return same ? model.HoldsForSize(all, route.Length) : Assign(route, 0, 0);
    }

    /// <summary>Distinct signers for the options from <paramref name="at"/> on, which together with the taken ones are believed.</summary>
    bool Assign(int[] route, int at, ulong taken)
    {
        if (at == route.Length)
        {
            return model.Holds(taken);
        }
        for (var free = graph.SignersOf(route[at]) & ~taken; free != 0 && --_budget >= 0; free &= free - 1)
        {
            if (Assign(route, at + 1, taken | (free & (~free + 1))))
            {
                return true;
            }
        }
        return false;
    }
}
