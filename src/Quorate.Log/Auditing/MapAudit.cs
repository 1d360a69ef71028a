using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Map;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>Rebuilds the map of a Quorate log from its entries: the first value of a key wins.</summary>
sealed class MapAudit : IMapLeaves, IDisposable
{
    const int ChunkSize = 1 << 14;

    readonly SparseMap _map;
    readonly List<Leaf[]> _leaves = [];
    readonly HashSet<Sha256Digest> _inBatch = [];
    readonly List<MapInsertion> _batch = [];
    ulong _count;

    internal MapAudit() => _map = new SparseMap(this, budget: 0);

    /// <summary>The root of the map over the first <paramref name="size"/> entries, which must have been noted.</summary>
    internal Sha256Digest RootAt(ulong size)
    {
        for (; _count < size; _count++)
        {
            ref readonly var leaf = ref At(_count);
            if (!_map.TryFindStaged(leaf.Path, out _) && _inBatch.Add(leaf.Path))
            {
                _batch.Add(new MapInsertion(leaf.Path, leaf.ValueHash, _count));
            }
        }
        _map.Insert(CollectionsMarshal.AsSpan(_batch));
        _batch.Clear();
        _inBatch.Clear();
        var root = _map.StagedRoot;
        _map.Publish(size);
        return root;
    }

    /// <summary>Makes room for entries, so that <see cref="Note"/> can be called for them by several workers.</summary>
    internal void Reserve(ulong size)
    {
        while ((ulong)_leaves.Count * ChunkSize < size)
        {
            _leaves.Add(new Leaf[ChunkSize]);
        }
    }

    /// <summary>Keeps what the map needs of an entry; false where it is no Quorate entry.</summary>
    internal bool Note(ulong index, ReadOnlySpan<byte> data)
    {
        if (!LeafData.TrySplit(data, out var key, out var digest))
        {
            return false;
        }
        At(index) = new Leaf(ShortSha256.Hash(key), MapEntryJson.Hash(in digest, index));
        return true;
    }

    public void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash) => (path, valueHash) = At(index);

    public void Dispose() => _map.Dispose();

    ref Leaf At(ulong index) => ref _leaves[(int)(index / ChunkSize)][index % ChunkSize];

    readonly record struct Leaf(Sha256Digest Path, Sha256Digest ValueHash);
}
