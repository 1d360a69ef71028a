using System.Numerics;

namespace Quorate.Nix.Verification;

/// <summary>
/// Looks for one complete, consistent derivation among the options that count. Positions are decided from the target down, so that everybody who requires
/// something of a position was decided before it. When a position cannot be decided, the search goes straight back to the latest decision that had
/// a part in the failure (conflict-directed backjumping): independent divergences cost their sum, not their product.
/// </summary>
sealed class DagSearch
{
    const int Nobody = -1;
    const int MaxBlamed = 16;

    readonly TraceGraph _graph;
    readonly int _demand;
    readonly int _root;
    readonly Support _support;
    readonly int[]?[] _order;

    readonly int[] _choice;
    readonly int[] _cursor;
    readonly SortedSet<int>?[] _conflicts;
    readonly Stack<int> _decided = new();

    // The requirements on undecided positions: one stack for all, a linked list for each. Decisions are taken back in reverse order.
    readonly int[] _head;
    readonly List<(int Demand, int Consumer, int Next)> _requirements = [];

    readonly SortedSet<int> _contradicted = [];

    /// <param name="order">For positions with more than one option: in which order to try them.</param>
    public DagSearch(TraceGraph graph, int demand, int[]?[] order, Func<int, bool> counts)
    {
        _graph = graph;
        _demand = demand;
        _root = graph.PositionOf(demand);
        _order = order;
        _support = new Support(graph, _root, counts);
        _choice = new int[_root + 1];
        _cursor = new int[_root + 1];
        _conflicts = new SortedSet<int>?[_root + 1];
        _head = new int[_root + 1];
        Array.Fill(_head, Nobody);
    }

    public Support Support => _support;

    /// <summary>Where consumers wanted different things of one position, when the search failed for that.</summary>
    public IReadOnlyCollection<int> Contradicted => _contradicted;

    /// <summary>True with a derivation, false when there is none, null when the budget was spent.</summary>
    public bool? Run(ref long budget, CancellationToken cancellationToken)
    {
        if (!_support.OfDemand(_demand))
        {
            return false;
        }
        Require(_demand, consumer: Nobody);
        var position = _root;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var option = NextOption(position, ref budget);
            if (budget < 0)
            {
                return null;
            }
            if (option >= 0)
            {
                Decide(position, option);
                position = NextRequired(position);
                if (position < 0)
                {
                    return true;
                }
                _cursor[position] = 0;
                _conflicts[position] = null;
                continue;
            }
            var culprits = Culprits(position);
            if (culprits.Count == 0)
            {
                return false;
            }
            // Consumers have higher numbers and are decided earlier, so the latest decision is the lowest.
            var back = culprits.Min;
            TakeBack(back);
            culprits.Remove(back);
            (_conflicts[back] ??= []).UnionWith(culprits);
            position = back;
        }
    }

    /// <summary>The derivation that was found.</summary>
    public ResolvedDag Found()
    {
        var positions = _decided.Reverse().ToArray();
        var nodes = new int[positions.Length];
        var signers = new ulong[positions.Length];
        for (var i = 0; i < positions.Length; i++)
        {
            nodes[i] = _graph.NodeOf(_choice[positions[i]]);
            signers[i] = SignersAt(positions[i]);
        }
        return new ResolvedDag(positions, nodes, signers);
    }

    /// <summary>All who signed the chosen node with the outputs that are required of it, even if their maps differ elsewhere.</summary>
    ulong SignersAt(int position)
    {
        var signers = 0UL;
        var node = _graph.NodeOf(_choice[position]);
        var (start, end) = _graph.OptionsOf(position);
        for (var option = start; option < end; option++)
        {
            if (_graph.NodeOf(option) == node && Contradicting(position, option) == Fits)
            {
                signers |= _graph.SignersOf(option);
            }
        }
        return signers;
    }

    int NextOption(int position, ref long budget)
    {
        var (start, end) = _graph.OptionsOf(position);
        while (_cursor[position] < end - start)
        {
            if (--budget < 0)
            {
                return -1;
            }
            var at = _cursor[position]++;
            var option = start + (_order[position] is { } order ? order[at] : at);
            if (_support.OfOption(option) && Contradicting(position, option) == Fits)
            {
                return option;
            }
        }
        return -1;
    }

    const int Fits = -2;

    /// <summary>The earliest decision that the option contradicts, <see cref="Nobody"/> for the target itself.</summary>
    int Contradicting(int position, int option)
    {
        var earliest = Fits;
        for (var at = _head[position]; at >= 0; at = _requirements[at].Next)
        {
            var requirement = _requirements[at];
            if (!_graph.Matches(requirement.Demand, option))
            {
                if (requirement.Consumer == Nobody)
                {
                    return Nobody;
                }
                earliest = Math.Max(earliest, requirement.Consumer);
            }
        }
        return earliest;
    }

    void Decide(int position, int option)
    {
        _choice[position] = option;
        _decided.Push(position);
        foreach (var need in _graph.NeedsOf(_graph.NodeOf(option)))
        {
            if (!_graph.IsFixed(_graph.PositionOf(need)))
            {
                Require(need, position);
            }
        }
    }

    void TakeBack(int position)
    {
        int undone;
        do
        {
            undone = _decided.Pop();
            var needs = _graph.NeedsOf(_graph.NodeOf(_choice[undone]));
            for (var i = needs.Length - 1; i >= 0; i--)
            {
                var of = _graph.PositionOf(needs[i]);
                if (!_graph.IsFixed(of))
                {
                    _head[of] = _requirements[^1].Next;
                    _requirements.RemoveAt(_requirements.Count - 1);
                }
            }
        } while (undone != position);
    }

    void Require(int demand, int consumer)
    {
        var position = _graph.PositionOf(demand);
        _requirements.Add((demand, consumer, _head[position]));
        _head[position] = _requirements.Count - 1;
    }

    int NextRequired(int below)
    {
        for (var position = below - 1; position >= 0; position--)
        {
            if (_head[position] >= 0)
            {
                return position;
            }
        }
        return -1;
    }

    /// <summary>Decisions that together leave the position without an option; as few and as early ones as are seen easily.</summary>
    SortedSet<int> Culprits(int position)
    {
        var culprits = _conflicts[position] ?? [];
        // Somebody must require the position at all; the earliest of them is enough.
        var reaches = Nobody;
        var byTarget = false;
        for (var at = _head[position]; at >= 0; at = _requirements[at].Next)
        {
            reaches = Math.Max(reaches, _requirements[at].Consumer);
            byTarget |= _requirements[at].Consumer == Nobody;
        }
        if (!byTarget)
        {
            culprits.Add(reaches);
        }
        var (start, end) = _graph.OptionsOf(position);
        for (var option = start; option < end; option++)
        {
            if (_support.OfOption(option) && Contradicting(position, option) is >= 0 and var consumer)
            {
                culprits.Add(consumer);
                if (_contradicted.Count < MaxBlamed)
                {
                    _contradicted.Add(position);
                }
            }
        }
        return culprits;
    }

    /// <summary>Options of each position that has several: those that the model believes as they stand first, then the most signed; legacy claims last.</summary>
    public static int[]?[] OrderFor(TraceGraph graph, QuorumModel model)
    {
        var order = new int[]?[graph.Positions];
        for (var position = 0; position < graph.Positions; position++)
        {
            var (start, end) = graph.OptionsOf(position);
            if (end - start > 1)
            {
                order[position] =
                [
                    .. Enumerable
                        .Range(0, end - start)
                        .OrderByDescending(i => model.Holds(graph.SignersOf(start + i)))
                        .ThenByDescending(i => BitOperations.PopCount(graph.SignersOf(start + i)))
                        .ThenBy(i => graph.NodeOf(start + i) == TraceGraph.Legacy),
                ];
            }
        }
        return order;
    }
}
