using System.Buffers;
using System.Buffers.Binary;

namespace Quorate.Log.Tiles;

/// <summary>Where one entry's data lies in a bundle.</summary>
public readonly record struct BundleEntry(int Start, int Length)
{
    public int End => Start + Length;
}

/// <summary>
/// Up to 256 entries, one behind the other, each after its length in 16 bits, big-endian (C2SP tlog-tiles). How many there are is known from the
/// path, never from the bytes.
/// </summary>
public static class EntryBundle
{
    /// <summary>Longest entry in bytes.</summary>
    public const int MaxEntryLength = ushort.MaxValue;

    /// <summary>Longest bundle in bytes.</summary>
    public const int MaxLength = TileNumber.FullWidth * (LengthSize + MaxEntryLength);

    internal const int LengthSize = 2;

    /// <summary>Finds the entries of a bundle; false unless there are exactly as many as <paramref name="entries"/> has room for.</summary>
    public static bool TrySplit(ReadOnlySpan<byte> bundle, Span<BundleEntry> entries)
    {
        var at = 0;
        for (var i = 0; i < entries.Length; i++)
        {
            if (bundle.Length - at < LengthSize)
            {
                return false;
            }
            var length = BinaryPrimitives.ReadUInt16BigEndian(bundle[at..]);
            at += LengthSize;
            if (bundle.Length - at < length)
            {
                return false;
            }
            entries[i] = new BundleEntry(at, length);
            at += length;
        }
        return at == bundle.Length;
    }

    /// <summary>Appends one entry.</summary>
    /// <exception cref="ArgumentException">It is longer than <see cref="MaxEntryLength"/>.</exception>
    public static void Append(IBufferWriter<byte> bundle, ReadOnlySpan<byte> entry)
    {
        AppendLength(bundle, entry.Length);
        bundle.Write(entry);
    }

    /// <summary>Appends a Trustix entry: <c>key ‖ ":" ‖ value digest</c>, what the leaf hash covers.</summary>
    /// <exception cref="ArgumentException">The key is too long.</exception>
    public static void Append(IBufferWriter<byte> bundle, LogEntry entry)
    {
        AppendLength(bundle, LeafData.Length(entry.Key.Length));
        LeafData.Write(bundle, entry.Key.Span, entry.ValueDigest);
    }

    static void AppendLength(IBufferWriter<byte> bundle, int length)
    {
        if (length > MaxEntryLength)
        {
            throw new ArgumentException($"an entry of {length} bytes does not fit a bundle", nameof(length));
        }
        BinaryPrimitives.WriteUInt16BigEndian(bundle.GetSpan(LengthSize), (ushort)length);
        bundle.Advance(LengthSize);
    }
}
