using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Map;

namespace Quorate.Log.Checking;

/// <summary>The map of a log as it is recomputed, first value of a key wins.</summary>
sealed class CheckedMap : IDisposable
{
    const int Batch = 1 << 15;

    readonly HashSet<Sha256Digest> _pendingPaths = [];
    readonly List<MapInsertion> _pending = [];
    readonly MapLeafList _leaves = new();
    readonly SparseMap _map;

    internal CheckedMap() => _map = new SparseMap(_leaves);

    internal void Add(in Sha256Digest path, in Sha256Digest valueDigest, ulong index)
    {
        if (_map.TryFindStaged(path, out _) || !_pendingPaths.Add(path))
        {
            return;
        }
        var insertion = new MapInsertion(path, MapEntryJson.Hash(valueDigest, index), index);
        _leaves.Add(insertion);
        _pending.Add(insertion);
        if (_pending.Count >= Batch)
        {
            Flush();
        }
    }

    internal Sha256Digest Root()
    {
        Flush();
        return _map.StagedRoot;
    }

    public void Dispose() => _map.Dispose();

    void Flush()
    {
        _map.Insert(CollectionsMarshal.AsSpan(_pending));
        _pending.Clear();
        _pendingPaths.Clear();
    }
}
