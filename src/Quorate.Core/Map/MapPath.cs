using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Quorate.Core.Map;

/// <summary>Bits of paths, counted from the most significant bit of the first byte.</summary>
static class MapPath
{
    /// <summary>The first 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Word(in Sha256Digest path) => BinaryPrimitives.ReadUInt64BigEndian(path.AsSpan());

    /// <summary>Bit <paramref name="depth"/>; true goes right.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Bit(in Sha256Digest path, int depth) => (path.AsSpan()[depth >> 3] >> (7 - (depth & 7)) & 1) != 0;

    /// <summary>The 32 bits from <paramref name="depth"/> (0 to 255) on, zero beyond the path's end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Window(in Sha256Digest path, int depth)
    {
        const int LastWord = Sha256Digest.Size - sizeof(ulong);
        var start = Math.Min(depth >> 3, LastWord);
        var word = BinaryPrimitives.ReadUInt64BigEndian(path.AsSpan()[start..]);
        return unchecked((uint)(word << (depth - 8 * start) >> 32));
    }

    /// <summary>The first <paramref name="depth"/> bits of a word; all of them beyond 64.</summary>
    public static ulong WordMask(int depth) => ~BitsAt(ulong.MaxValue, depth);

    /// <summary>Bits moved down to a depth; none of them are left beyond 64.</summary>
    public static ulong BitsAt(ulong bits, int depth) => depth >= 64 ? 0 : bits >> depth;

    /// <summary>How many leading bits two paths share; 256 when they are equal.</summary>
    public static int CommonBits(in Sha256Digest left, in Sha256Digest right)
    {
        for (var start = 0; start < Sha256Digest.Size; start += sizeof(ulong))
        {
            var difference =
                BinaryPrimitives.ReadUInt64BigEndian(left.AsSpan()[start..])
                ^ BinaryPrimitives.ReadUInt64BigEndian(right.AsSpan()[start..]);
            if (difference != 0)
            {
                return 8 * start + BitOperations.LeadingZeroCount(difference);
            }
        }
        return SparseMap.MaxDepth;
    }
}
