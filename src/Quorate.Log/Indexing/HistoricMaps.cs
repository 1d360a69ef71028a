using Quorate.Core.Map;

namespace Quorate.Log.Indexing;

/// <summary>
/// Maps of earlier heads: recent versions that are still open, and others recomputed when asked for and kept for a while. One is computed at a time, so that a
/// stranger who asks for old heads occupies one processor at most; what is kept is bounded by how many newer keys each had to leave out, and by what
/// the map may not use again because of them.
/// </summary>
sealed class HistoricMaps(SparseMap map) : IDisposable
{
    const int MaxMaps = 16;
    const int MaxNewerKeys = 200_000;
    const long MaxRetiredBytes = 4 * SparseMap.DefaultBudget;

    readonly Lock _lock = new();
    readonly LinkedList<HistoricMap> _recent = [];

    /// <summary>Enters the map over the first <paramref name="treeSize"/> entries. False when <paramref name="newest"/> is closed.</summary>
    internal bool TryRead(ulong treeSize, MapVersion newest, out MapReader reader)
    {
        if (map.VersionOf(treeSize) is { } open && open.TryRead(out reader))
        {
            return true;
        }
        lock (_lock)
        {
            for (var node = _recent.First; node is not null; node = node.Next)
            {
                if (node.Value.TreeSize == treeSize)
                {
                    _recent.Remove(node);
                    _recent.AddFirst(node);
                    return node.Value.TryRead(out reader);
                }
            }
            if (newest.At(treeSize) is not { } computed)
            {
                reader = default;
                return false;
            }
            _recent.AddFirst(computed);
            DropOld();
            return computed.TryRead(out reader);
        }
    }

    /// <summary>Drops all when they keep the map from using too much of its memory again. By the writer, which does not wait.</summary>
    internal void Trim()
    {
        if (map.RetiredBytes > MaxRetiredBytes && _lock.TryEnter())
        {
            try
            {
                Drop(_recent.Count);
            }
            finally
            {
                _lock.Exit();
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            Drop(_recent.Count);
        }
    }

    void DropOld()
    {
        var maps = 0;
        long newerKeys = 0;
        foreach (var kept in _recent)
        {
            newerKeys += kept.NewerKeys;
            if (++maps > 1 && (maps > MaxMaps || newerKeys > MaxNewerKeys))
            {
                Drop(_recent.Count - maps + 1);
                return;
            }
        }
    }

    void Drop(int oldest)
    {
        for (; oldest > 0; oldest--)
        {
            _recent.Last!.Value.Dispose();
            _recent.RemoveLast();
        }
    }
}
