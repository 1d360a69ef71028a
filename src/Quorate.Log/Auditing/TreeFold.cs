using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>Folds the right edge of a tree, from the right.</summary>
static class TreeFold
{
    /// <summary>
    /// The complete subtrees that <paramref name="hashes"/>, at most 256 of one level, make up, put before what lies to their right.
    /// </summary>
    internal static Sha256Digest? Before(ReadOnlySpan<Sha256Digest> hashes, Sha256Digest? right)
    {
        for (var end = hashes.Length; end > 0; )
        {
            // The smallest complete subtree stands last.
            var width = end & -end;
            var left = TreeTile.Subtree(hashes.Slice(end - width, width));
            right = right is { } below ? TreeHash.Node(in left, in below) : left;
            end -= width;
        }
        return right;
    }
}
