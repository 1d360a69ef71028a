using System.Collections.Immutable;

namespace Quorate.Node.Gates;

/// <summary>The last refusals, newest first, for operators. Thread-safe.</summary>
sealed class RefusalRing(int capacity)
{
    readonly Lock _lock = new();
    readonly Queue<GateRefusal> _refusals = new();

    public void Add(GateRefusal refusal)
    {
        lock (_lock)
        {
            if (_refusals.Count == capacity)
            {
                _refusals.Dequeue();
            }
            _refusals.Enqueue(refusal);
        }
    }

    public ImmutableArray<GateRefusal> Snapshot()
    {
        lock (_lock)
        {
            return [.. _refusals.Reverse()];
        }
    }
}
