namespace Quorate.Nix.Verification;

/// <summary>What a resolution needs of one position: these outputs with these paths.</summary>
public readonly record struct Requirement(int Position, OutputPaths Outputs);

/// <summary>
/// Collects positions, resolutions and claims, dependencies first: a resolution may only require positions that were added before its own,
/// so that a graph never has a cycle and every derivation of it is grounded. Not thread-safe.
/// </summary>
public sealed class TraceGraphBuilder
{
    readonly List<OutputPaths?> _fixed = [];
    readonly List<int> _lastNeededBy = [];
    readonly List<int> _nodePositions = [];
    readonly List<Requirement[]> _nodeNeeds = [];
    readonly List<ClaimRow> _claims = [];
    readonly List<Requirement> _targets = [];

    internal readonly record struct ClaimRow(int Position, int Node, ulong Signer, OutputPaths Outputs);

    internal IReadOnlyList<OutputPaths?> Fixed => _fixed;

    internal IReadOnlyList<int> NodePositions => _nodePositions;

    internal IReadOnlyList<Requirement[]> NodeNeeds => _nodeNeeds;

    internal List<ClaimRow> Claims => _claims;

    internal IReadOnlyList<Requirement> Targets => _targets;

    /// <summary>A derivation whose outputs somebody must vouch for.</summary>
    public int AddPosition() => Add(null);

    /// <summary>A derivation whose outputs are known beforehand: it needs no evidence.</summary>
    public int AddFixed(OutputPaths outputs) => Add(outputs);

    /// <summary>A resolved derivation of a position.</summary>
    /// <exception cref="ArgumentException">The position is fixed, or a requirement does not come before it, or two are of one position.</exception>
    public int AddNode(int position, IReadOnlyList<Requirement> needs)
    {
        RequireOpen(position);
        var node = _nodePositions.Count;
        foreach (var need in needs)
        {
            if (need.Position < 0 || need.Position >= position || _lastNeededBy[need.Position] == node)
            {
                throw new ArgumentException($"position {position} cannot require position {need.Position}", nameof(needs));
            }
            _lastNeededBy[need.Position] = node;
        }
        _nodePositions.Add(position);
        _nodeNeeds.Add([.. needs]);
        return node;
    }

    /// <param name="signer">A builder's bit number.</param>
    public void AddClaim(int node, int signer, OutputPaths outputs) =>
        _claims.Add(new ClaimRow(_nodePositions[node], node, Bit(signer), outputs));

    /// <summary>A claim about the unresolved derivation: whoever believes it believes the signer's own choice of inputs.</summary>
    public void AddLegacyClaim(int position, int signer, OutputPaths outputs)
    {
        RequireOpen(position);
        _claims.Add(new ClaimRow(position, TraceGraph.Legacy, Bit(signer), outputs));
    }

    /// <summary>Something that shall be judged; returns its number.</summary>
    public int AddTarget(int position, OutputPaths outputs)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, _fixed.Count);
        _targets.Add(new Requirement(position, outputs));
        return _targets.Count - 1;
    }

    public TraceGraph Build() => new(this);

    int Add(OutputPaths? outputs)
    {
        _fixed.Add(outputs);
        _lastNeededBy.Add(-1);
        return _fixed.Count - 1;
    }

    void RequireOpen(int position)
    {
        if (_fixed[position] is not null)
        {
            throw new ArgumentException($"position {position} has fixed outputs", nameof(position));
        }
    }

    static ulong Bit(int signer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(signer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(signer, QuorumModel.MaxBuilders);
        return 1UL << signer;
    }
}
