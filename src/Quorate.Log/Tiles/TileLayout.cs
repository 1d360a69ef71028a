namespace Quorate.Log.Tiles;

/// <summary>
/// Which tiles a tree of a given size has (C2SP tlog-tiles). Tile n of level l holds, at position i, the root of leaves
/// [(256n+i)·256^l, (256n+i+1)·256^l). Entry bundles are laid out as level 0.
/// </summary>
public static class TileLayout
{
    /// <summary>Levels of the tree inside one tile.</summary>
    public const int Height = 8;

    /// <summary>Levels of tiles that a tree of fewer than 2^63 leaves can have.</summary>
    public const int MaxLevels = 8;

    /// <summary>Hashes that level <paramref name="level"/> has altogether: complete subtrees of 256^level leaves.</summary>
    public static ulong Hashes(int level, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(level);
        return level >= MaxLevels ? 0 : size >> (Height * level);
    }

    /// <summary>Tiles of a level, the partial one included.</summary>
    public static ulong Tiles(int level, ulong size)
    {
        var hashes = Hashes(level, size);
        return hashes / TileNumber.FullWidth + (hashes % TileNumber.FullWidth == 0 ? 0UL : 1);
    }

    /// <summary>Levels that have at least one hash; 0 for the empty tree.</summary>
    public static int Levels(ulong size)
    {
        var levels = 0;
        while (levels < MaxLevels && Hashes(levels, size) > 0)
        {
            levels++;
        }
        return levels;
    }

    /// <summary>The tile of this index as a log of <paramref name="size"/> entries has it; width 0 where it has none.</summary>
    public static TileNumber At(int level, ulong index, ulong size)
    {
        var hashes = Hashes(level, size);
        var full = hashes / TileNumber.FullWidth;
        return index < full ? new TileNumber(index)
            : index == full ? new TileNumber(index, (int)(hashes % TileNumber.FullWidth))
            : new TileNumber(index, 0);
    }

    /// <summary>Whether a log of <paramref name="size"/> entries has this tile, or had it at a smaller size.</summary>
    public static bool Has(int level, TileNumber number, ulong size) => At(level, number.Index, size).Width >= number.Width;

    /// <summary><c>tile/L/N[.p/W]</c></summary>
    public static string HashPath(int level, TileNumber number) => $"tile/{level}/{number}";

    /// <summary><c>tile/entries/N[.p/W]</c></summary>
    public static string EntriesPath(TileNumber number) => $"tile/entries/{number}";
}
