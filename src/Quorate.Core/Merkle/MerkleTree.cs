using System.Buffers;
using System.Numerics;
using Quorate.Core.Columns;

namespace Quorate.Core.Merkle;

/// <summary>
/// An append-only RFC 6962 tree. The leaves are a <see cref="Column{T}"/>, which may keep them in a file; in memory are the hashes of all complete
/// subtrees of 64 leaves and more (one byte a leaf), level by level, and the last, incomplete block of 64. What lies between is hashed
/// again from a block's leaves when it is asked for, and must then meet the hash in memory: nothing that a disk changed gets into a proof, and the
/// root that a log signs is made from memory alone. One writer; any number of readers, without locks, that ask only for sizes
/// which the writer has published to them.
/// </summary>
public sealed partial class MerkleTree
{
    const int MaxLevels = 64;

    /// <summary>Levels below this one are not kept.</summary>
    const int BlockLevel = 6;
    const int BlockSize = 1 << BlockLevel;

    /// <summary>Blocks that are hashed in one go.</summary>
    const int BlocksAtOnce = 16;

    readonly Column<Sha256Digest> _leaves;

    // _upper[i] holds level BlockLevel + i.
    readonly DigestColumn[] _upper = new DigestColumn[MaxLevels - BlockLevel];
    ulong _size;

    public MerkleTree()
        : this(file: null) { }

    /// <param name="file">Where complete blocks of leaves go; null keeps them in memory.</param>
    public MerkleTree(IColumnFile? file)
    {
        _leaves = new Column<Sha256Digest>(BlockSize, file);
        for (var i = 0; i < _upper.Length; i++)
        {
            _upper[i] = new DigestColumn();
        }
    }

    /// <summary>Leaves stored, published or not.</summary>
    public ulong Size => Volatile.Read(ref _size);

    /// <summary>Why blocks of leaves could not be written to the file; they stay in memory meanwhile.</summary>
    public IOException? SpillFailure => _leaves.SpillFailure;

    /// <summary>Appends one leaf hash. Writer only.</summary>
    public void Append(in Sha256Digest leafHash) => AppendRange(new ReadOnlySpan<Sha256Digest>(in leafHash));

    /// <summary>Appends leaf hashes, hashing each level in one go. Writer only.</summary>
    public void AppendRange(ReadOnlySpan<Sha256Digest> leafHashes)
    {
        var oldSize = _size;
        var newSize = checked(oldSize + (ulong)leafHashes.Length);
        _leaves.AppendRange(leafHashes);
        HashBlocks(oldSize >> BlockLevel, newSize >> BlockLevel);
        for (var i = 0; newSize >> (BlockLevel + i + 1) > oldSize >> (BlockLevel + i + 1); i++)
        {
            HashLevel(i, oldSize >> (BlockLevel + i + 1), newSize >> (BlockLevel + i + 1));
        }
        _leaves.Spill();
        Volatile.Write(ref _size, newSize);
    }

    /// <summary>Undoes appends that no reader has been told of. Writer only.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is larger than the tree.</exception>
    public void TruncateTo(ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, _size);
        _leaves.TruncateTo(size);
        Volatile.Write(ref _size, size);
    }

    /// <summary>The root that the tree would have with these leaves behind its own. Writer only.</summary>
    public Sha256Digest RootWith(ReadOnlySpan<Sha256Digest> leafHashes)
    {
        if (leafHashes.IsEmpty)
        {
            return Root(_size);
        }
        var newSize = checked(_size + (ulong)leafHashes.Length);
        var reader = new NodeReader(this, _size, stackalloc Sha256Digest[NodeReader.Length]);
        // Place 0 is for the sibling on the left, where the first new node of a level is a right child.
        var rented = ArrayPool<Sha256Digest>.Shared.Rent(leafHashes.Length + 1);
        leafHashes.CopyTo(rented.AsSpan(1));
        var (first, count) = (_size, leafHashes.Length);
        Sha256Digest? edge = null;
        for (var level = 0; newSize >> level != 0; level++)
        {
            var at = 1;
            if ((first & 1) == 1 && count > 0)
            {
                rented[0] = reader[level, first - 1];
                (at, first, count) = (0, first - 1, count + 1);
            }
            if ((newSize >> level & 1) == 1)
            {
                var last = count > 0 ? rented[at + count - 1] : reader[level, (newSize >> level) - 1];
                edge = edge is { } right ? TreeHash.Node(in last, in right) : last;
            }
            count /= 2;
            TreeHash.Nodes(TreeHash.NodePrefix, rented.AsSpan(at, 2 * count), rented.AsSpan(at, count));
            rented.AsSpan(at, count).CopyTo(rented.AsSpan(1));
            first >>= 1;
        }
        ArrayPool<Sha256Digest>.Shared.Return(rented);
        return edge!.Value;
    }

    /// <summary>The root of the tree's first <paramref name="size"/> leaves.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is beyond the stored leaves.</exception>
    public Sha256Digest Root(ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        if (size == 0)
        {
            return TreeHash.EmptyRoot;
        }
        var reader = new NodeReader(this, size, stackalloc Sha256Digest[NodeReader.Length]);
        return Fold(ref reader, size, MaxLevels);
    }

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is beyond the stored leaves.</exception>
    public Sha256Digest Leaf(ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size);
        return _leaves[index];
    }

    /// <summary>Copies the leaves from <paramref name="start"/> on: cheaper than one by one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They reach beyond the stored leaves.</exception>
    public void Leaves(ulong start, Span<Sha256Digest> leaves)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)leaves.Length, Size - start, nameof(leaves));
        _leaves.Read(start, leaves);
    }

    /// <summary>Reads the first <paramref name="size"/> leaves again, as far as they are in the file; gives the bytes of each part.</summary>
    /// <exception cref="IOException">The file no longer holds what was written.</exception>
    public IEnumerable<int> CheckStored(ulong size) => _leaves.CheckStored(size);

    /// <summary>
    /// The hash of the complete subtree of 2^<paramref name="level"/> leaves that starts at leaf <paramref name="index"/>·2^level: what a tile holds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The subtree is not complete in the stored leaves.</exception>
    public Sha256Digest Subtree(int level, ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(level);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(level, MaxLevels);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size >> level);
        var reader = new NodeReader(this, (index + 1) << level, stackalloc Sha256Digest[NodeReader.Length]);
        return reader[level, index];
    }

    /// <summary>RFC 6962 PATH(index, D[size]): siblings from the leaf upward.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Unless <c>index &lt; size ≤ Size</c>.</exception>
    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var proof = new List<Sha256Digest>(BitOperations.Log2(size) + 1);
        var reader = new NodeReader(this, size, stackalloc Sha256Digest[NodeReader.Length]);
        AddPath(ref reader, proof, 0, index, size);
        return proof;
    }

    /// <summary>
    /// RFC 6962 PROOF(first, D[second]), in its minimal form; empty when <paramref name="first"/> is 0 or not smaller than <paramref name="second"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is beyond the stored leaves.</exception>
    public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(second, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Size);
        if (first == 0 || first >= second)
        {
            return [];
        }
        // The last complete subtree of the old tree, and its path to the new root; the subtree itself is left out where it is the whole
        // old tree, because the verifier knows that root.
        var level = BitOperations.TrailingZeroCount(first);
        var index = (first >> level) - 1;
        var proof = new List<Sha256Digest>(BitOperations.Log2(second) + 2);
        var reader = new NodeReader(this, second, stackalloc Sha256Digest[NodeReader.Length]);
        if (index != 0)
        {
            proof.Add(reader[level, index]);
        }
        AddPath(ref reader, proof, level, index, second);
        return proof;
    }

    /// <summary>Adds the siblings of subtree (level, index), up to the root of the tree of <paramref name="size"/> leaves.</summary>
    static void AddPath(ref NodeReader reader, List<Sha256Digest> proof, int level, ulong index, ulong size)
    {
        // lastIndex is the subtree on this level that holds the last leaf; when it is ours the level has no sibling to the right.
        for (var lastIndex = (size - 1) >> level; lastIndex != 0; level++, index >>= 1, lastIndex >>= 1)
        {
            var sibling = index ^ 1;
            if (sibling < size >> level)
            {
                proof.Add(reader[level, sibling]);
            }
            else if (sibling == lastIndex)
            {
                proof.Add(Fold(ref reader, size, level));
            }
        }
    }

    /// <summary>
    /// Folds the complete subtrees that the bits of <paramref name="size"/> below <paramref name="levels"/> name, from the right: the root of
    /// the tree's incomplete right edge, or of all of it. At least one of those bits must be set.
    /// </summary>
    static Sha256Digest Fold(ref NodeReader reader, ulong size, int levels)
    {
        var level = BitOperations.TrailingZeroCount(size);
        var hash = reader[level, (size >> level) - 1];
        for (level++; level < levels; level++)
        {
            if ((size >> level & 1) == 1)
            {
                hash = TreeHash.Node(reader[level, (size >> level) - 1], in hash);
            }
        }
        return hash;
    }

    /// <summary>Hashes complete blocks, whose leaves are still in memory, to their roots.</summary>
    void HashBlocks(ulong start, ulong end)
    {
        if (start == end)
        {
            return;
        }
        var nodes = ArrayPool<Sha256Digest>.Shared.Rent(BlocksAtOnce * BlockSize);
        for (var block = start; block < end; )
        {
            var count = (int)Math.Min(BlocksAtOnce, end - block);
            for (var i = 0; i < count; i++)
            {
                _leaves.InMemory(checked((int)block + i)).CopyTo(nodes.AsSpan(i * BlockSize));
            }
            for (var width = count * BlockSize; width > count; width /= 2)
            {
                TreeHash.Nodes(TreeHash.NodePrefix, nodes.AsSpan(0, width), nodes.AsSpan(0, width / 2));
            }
            for (var i = 0; i < count; i++)
            {
                _upper[0].From(block + (ulong)i)[0] = nodes[i];
            }
            block += (ulong)count;
        }
        ArrayPool<Sha256Digest>.Shared.Return(nodes);
    }

    /// <summary>Hashes the nodes above <c>_upper[below]</c>.</summary>
    void HashLevel(int below, ulong start, ulong end)
    {
        for (var at = start; at < end; )
        {
            var parents = _upper[below + 1].From(at);
            var children = _upper[below].From(2 * at);
            var count = (int)Math.Min((ulong)Math.Min(parents.Length, children.Length / 2), end - at);
            TreeHash.Nodes(TreeHash.NodePrefix, children[..(2 * count)], parents[..count]);
            at += (ulong)count;
        }
    }
}
