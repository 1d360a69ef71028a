namespace Quorate.Nix.Verification;

/// <summary>
/// Which demands some derivation meets when only some options count: one pass from the leaves up. Consistency between consumers of one
/// position is not looked at, so an unsupported demand is hopeless, and a supported one only possibly met.
/// </summary>
sealed class Support
{
    readonly TraceGraph _graph;
    readonly bool[] _demands;
    readonly bool[] _options;

    /// <param name="highest">Last position of interest.</param>
    public Support(TraceGraph graph, int highest, Func<int, bool> counts)
    {
        _graph = graph;
        _demands = new bool[graph.Demands];
        _options = new bool[graph.Options];
        for (var position = 0; position <= highest; position++)
        {
            var (firstOption, endOption) = graph.OptionsOf(position);
            for (var option = firstOption; option < endOption; option++)
            {
                _options[option] = counts(option) && IsSupported(graph.NeedsOf(graph.NodeOf(option)));
            }
            var (firstDemand, endDemand) = graph.DemandsOf(position);
            for (var demand = firstDemand; demand < endDemand; demand++)
            {
                _demands[demand] = graph.FixedSatisfies(demand);
                for (var option = firstOption; option < endOption && !_demands[demand]; option++)
                {
                    _demands[demand] = _options[option] && graph.Matches(demand, option);
                }
            }
        }
    }

    public bool OfDemand(int demand) => _demands[demand];

    public bool OfOption(int option) => _options[option];

    bool IsSupported(ReadOnlySpan<int> needs)
    {
        foreach (var need in needs)
        {
            if (!_demands[need])
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The positions nearest to the leaves at which an unsupported demand fails: nothing that counts was claimed there.</summary>
    public IReadOnlyList<int> Blame(int demand, Func<int, bool> counts, int most)
    {
        var blamed = new SortedSet<int>();
        var seen = new HashSet<int> { demand };
        var open = new Stack<int>([demand]);
        while (open.Count > 0 && blamed.Count < most)
        {
            var failed = open.Pop();
            var position = _graph.PositionOf(failed);
            var (start, end) = _graph.OptionsOf(position);
            var deeper = false;
            for (var option = start; option < end; option++)
            {
                if (!counts(option) || !_graph.Matches(failed, option))
                {
                    continue;
                }
                foreach (var need in _graph.NeedsOf(_graph.NodeOf(option)))
                {
                    if (!_demands[need])
                    {
                        deeper = true;
                        if (seen.Add(need))
                        {
                            open.Push(need);
                        }
                    }
                }
            }
            if (!deeper)
            {
                blamed.Add(position);
            }
        }
        return [.. blamed];
    }
}
