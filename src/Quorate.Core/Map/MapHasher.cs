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
    Sha256Digest[] _pairs = [];
    Sha256Digest[] _hashes = [];

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
        SetHashes(_leaves, TreeHash.LeafPrefix);
        for (var depth = _innersByDepth.Count - 1; depth >= 0; depth--)
        {
            SetHashes(_innersByDepth[depth], TreeHash.NodePrefix);
        }
    }

    void SetHashes<TNode>(List<TNode> nodes, byte prefix)
        where TNode : MapNode
    {
        if (nodes.Count == 1)
        {
            nodes[0].GetPreimage(out var left, out var right);
            nodes[0].Hash = Sha256Lanes.HashPair(prefix, in left, in right);
            return;
        }
        var group = Math.Min(GroupSize, nodes.Count);
        if (_hashes.Length < group)
        {
            _hashes = new Sha256Digest[group];
            _pairs = new Sha256Digest[2 * group];
        }
        for (var start = 0; start < nodes.Count; start += group)
        {
            var count = Math.Min(group, nodes.Count - start);
            for (var i = 0; i < count; i++)
            {
                nodes[start + i].GetPreimage(out _pairs[2 * i], out _pairs[2 * i + 1]);
            }
            Sha256Lanes.HashPairs(prefix, _pairs.AsSpan(0, 2 * count), _hashes.AsSpan(0, count));
            for (var i = 0; i < count; i++)
            {
                nodes[start + i].Hash = _hashes[i];
            }
        }
    }
}
