using System.Buffers.Binary;

namespace Quorate.Core.Map;

/// <summary>
/// The Trustix map: a 256-bit sparse Merkle tree as Celestia's <c>smt</c> builds it. The empty subtree is 32 zero bytes and is not hashed; a
/// subtree of one leaf is that leaf. Immutable: an insertion copies the paths that it changes and shares the rest, so every older map stays
/// usable at no cost, and any number of threads may read.
/// </summary>
public sealed class SparseMap
{
    /// <summary>Depth of the tree in bits.</summary>
    public const int MaxDepth = 8 * Sha256Digest.Size;

    readonly MapNode? _root;

    SparseMap(MapNode? root, int count)
    {
        _root = root;
        Count = count;
    }

    public static SparseMap Empty { get; } = new(null, 0);

    /// <summary>Keys in the map.</summary>
    public int Count { get; }

    /// <summary>32 zero bytes for the empty map.</summary>
    public Sha256Digest Root => HashOf(_root);

    /// <summary>A map that also holds the batch, in any order.</summary>
    /// <exception cref="ArgumentException">A path is in the map already, or twice in the batch.</exception>
    public SparseMap Insert(ReadOnlySpan<MapInsertion> batch)
    {
        if (batch.IsEmpty)
        {
            return this;
        }
        var hasher = new MapHasher();
        var order = SortedOrder(batch);
        var root = Insert(_root, batch, order, 0, hasher);
        hasher.SetHashes();
        return new SparseMap(root, checked(Count + batch.Length));
    }

    /// <summary>The map of exactly these keys.</summary>
    /// <exception cref="ArgumentException">A path occurs twice.</exception>
    public static SparseMap Build(ReadOnlySpan<MapInsertion> entries) => Empty.Insert(entries);

    /// <summary>The log index stored under a path (the SHA-256 of a key).</summary>
    public bool TryFind(in Sha256Digest path, out ulong index)
    {
        var node = _root;
        for (var depth = 0; node is MapInner inner; depth++)
        {
            node = MapNode.Bit(in path, depth) ? inner.Right : inner.Left;
        }
        var found = node is MapLeaf leaf && leaf.Path == path;
        index = found ? node!.MaxIndex : 0;
        return found;
    }

    /// <summary>A proof that the path is in the map with its value, or that it is not in the map.</summary>
    public MapProof Prove(in Sha256Digest path)
    {
        var siblings = new List<MapNode?>();
        var node = _root;
        for (var depth = 0; node is MapInner inner; depth++)
        {
            var right = MapNode.Bit(in path, depth);
            siblings.Add(right ? inner.Left : inner.Right);
            node = right ? inner.Right : inner.Left;
        }
        var sideNodes = new List<Sha256Digest>(siblings.Count);
        var bitMask = new byte[(siblings.Count + 7) / 8];
        for (var i = 0; i < siblings.Count; i++)
        {
            // From the leaf upward; an empty sibling is a bit of the mask.
            if (siblings[siblings.Count - 1 - i] is { } sibling)
            {
                sideNodes.Add(sibling.Hash);
            }
            else
            {
                bitMask[i / 8] |= (byte)(0x80 >> (i % 8));
            }
        }
        // The explicit type matters: a null array would become an empty leaf, which is not the same as none.
        var other =
            node is MapLeaf leaf && leaf.Path != path
                ? (ReadOnlyMemory<byte>?)SparseMapProof.LeafData(in leaf.Path, in leaf.ValueHash)
                : null;
        return new MapProof(sideNodes, other, bitMask, siblings.Count);
    }

    /// <summary>
    /// The map as it was when the log had <paramref name="treeSize"/> entries: only keys whose index is smaller. Subtrees without newer keys
    /// are shared, so the cost is that of the newer keys' paths.
    /// </summary>
    public SparseMap At(ulong treeSize)
    {
        if (_root is null || _root.MaxIndex < treeSize)
        {
            return this;
        }
        var hasher = new MapHasher();
        var removed = 0;
        var root = Prune(_root, treeSize, 0, hasher, ref removed);
        hasher.SetHashes();
        return new SparseMap(root, Count - removed);
    }

    internal static Sha256Digest HashOf(MapNode? node) => node is null ? Sha256Digest.Zero : node.Hash;

    /// <summary>
    /// Adds the insertions that <paramref name="order"/> names, sorted by path and all below <paramref name="node"/>. Recurses at most
    /// <see cref="MaxDepth"/> deep.
    /// </summary>
    static MapNode? Insert(MapNode? node, ReadOnlySpan<MapInsertion> batch, ReadOnlySpan<int> order, int depth, MapHasher hasher)
    {
        if (order.IsEmpty)
        {
            return node;
        }
        if (node is null && order.Length == 1)
        {
            ref readonly var only = ref batch[order[0]];
            return hasher.Add(new MapLeaf(only.Path, only.ValueHash, only.Index));
        }
        if (depth == MaxDepth)
        {
            throw new ArgumentException($"the path {batch[order[0]].Path} is in the map already", nameof(batch));
        }
        var (left, right) = node switch
        {
            MapInner inner => (inner.Left, inner.Right),
            MapLeaf leaf => MapNode.Bit(in leaf.Path, depth) ? (default(MapNode), (MapNode?)leaf) : (leaf, null),
            _ => (null, null),
        };
        var split = FirstOnTheRight(batch, order, depth);
        return hasher.Add(
            new MapInner(Insert(left, batch, order[..split], depth + 1, hasher), Insert(right, batch, order[split..], depth + 1, hasher)),
            depth
        );
    }

    /// <summary>Position of the first insertion whose path has the bit set, in a sorted run that agrees on all bits before.</summary>
    static int FirstOnTheRight(ReadOnlySpan<MapInsertion> batch, ReadOnlySpan<int> order, int depth)
    {
        var low = 0;
        var high = order.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (MapNode.Bit(batch[order[middle]].Path, depth))
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return low;
    }

    /// <summary>The positions of the batch in order of path.</summary>
    static int[] SortedOrder(ReadOnlySpan<MapInsertion> batch)
    {
        // Paths are hashes, so their first eight bytes nearly always decide, and words sort far faster than structures.
        var words = new ulong[batch.Length];
        var order = new int[batch.Length];
        for (var i = 0; i < batch.Length; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt64BigEndian(batch[i].Path.AsSpan());
            order[i] = i;
        }
        Array.Sort(words, order);
        for (var start = 0; start < words.Length; )
        {
            var end = start + 1;
            while (end < words.Length && words[end] == words[start])
            {
                end++;
            }
            if (end - start > 1)
            {
                SortRun(batch, order.AsSpan(start, end - start));
            }
            start = end;
        }
        return order;
    }

    static void SortRun(ReadOnlySpan<MapInsertion> batch, Span<int> run)
    {
        var paths = new Sha256Digest[run.Length];
        for (var i = 0; i < run.Length; i++)
        {
            paths[i] = batch[run[i]].Path;
        }
        paths.AsSpan().Sort(run);
        for (var i = 1; i < paths.Length; i++)
        {
            if (paths[i] == paths[i - 1])
            {
                throw new ArgumentException($"the path {paths[i]} occurs twice in the batch", nameof(batch));
            }
        }
    }

    static MapNode? Prune(MapNode? node, ulong treeSize, int depth, MapHasher hasher, ref int removed)
    {
        if (node is null || node.MaxIndex < treeSize)
        {
            return node;
        }
        if (node is not MapInner inner)
        {
            removed++;
            return null;
        }
        var left = Prune(inner.Left, treeSize, depth + 1, hasher, ref removed);
        var right = Prune(inner.Right, treeSize, depth + 1, hasher, ref removed);
        // A leaf that is alone in its subtree moves up to stand for it.
        return (left, right) switch
        {
            (null, null) => null,
            (null, MapLeaf alone) => alone,
            (MapLeaf alone, null) => alone,
            _ => hasher.Add(new MapInner(left, right), depth),
        };
    }
}
