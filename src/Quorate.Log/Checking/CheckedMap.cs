using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Map;

namespace Quorate.Log.Checking;

/// <summary>The map of a log as it is recomputed, first value of a key wins.</summary>
sealed class CheckedMap
{
    const int Batch = 1 << 15;

    readonly HashSet<Sha256Digest> _pendingPaths = [];
    readonly List<MapInsertion> _pending = [];
    SparseMap _map = SparseMap.Empty;

    internal void Add(in Sha256Digest path, in Sha256Digest valueDigest, ulong index)
    {
        if (_map.TryFind(path, out _) || !_pendingPaths.Add(path))
        {
            return;
        }
        _pending.Add(new MapInsertion(path, MapEntryJson.Hash(valueDigest, index), index));
        if (_pending.Count >= Batch)
        {
            Flush();
        }
    }

    internal Sha256Digest Root()
    {
        Flush();
        return _map.Root;
    }

    void Flush()
    {
        _map = _map.Insert(CollectionsMarshal.AsSpan(_pending));
        _pending.Clear();
        _pendingPaths.Clear();
    }
}
