using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>
/// The hashes of a growing tree that are still needed: of each level of tiles above the lowest, those since its last full tile. At most
/// 255 of each of 7 levels, however large the log is.
/// </summary>
sealed class TileTower
{
    readonly List<Sha256Digest>[] _pending = [.. Enumerable.Range(0, TileLayout.MaxLevels).Select(_ => new List<Sha256Digest>())];

    /// <summary>Full tiles of the lowest level taken in.</summary>
    internal ulong Tiles { get; private set; }

    /// <summary>The hashes of level 1 and above that no full tile has yet.</summary>
    internal ReadOnlySpan<Sha256Digest> Pending(int level) => CollectionsMarshal.AsSpan(_pending[level]);

    /// <summary>Takes in the root of the next full tile of the lowest level.</summary>
    /// <param name="filled">Told of every tile of a higher level that this fills, from the lowest up.</param>
    internal void Add(Sha256Digest root, Action<int, ulong, Sha256Digest[]> filled)
    {
        Tiles++;
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            var pending = _pending[level];
            pending.Add(root);
            if (pending.Count < TileNumber.FullWidth)
            {
                return;
            }
            root = TreeTile.Subtree(CollectionsMarshal.AsSpan(pending));
            filled(level, TileLayout.Hashes(level, Tiles * TileNumber.FullWidth) / TileNumber.FullWidth - 1, [.. pending]);
            pending.Clear();
        }
    }

    /// <summary>The root of the tree with all tiles taken in and these leaves, at most 256, behind them.</summary>
    internal Sha256Digest Root(ReadOnlySpan<Sha256Digest> leaves)
    {
        var root = TreeFold.Before(leaves, null);
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            root = TreeFold.Before(Pending(level), root);
        }
        return root ?? TreeHash.EmptyRoot;
    }

    /// <summary>A tower with this many tiles and these pending hashes, level 1 first; null unless they belong together.</summary>
    internal static TileTower? Of(ulong tiles, IReadOnlyList<Sha256Digest[]> pending)
    {
        if (tiles > TileNumber.MaxIndex || pending.Count != TileLayout.MaxLevels - 1)
        {
            return null;
        }
        var tower = new TileTower { Tiles = tiles };
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            if (TileLayout.Hashes(level, tiles * TileNumber.FullWidth) % TileNumber.FullWidth != (ulong)pending[level - 1].Length)
            {
                return null;
            }
            tower._pending[level].AddRange(pending[level - 1]);
        }
        return tower;
    }
}
