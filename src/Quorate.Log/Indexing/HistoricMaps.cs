using Quorate.Core.Map;

namespace Quorate.Log.Indexing;

/// <summary>
/// Maps of earlier heads, recomputed when asked for and kept for a while. One is computed at a time, so that a stranger who asks for old heads
/// occupies one processor at most; what is kept is bounded by how many newer keys each had to leave out.
/// </summary>
sealed class HistoricMaps
{
    const int MaxMaps = 16;
    const int MaxNewerKeys = 200_000;

    readonly Lock _lock = new();
    readonly LinkedList<(ulong TreeSize, SparseMap Map, int NewerKeys)> _recent = [];

    /// <summary>The map over the first <paramref name="treeSize"/> entries, from one over more.</summary>
    internal SparseMap At(ulong treeSize, SparseMap newest)
    {
        lock (_lock)
        {
            for (var node = _recent.First; node is not null; node = node.Next)
            {
                if (node.Value.TreeSize == treeSize)
                {
                    _recent.Remove(node);
                    _recent.AddFirst(node);
                    return node.Value.Map;
                }
            }
            var map = newest.At(treeSize);
            _recent.AddFirst((treeSize, map, newest.Count - map.Count));
            Trim();
            return map;
        }
    }

    void Trim()
    {
        var maps = 0;
        long newerKeys = 0;
        for (var node = _recent.First; node is not null; )
        {
            var next = node.Next;
            newerKeys += node.Value.NewerKeys;
            if (++maps > 1 && (maps > MaxMaps || newerKeys > MaxNewerKeys))
            {
                _recent.Remove(node);
            }
            node = next;
        }
    }
}
