using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Mirroring;

/// <summary>Some entries in a row with their values, as one remote gave them. Leaf hashes are computed here, values are checked against the entries.</summary>
/// <param name="Values">Null where the bundle has none: longer than a bundle takes, withheld, or not what the entry says.</param>
/// <param name="Bytes">Of both bundles: what it holds in memory.</param>
sealed record FetchedBundle(LogEntry[] Entries, ReadOnlyMemory<byte>?[] Values, long Bytes, Sha256Digest? WrongValue)
{
    /// <param name="skip">Entries at the bundle's start that are held already.</param>
    internal static FetchedBundle Parse(
        ulong first,
        int width,
        int skip,
        ReadOnlyMemory<byte> entryBundle,
        ReadOnlyMemory<byte> valueBundle,
        int maxValueBytes
    )
    {
        Span<BundleEntry> places = stackalloc BundleEntry[TileNumber.FullWidth];
        places = places[..width];
        if (!EntryBundle.TrySplit(entryBundle.Span, places))
        {
            throw new LogSourceException($"it sent something else than the {width} entries from {first} on");
        }
        var entries = new LogEntry[width - skip];
        for (var i = skip; i < width; i++)
        {
            var data = entryBundle.Slice(places[i].Start, places[i].Length);
            if (!LeafData.TrySplit(data.Span, out var key, out var digest) || key.Length > PublishedLogOptions.MaxKeyLimit)
            {
                throw new LogSourceException($"entry {first + (ulong)i} is none of a Quorate log");
            }
            entries[i - skip] = new LogEntry(first + (ulong)i, data[..key.Length], digest, TreeHash.Leaf(data.Span));
        }
        if (!ValueBundle.TrySplit(valueBundle.Span, places))
        {
            throw new LogSourceException($"it sent something else than the {width} values from {first} on");
        }
        var values = new ReadOnlyMemory<byte>?[entries.Length];
        Sha256Digest? wrong = null;
        for (var i = skip; i < width; i++)
        {
            if (places[i].Length < 0 || places[i].Length > maxValueBytes)
            {
                continue;
            }
            var value = valueBundle.Slice(places[i].Start, places[i].Length);
            var digest = entries[i - skip].ValueDigest;
            if (Sha256Digest.HashData(value.Span) == digest)
            {
                values[i - skip] = value;
            }
            else
            {
                wrong ??= digest;
            }
        }
        return new FetchedBundle(entries, values, entryBundle.Length + (long)valueBundle.Length, wrong);
    }
}
