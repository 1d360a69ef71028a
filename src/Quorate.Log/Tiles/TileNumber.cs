using System.Text;
using Quorate.Core.Encodings;

namespace Quorate.Log.Tiles;

/// <summary>
/// Which tile or bundle of a row, and how much of it there is: <c>x001/x234/067</c>, with <c>.p/W</c> when it is partial (C2SP tlog-tiles).
/// </summary>
/// <param name="Width">Hashes or entries, 1 to 256; 256 is a full one.</param>
public readonly record struct TileNumber(ulong Index, int Width = TileNumber.FullWidth)
{
    public const int FullWidth = 256;

    /// <summary>Nothing beyond belongs to a tree of fewer than 2^63 entries.</summary>
    public const ulong MaxIndex = long.MaxValue / FullWidth;

    // Six groups of three digits and their separators hold 2^55; ".p/255" follows.
    const int MaxTextLength = 6 * 5 + 6;

    public bool IsPartial => Width < FullWidth;

    /// <summary>The whole tile of the same index.</summary>
    public TileNumber Full => this with { Width = FullWidth };

    /// <summary>Parses the end of a tile's path; the only accepted text is what <see cref="ToString"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TileNumber number)
    {
        number = default;
        if (text.Length is < 3 or > MaxTextLength)
        {
            return false;
        }
        var width = FullWidth;
        var dot = text.IndexOf('.');
        if (dot >= 0)
        {
            if (
                !text[dot..].StartsWith(".p/")
                || !StrictDecimal.TryParse(text[(dot + 3)..], out var partial)
                || partial is 0 or >= FullWidth
            )
            {
                return false;
            }
            width = (int)partial;
            text = text[..dot];
        }
        var index = 0UL;
        var isFirst = true;
        for (; text.Length > 3; text = text[5..])
        {
            if (text.Length < 8 || text[0] != 'x' || text[4] != '/' || !TryGroup(text[1..4], out var group) || (isFirst && group == 0))
            {
                return false;
            }
            index = index * 1000 + group;
            isFirst = false;
        }
        if (text.Length != 3 || !TryGroup(text, out var last) || index * 1000 + last > MaxIndex)
        {
            return false;
        }
        number = new TileNumber(index * 1000 + last, width);
        return true;
    }

    public override string ToString()
    {
        var text = new StringBuilder((Index % 1000).ToString("000"));
        for (var rest = Index / 1000; rest > 0; rest /= 1000)
        {
            text.Insert(0, $"x{rest % 1000:000}/");
        }
        return IsPartial ? text.Append(".p/").Append(Width).ToString() : text.ToString();
    }

    // Six groups are at most 10^18 − 1, which 64 bits hold.
    static bool TryGroup(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        foreach (var c in digits)
        {
            if (c is < '0' or > '9')
            {
                return false;
            }
            value = value * 10 + (ulong)(c - '0');
        }
        return true;
    }
}
