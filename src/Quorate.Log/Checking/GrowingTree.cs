using System.Numerics;
using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Log.Checking;

/// <summary>The root of a growing RFC 6962 tree of which only the right edge is kept.</summary>
sealed class GrowingTree
{
    // The complete subtree of 2^level leaves that ends at the tree's size, where bit level of the size is set.
    readonly Sha256Digest[] _edge = new Sha256Digest[64];

    internal ulong Size { get; private set; }

    internal void Append(in Sha256Digest leaf)
    {
        var hash = leaf;
        var level = BitOperations.TrailingZeroCount(~Size);
        for (var i = 0; i < level; i++)
        {
            hash = TreeHash.Node(in _edge[i], in hash);
        }
        _edge[level] = hash;
        Size++;
    }

    internal Sha256Digest Root()
    {
        if (Size == 0)
        {
            return TreeHash.EmptyRoot;
        }
        var level = BitOperations.TrailingZeroCount(Size);
        var hash = _edge[level];
        for (level++; level < 64; level++)
        {
            if ((Size >> level & 1) == 1)
            {
                hash = TreeHash.Node(in _edge[level], in hash);
            }
        }
        return hash;
    }
}
