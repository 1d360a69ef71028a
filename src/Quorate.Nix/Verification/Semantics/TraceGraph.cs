namespace Quorate.Nix.Verification;

/// <summary>
/// What is claimed about a target's whole dependency graph, without names or bytes: positions (derivations), nodes (their resolutions),
/// options (one output map of one node, with all who sign it) and demands (what a consumer requires of a position). Immutable, flat, and
/// numbered so that everything of one position lies together and dependencies come before their consumers.
/// </summary>
/// <remarks>
/// Output maps are kept only as far as somebody demands outputs of the position: builders that differ in an output which nobody references
/// agree here. Claims stay atomic: one option satisfies several demands only as a whole.
/// </remarks>
public sealed class TraceGraph
{
    /// <summary>The node of an option that a legacy claim stands for.</summary>
    public const int Legacy = -1;

    readonly bool[] _fixed;
    readonly int[] _optionStart;
    readonly int[] _optionNode;
    readonly ulong[] _optionSigners;
    readonly OutputPaths[] _optionOutputs;
    readonly int[] _demandStart;
    readonly OutputPaths[] _demandOutputs;
    readonly int[] _demandPosition;
    readonly bool[] _fixedMatch;
    readonly int[] _matchStart;
    readonly bool[] _match;
    readonly int[] _needStart;
    readonly int[] _needs;
    readonly int[] _targets;

    internal TraceGraph(TraceGraphBuilder builder)
    {
        var positions = builder.Fixed.Count;
        _fixed = [.. builder.Fixed.Select(outputs => outputs is not null)];

        var demands = NumberDemands(builder, positions, out _demandStart);
        _demandOutputs = new OutputPaths[_demandStart[positions]];
        _demandPosition = new int[_demandOutputs.Length];
        for (var position = 0; position < positions; position++)
        {
            foreach (var (outputs, demand) in demands[position])
            {
                _demandOutputs[_demandStart[position] + demand] = outputs;
                _demandPosition[_demandStart[position] + demand] = position;
            }
        }
        int DemandOf(Requirement requirement) => _demandStart[requirement.Position] + demands[requirement.Position][requirement.Outputs];

        _needStart = new int[builder.NodeNeeds.Count + 1];
        var needs = new List<int>();
        for (var node = 0; node < builder.NodeNeeds.Count; node++)
        {
            foreach (var need in builder.NodeNeeds[node])
            {
                needs.Add(DemandOf(need));
            }
            _needStart[node + 1] = needs.Count;
        }
        _needs = [.. needs];
        _targets = [.. builder.Targets.Select(DemandOf)];

        _optionStart = new int[positions + 1];
        (_optionNode, _optionSigners, _optionOutputs) = MergeClaims(builder, positions);

        _fixedMatch = new bool[_demandOutputs.Length];
        _matchStart = new int[_demandOutputs.Length];
        var matches = new List<bool>();
        for (var demand = 0; demand < _demandOutputs.Length; demand++)
        {
            var position = _demandPosition[demand];
            _fixedMatch[demand] = builder.Fixed[position]?.Satisfies(_demandOutputs[demand]) ?? false;
            _matchStart[demand] = matches.Count;
            for (var option = _optionStart[position]; option < _optionStart[position + 1]; option++)
            {
                matches.Add(_optionOutputs[option].Satisfies(_demandOutputs[demand]));
            }
        }
        _match = [.. matches];
    }

    public int Positions => _fixed.Length;

    public int Nodes => _needStart.Length - 1;

    public int Options => _optionNode.Length;

    public int Demands => _demandOutputs.Length;

    public bool IsFixed(int position) => _fixed[position];

    /// <summary>The demand that a target is.</summary>
    public int TargetDemand(int target) => _targets[target];

    public int PositionOf(int demand) => _demandPosition[demand];

    public OutputPaths Demanded(int demand) => _demandOutputs[demand];

    /// <summary>Whether a fixed position has what is demanded of it.</summary>
    public bool FixedSatisfies(int demand) => _fixedMatch[demand];

    public (int Start, int End) DemandsOf(int position) => (_demandStart[position], _demandStart[position + 1]);

    public (int Start, int End) OptionsOf(int position) => (_optionStart[position], _optionStart[position + 1]);

    public int NodeOf(int option) => _optionNode[option];

    public ulong SignersOf(int option) => _optionSigners[option];

    public OutputPaths OutputsOf(int option) => _optionOutputs[option];

    /// <summary>Whether an option of the demand's position states what is demanded.</summary>
    public bool Matches(int demand, int option) => _match[_matchStart[demand] + option - _optionStart[_demandPosition[demand]]];

    /// <summary>The demands that a node puts on its dependencies, one a dependency.</summary>
    public ReadOnlySpan<int> NeedsOf(int node) =>
        node == Legacy ? [] : _needs.AsSpan(_needStart[node], _needStart[node + 1] - _needStart[node]);

    static Dictionary<OutputPaths, int>[] NumberDemands(TraceGraphBuilder builder, int positions, out int[] start)
    {
        var demands = new Dictionary<OutputPaths, int>[positions];
        for (var position = 0; position < positions; position++)
        {
            demands[position] = new Dictionary<OutputPaths, int>(1);
        }
        foreach (var need in builder.NodeNeeds.SelectMany(needs => needs).Concat(builder.Targets))
        {
            demands[need.Position].TryAdd(need.Outputs, demands[need.Position].Count);
        }
        start = new int[positions + 1];
        for (var position = 0; position < positions; position++)
        {
            start[position + 1] = start[position] + demands[position].Count;
        }
        return demands;
    }

    /// <summary>One option per node and projected output map, most signed first within a position; ties stay in the order of arrival.</summary>
    (int[] Nodes, ulong[] Signers, OutputPaths[] Outputs) MergeClaims(TraceGraphBuilder builder, int positions)
    {
        var byPosition = builder.Claims.ToLookup(claim => claim.Position);
        var nodes = new List<int>();
        var signers = new List<ulong>();
        var outputs = new List<OutputPaths>();
        var demanded = new HashSet<string>(StringComparer.Ordinal);
        var merged = new Dictionary<(int Node, OutputPaths Outputs), ulong>();
        for (var position = 0; position < positions; position++)
        {
            demanded.Clear();
            for (var demand = _demandStart[position]; demand < _demandStart[position + 1]; demand++)
            {
                demanded.UnionWith(_demandOutputs[demand].Names);
            }
            merged.Clear();
            foreach (var claim in byPosition[position])
            {
                var key = (claim.Node, claim.Outputs.Project(demanded));
                merged[key] = merged.GetValueOrDefault(key) | claim.Signer;
            }
            foreach (var (option, signed) in merged.OrderByDescending(pair => System.Numerics.BitOperations.PopCount(pair.Value)))
            {
                nodes.Add(option.Node);
                signers.Add(signed);
                outputs.Add(option.Outputs);
            }
            _optionStart[position + 1] = nodes.Count;
        }
        return ([.. nodes], [.. signers], [.. outputs]);
    }
}
