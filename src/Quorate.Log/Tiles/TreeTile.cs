using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Log.Tiles;

/// <summary>Takes tiles out of a tree, and makes sure that they lead to it: a tile's root is its parent's hash, the last tile's hashes lead to the root.</summary>
static class TreeTile
{
    /// <param name="size">At most the tree's; the tile is one that a log of this size has.</param>
    /// <exception cref="TreeTileException">The hashes and the tree do not agree.</exception>
    internal static byte[] Read(MerkleTree tree, int level, TileNumber number, ulong size)
    {
        var there = TileLayout.At(level, number.Index, size);
        var first = number.Index * TileNumber.FullWidth;
        var hashes = new Sha256Digest[there.Width];
        if (level == 0)
        {
            tree.Leaves(first, hashes);
        }
        else
        {
            for (var i = 0; i < hashes.Length; i++)
            {
                hashes[i] = tree.Subtree(level * TileLayout.Height, first + (ulong)i);
            }
        }
        var leads = there.IsPartial
            ? RootThrough(tree, hashes, level, first, size) == tree.Root(size)
            : Subtree(hashes) == tree.Subtree((level + 1) * TileLayout.Height, number.Index);
        return leads
            ? MemoryMarshal.AsBytes(hashes.AsSpan(0, number.Width)).ToArray()
            : throw new TreeTileException($"{TileLayout.HashPath(level, there)} does not lead to the tree's root");
    }

    /// <summary>The root of a number of hashes that is a power of two.</summary>
    internal static Sha256Digest Subtree(ReadOnlySpan<Sha256Digest> hashes)
    {
        Span<Sha256Digest> nodes = stackalloc Sha256Digest[TileNumber.FullWidth];
        hashes.CopyTo(nodes);
        for (var width = hashes.Length; width > 1; width /= 2)
        {
            TreeHash.Nodes(TreeHash.NodePrefix, nodes[..width], nodes[..(width / 2)]);
        }
        return nodes[0];
    }

    /// <summary>The root of the tree's first <paramref name="size"/> leaves, with this tile's levels taken from its hashes.</summary>
    static Sha256Digest RootThrough(MerkleTree tree, ReadOnlySpan<Sha256Digest> hashes, int level, ulong first, ulong size)
    {
        var lowest = level * TileLayout.Height;
        Sha256Digest? right = null;
        for (var bit = 0; bit < 64 && size >> bit != 0; bit++)
        {
            if ((size >> bit & 1) == 0)
            {
                continue;
            }
            var index = (size >> bit) - 1;
            Sha256Digest left;
            if (bit < lowest || bit >= lowest + TileLayout.Height)
            {
                left = tree.Subtree(bit, index);
            }
            else
            {
                var width = 1 << (bit - lowest);
                left = Subtree(hashes.Slice((int)(index * (ulong)width - first), width));
            }
            right = right is { } below ? TreeHash.Node(in left, in below) : left;
        }
        return right!.Value;
    }
}

/// <summary>Hashes of a tree contradict each other: the memory or the disk that held them changed.</summary>
sealed class TreeTileException(string message) : Exception(message);
