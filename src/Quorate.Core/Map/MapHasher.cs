using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Core.Map;

/// <summary>
/// Sets the hashes of leaves, many at once, and of inner edges that were marked as changed by a hash of zero: from the deepest level upward, so that each level goes
/// through the hash lanes at once and no node is hashed twice. Used by one thread; its buffers serve the next change again.
/// </summary>
/// <remarks>Safety: the edges lie in blocks of arenas that the caller holds, or in memory of the caller's, until the call that hashes them returns.</remarks>
sealed unsafe class MapHasher(MapBlocks blocks)
{
    // Large enough to fill the lanes many times over, small enough for the processor's cache.
    const int GroupSize = 128;

    // Longer lists are given back after use: only a large import needs them.
    const int MaxKept = 4096;

    readonly nint[] _group = new nint[GroupSize];
    readonly Sha256Digest[] _pairs = new Sha256Digest[2 * GroupSize];
    readonly Sha256Digest[] _hashes = new Sha256Digest[GroupSize];

    // By depth of the node that is hashed next.
    readonly Level[] _levels = new Level[SparseMap.MaxDepth];
    int _leaves;
    int _deepest = -1;

    /// <summary>Hashes a leaf, at the latest in <see cref="HashLeaves"/>.</summary>
    public void AddLeaf(MapEdge* edge, in Sha256Digest path, in Sha256Digest valueHash)
    {
        if (_leaves == GroupSize)
        {
            HashLeaves();
        }
        _pairs[2 * _leaves] = path;
        _pairs[2 * _leaves + 1] = valueHash;
        _group[_leaves++] = (nint)edge;
    }

    /// <summary>
    /// Notes a marked edge on the way, which spares <see cref="HashChanged"/> the way down to it. All of one change must be noted, each edge once and where it stays.
    /// </summary>
    /// <param name="top">Depth of the edge's topmost node.</param>
    public void Add(MapEdge* edge, int top)
    {
        var depth = top + edge->Steps;
        _deepest = Math.Max(_deepest, depth);
        _levels[depth].Add((nint)edge, top);
    }

    /// <summary>Hashes the marked edges, which hang together from a root on.</summary>
    public void HashChanged(MapEdge* root)
    {
        if (_deepest < 0)
        {
            Note(root, 0);
        }
        for (; _deepest >= 0; _deepest--)
        {
            ref var level = ref _levels[_deepest];
            for (var start = 0; start < level.Count; start += GroupSize)
            {
                HashInners(level.Edges.AsSpan(start, Math.Min(GroupSize, level.Count - start)), _deepest);
            }
            level.Clear(MaxKept);
        }
    }

    /// <summary>Forgets leaves that were not hashed yet, and what was noted.</summary>
    public void Clear()
    {
        _leaves = 0;
        Forget();
    }

    /// <summary>Forgets what was noted: edges are about to move. They stay marked.</summary>
    public void Forget()
    {
        for (; _deepest >= 0; _deepest--)
        {
            _levels[_deepest].Clear(MaxKept);
        }
    }

    public void HashLeaves()
    {
        Sha256Lanes.HashPairs(TreeHash.LeafPrefix, _pairs.AsSpan(0, 2 * _leaves), _hashes.AsSpan(0, _leaves));
        for (var i = 0; i < _leaves; i++)
        {
            ((MapEdge*)_group[i])->Hash = _hashes[i];
        }
        _leaves = 0;
    }

    // Recurses at most MaxDepth deep.
    void Note(MapEdge* edge, int top)
    {
        if (!edge->IsInner || edge->Hash != Sha256Digest.Zero)
        {
            return;
        }
        Add(edge, top);
        var block = blocks.At(edge->Block);
        var below = top + edge->Steps + 1;
        Note(&block->Left, below);
        Note(&block->Right, below);
    }

    void HashInners(ReadOnlySpan<(nint Edge, int Top)> group, int depth)
    {
        for (var i = 0; i < group.Length; i++)
        {
            var edge = (MapEdge*)group[i].Edge;
            var step = depth - group[i].Top;
            if (step == edge->Steps)
            {
                var block = blocks.At(edge->Block);
                _pairs[2 * i] = block->Left.Hash;
                _pairs[2 * i + 1] = block->Right.Hash;
            }
            else
            {
                // One step further up: the edge holds the hash of the node below.
                var right = edge->StepsRight(step) ? 1 : 0;
                _pairs[2 * i + right] = edge->Hash;
                _pairs[2 * i + 1 - right] = Sha256Digest.Zero;
            }
        }
        Sha256Lanes.HashPairs(TreeHash.NodePrefix, _pairs.AsSpan(0, 2 * group.Length), _hashes.AsSpan(0, group.Length));
        for (var i = 0; i < group.Length; i++)
        {
            var (edge, top) = group[i];
            ((MapEdge*)edge)->Hash = _hashes[i];
            if (top < depth)
            {
                _levels[depth - 1].Add(edge, top);
            }
        }
    }

    struct Level
    {
        public (nint Edge, int Top)[] Edges;
        public int Count;

        public void Add(nint edge, int top)
        {
            if (Edges is null || Count == Edges.Length)
            {
                Array.Resize(ref Edges, Math.Max(16, 2 * Count));
            }
            Edges[Count++] = (edge, top);
        }

        public void Clear(int maxKept)
        {
            Count = 0;
            if (Edges?.Length > maxKept)
            {
                Edges = null!;
            }
        }
    }
}
