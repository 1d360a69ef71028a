using System.Buffers;
using System.Buffers.Binary;

namespace Quorate.Log.Tiles;

/// <summary>
/// The values of an entry bundle, in its order: each behind its length in 32 bits, big-endian. Ours, not C2SP's (docs/formats/tiles.md).
/// </summary>
public static class ValueBundle
{
    /// <summary>Longer values are not in bundles; they are fetched by their digest.</summary>
    public const int MaxValueLength = 64 << 10;

    /// <summary>Longest bundle in bytes.</summary>
    public const int MaxLength = TileNumber.FullWidth * (LengthSize + MaxValueLength);

    const int LengthSize = 4;
    const uint NotHeld = uint.MaxValue;
    const uint ByDigest = uint.MaxValue - 1;

    /// <summary>Appends one value; null where it is not held.</summary>
    public static void Append(IBufferWriter<byte> bundle, ReadOnlyMemory<byte>? value)
    {
        var length =
            value is not { } held ? NotHeld
            : held.Length > MaxValueLength ? ByDigest
            : (uint)held.Length;
        BinaryPrimitives.WriteUInt32BigEndian(bundle.GetSpan(LengthSize), length);
        bundle.Advance(LengthSize);
        if (length < ByDigest)
        {
            bundle.Write(value!.Value.Span);
        }
    }

    /// <summary>
    /// Finds the values of a bundle; false unless there are exactly as many as <paramref name="values"/> has room for. One that is not in the
    /// bundle has the length −1 (to be asked for by its digest) or −2 (not held).
    /// </summary>
    public static bool TrySplit(ReadOnlySpan<byte> bundle, Span<BundleEntry> values)
    {
        var at = 0;
        for (var i = 0; i < values.Length; i++)
        {
            if (bundle.Length - at < LengthSize)
            {
                return false;
            }
            var length = BinaryPrimitives.ReadUInt32BigEndian(bundle[at..]);
            at += LengthSize;
            if (length >= ByDigest)
            {
                values[i] = new BundleEntry(at, length == ByDigest ? -1 : -2);
                continue;
            }
            if (length > MaxValueLength || bundle.Length - at < length)
            {
                return false;
            }
            values[i] = new BundleEntry(at, (int)length);
            at += (int)length;
        }
        return at == bundle.Length;
    }
}
