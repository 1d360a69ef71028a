using System.Numerics;

namespace Quorate.Core.Merkle;

/// <summary>
/// An append-only RFC 6962 tree, in memory: the hashes of all complete subtrees, level by level; level L of a tree of n leaves has n &gt;&gt; L
/// of them. One writer; any number of readers, without locks, that ask only for sizes which the writer has published to them.
/// </summary>
public sealed class MerkleTree
{
    const int MaxLevels = 64;

    readonly DigestColumn[] _levels = new DigestColumn[MaxLevels];
    ulong _size;

    public MerkleTree()
    {
        for (var level = 0; level < MaxLevels; level++)
        {
            _levels[level] = new DigestColumn();
        }
    }

    /// <summary>Leaves stored, published or not.</summary>
    public ulong Size => Volatile.Read(ref _size);

    /// <summary>Appends one leaf hash. Writer only.</summary>
    public void Append(in Sha256Digest leafHash)
    {
        var index = _size;
        _levels[0].From(index)[0] = leafHash;
        var hash = leafHash;
        for (var level = 0; (index & 1) == 1; level++)
        {
            hash = TreeHash.Node(in _levels[level][index - 1], in hash);
            index >>= 1;
            _levels[level + 1].From(index)[0] = hash;
        }
        Volatile.Write(ref _size, checked(_size + 1));
    }

    /// <summary>Appends leaf hashes, hashing each level in one go. Writer only.</summary>
    public void AppendRange(ReadOnlySpan<Sha256Digest> leafHashes)
    {
        var oldSize = _size;
        var newSize = checked(oldSize + (ulong)leafHashes.Length);
        for (var at = oldSize; !leafHashes.IsEmpty; )
        {
            var room = _levels[0].From(at);
            var count = Math.Min(room.Length, leafHashes.Length);
            leafHashes[..count].CopyTo(room);
            leafHashes = leafHashes[count..];
            at += (ulong)count;
        }
        for (var level = 0; newSize >> (level + 1) > oldSize >> (level + 1); level++)
        {
            var end = newSize >> (level + 1);
            for (var at = oldSize >> (level + 1); at < end; )
            {
                var parents = _levels[level + 1].From(at);
                var children = _levels[level].From(2 * at);
                var count = (int)Math.Min((ulong)Math.Min(parents.Length, children.Length / 2), end - at);
                TreeHash.Nodes(TreeHash.NodePrefix, children[..(2 * count)], parents[..count]);
                at += (ulong)count;
            }
        }
        Volatile.Write(ref _size, newSize);
    }

    /// <summary>Undoes appends that no reader has been told of. Writer only.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is larger than the tree.</exception>
    public void TruncateTo(ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, _size);
        Volatile.Write(ref _size, size);
    }

    /// <summary>The root of the tree's first <paramref name="size"/> leaves.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is beyond the stored leaves.</exception>
    public Sha256Digest Root(ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return size == 0 ? TreeHash.EmptyRoot : Fold(size, MaxLevels);
    }

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is beyond the stored leaves.</exception>
    public Sha256Digest Leaf(ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size);
        return _levels[0][index];
    }

    /// <summary>
    /// The hash of the complete subtree of 2^<paramref name="level"/> leaves that starts at leaf <paramref name="index"/>·2^level: what a tile holds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The subtree is not complete in the stored leaves.</exception>
    public Sha256Digest Subtree(int level, ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(level);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(level, MaxLevels);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size >> level);
        return _levels[level][index];
    }

    /// <summary>RFC 6962 PATH(index, D[size]): siblings from the leaf upward.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Unless <c>index &lt; size ≤ Size</c>.</exception>
    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var proof = new List<Sha256Digest>(BitOperations.Log2(size) + 1);
        AddPath(proof, 0, index, size);
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
        if (index != 0)
        {
            proof.Add(_levels[level][index]);
        }
        AddPath(proof, level, index, second);
        return proof;
    }

    /// <summary>Adds the siblings of subtree (level, index), up to the root of the tree of <paramref name="size"/> leaves.</summary>
    void AddPath(List<Sha256Digest> proof, int level, ulong index, ulong size)
    {
        // lastIndex is the subtree on this level that holds the last leaf; when it is ours the level has no sibling to the right.
        for (var lastIndex = (size - 1) >> level; lastIndex != 0; level++, index >>= 1, lastIndex >>= 1)
        {
            var sibling = index ^ 1;
            if (sibling < size >> level)
            {
                proof.Add(_levels[level][sibling]);
            }
            else if (sibling == lastIndex)
            {
                proof.Add(Fold(size, level));
            }
        }
    }

    /// <summary>
    /// Folds the complete subtrees that the bits of <paramref name="size"/> below <paramref name="levels"/> name, from the right: the root of
    /// the tree's incomplete right edge, or of all of it. At least one of those bits must be set.
    /// </summary>
    Sha256Digest Fold(ulong size, int levels)
    {
        var level = BitOperations.TrailingZeroCount(size);
        var hash = _levels[level][(size >> level) - 1];
        for (level++; level < levels; level++)
        {
            if ((size >> level & 1) == 1)
            {
                hash = TreeHash.Node(in _levels[level][(size >> level) - 1], in hash);
            }
        }
        return hash;
    }
}
