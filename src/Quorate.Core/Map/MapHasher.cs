using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Core.Map;

/// <summary>
/// Collects the nodes that one change of the map creates, by depth, and sets their hashes from the deepest level upward, so that each level
/// goes through the hash lanes at once and no node is hashed twice. Used by one thread for one change.
/// </summary>
sealed class MapHasher
{
    // Large enough to fill the lanes many times over, small enough for the processor's cache.
    const int GroupSize = 128;

    readonly List<MapLeaf> _leaves = [];
    readonly List<List<MapInner>> _innersByDepth = [];
    readonly Sha256Digest[] _pairs = new Sha256Digest[2 * GroupSize];
    readonly Sha256Digest[] _hashes = new Sha256Digest[GroupSize];

    public MapLeaf Add(MapLeaf leaf)
    {
        _leaves.Add(leaf);
        return leaf;
    }

    public MapInner Add(MapInner inner, int depth)
    {
        while (_innersByDepth.Count <= depth)
        {
            _innersByDepth.Add([]);
        }
        _innersByDepth[depth].Add(inner);
        return inner;
    }

    public void SetHashes()
    {
        for (var start = 0; start < _leaves.Count; start += GroupSize)
        {
            var count = Math.Min(GroupSize, _leaves.Count - start);
            for (var i = 0; i < count; i++)
            {
                var leaf = _leaves[start + i];
                _pairs[2 * i] = leaf.Path;
                _pairs[2 * i + 1] = leaf.ValueHash;
            }
            Sha256Lanes.HashPairs(TreeHash.LeafPrefix, _pairs.AsSpan(0, 2 * count), _hashes.AsSpan(0, count));
            for (var i = 0; i < count; i++)
            {
                _leaves[start + i].Hash = _hashes[i];
            }
        }
        for (var depth = _innersByDepth.Count - 1; depth >= 0; depth--)
        {
            var inners = _innersByDepth[depth];
            for (var start = 0; start < inners.Count; start += GroupSize)
            {
                var count = Math.Min(GroupSize, inners.Count - start);
                for (var i = 0; i < count; i++)
                {
                    var inner = inners[start + i];
                    _pairs[2 * i] = SparseMap.HashOf(inner.Left);
                    _pairs[2 * i + 1] = SparseMap.HashOf(inner.Right);
                }
                Sha256Lanes.HashPairs(TreeHash.NodePrefix, _pairs.AsSpan(0, 2 * count), _hashes.AsSpan(0, count));
                for (var i = 0; i < count; i++)
                {
                    inners[start + i].Hash = _hashes[i];
                }
            }
        }
    }
}
