using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>Reads and hashes tiles of the lowest level with their bundles, one at a time; each has buffers of its own.</summary>
sealed class TileWorker(ITileSource source, bool withValues)
{
    const int MaxSingleValue = 64 << 20;

    /// <summary>Told of one entry's data and its place in the bundle.</summary>
    internal delegate void EntrySeen(int place, ReadOnlySpan<byte> data);

    readonly TileBuffer _bundle = new();
    readonly TileBuffer _tile = new();
    readonly TileBuffer _values = new();
    readonly BundleEntry[] _entries = new BundleEntry[TileNumber.FullWidth];

    /// <summary>Values that the log says it does not hold.</summary>
    internal ulong MissingValues { get; private set; }

    /// <summary>Hashes the entries of a bundle and compares them with the tile.</summary>
    /// <param name="leaves">As many as the tile is wide; filled.</param>
    /// <param name="seen">Told of each entry's data, for the map; may be null.</param>
    /// <exception cref="BadObjectException"/>
    internal async ValueTask CheckAsync(
        TileNumber number,
        Memory<Sha256Digest> leaves,
        EntrySeen? seen,
        CancellationToken cancellationToken
    )
    {
        var path = await ReadAsync(TileLayout.EntriesPath, number, _bundle, EntryBundle.MaxLength, cancellationToken);
        var width = number.Width;
        if (!EntryBundle.TrySplit(_bundle.Bytes, _entries.AsSpan(0, path.Width)))
        {
            throw new BadObjectException(path.Text, $"is not a bundle of {path.Width} entries");
        }
        HashEntries(leaves.Span);
        var tile = await ReadAsync(
            n => TileLayout.HashPath(0, n),
            number,
            _tile,
            TileNumber.FullWidth * Sha256Digest.Size,
            cancellationToken
        );
        var same = EqualHashes(tile, _tile.Bytes, leaves.Span[..width]);
        if (same < width)
        {
            throw new UnequalLeavesException(number, tile.Text, path.Text, same, Hashes(_tile.Bytes, width));
        }
        // Only now is the bundle what the tree has.
        for (var i = 0; i < width && seen is not null; i++)
        {
            seen(i, _bundle.Bytes.Slice(_entries[i].Start, _entries[i].Length));
        }
        if (withValues)
        {
            await CheckValuesAsync(number, cancellationToken);
        }
    }

    /// <summary>A hash of a tile of the level above the lowest, which says what one below it must be; null where there is none.</summary>
    internal async ValueTask<Sha256Digest?> ParentAsync(TileNumber number, ulong size, CancellationToken cancellationToken)
    {
        var parent = TileLayout.At(1, number.Index / TileNumber.FullWidth, size);
        var place = (int)(number.Index % TileNumber.FullWidth);
        const int most = TileNumber.FullWidth * Sha256Digest.Size;
        var tile = await ReadAsync(n => TileLayout.HashPath(1, n), parent, _tile, most, cancellationToken);
        return _tile.Length == tile.Width * Sha256Digest.Size && place < tile.Width ? Hashes(_tile.Bytes, place + 1)[place] : null;
    }

    /// <summary>Compares a tile of a higher level with the hashes that it must have.</summary>
    internal async ValueTask CheckHigherAsync(int level, TileNumber number, Sha256Digest[] hashes, CancellationToken cancellationToken)
    {
        const int most = TileNumber.FullWidth * Sha256Digest.Size;
        var tile = await ReadAsync(n => TileLayout.HashPath(level, n), number, _tile, most, cancellationToken);
        var same = EqualHashes(tile, _tile.Bytes, hashes);
        if (same < hashes.Length)
        {
            throw new BadObjectException(tile.Text, $"hash {same} is not that of the entries below it");
        }
    }

    /// <summary>How many hashes at the beginning are the same.</summary>
    static int EqualHashes((string Text, int Width) path, ReadOnlySpan<byte> tile, ReadOnlySpan<Sha256Digest> hashes)
    {
        if (tile.Length != path.Width * Sha256Digest.Size)
        {
            throw new BadObjectException(path.Text, $"has {tile.Length} bytes where {path.Width} hashes belong");
        }
        var expected = MemoryMarshal.AsBytes(hashes);
        return tile[..expected.Length].CommonPrefixLength(expected) / Sha256Digest.Size;
    }

    static Sha256Digest[] Hashes(ReadOnlySpan<byte> tile, int count)
    {
        var hashes = new Sha256Digest[count];
        tile[..(count * Sha256Digest.Size)].CopyTo(MemoryMarshal.AsBytes(hashes.AsSpan()));
        return hashes;
    }

    void HashEntries(Span<Sha256Digest> leaves)
    {
        var bundle = _bundle.Bytes;
        for (var i = 0; i < leaves.Length; i++)
        {
            var entry = _entries[i];
            // The length before the entry was read: its second byte becomes the prefix of the leaf, and nothing need be copied.
            bundle[entry.Start - 1] = TreeHash.LeafPrefix;
            leaves[i] = ShortSha256.Hash(bundle.Slice(entry.Start - 1, entry.Length + 1));
        }
    }

    async ValueTask CheckValuesAsync(TileNumber number, CancellationToken cancellationToken)
    {
        var path = await ReadAsync(n => $"values/{n}", number, _values, ValueBundle.MaxLength, cancellationToken);
        var values = new BundleEntry[path.Width];
        if (!ValueBundle.TrySplit(_values.Bytes, values))
        {
            throw new BadObjectException(path.Text, $"is not a bundle of {path.Width} values");
        }
        for (var i = 0; i < number.Width; i++)
        {
            var (digest, value) = (DigestOf(i, number), values[i]);
            if (value.Length == -2)
            {
                MissingValues++;
            }
            else if (value.Length == -1)
            {
                await CheckSingleAsync(digest, cancellationToken);
            }
            else if (Sha256Digest.HashData(_values.Bytes.Slice(value.Start, value.Length)) != digest)
            {
                throw new BadObjectException(path.Text, $"value {i} does not hash to the digest in its entry");
            }
        }
    }

    async ValueTask CheckSingleAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        var path = $"value/{digest}";
        var buffer = new TileBuffer();
        switch (await source.ReadAsync(path, buffer, MaxSingleValue, cancellationToken))
        {
            case TileRead.Absent:
                throw new BadObjectException(path, "is missing");
            case TileRead.TooLong:
                throw new BadObjectException(path, $"is longer than {MaxSingleValue} bytes");
        }
        if (Sha256Digest.HashData(buffer.Bytes) != digest)
        {
            throw new BadObjectException(path, "does not hash to its name");
        }
    }

    Sha256Digest DigestOf(int i, TileNumber number) =>
        LeafData.TrySplit(_bundle.Bytes.Slice(_entries[i].Start, _entries[i].Length), out _, out var digest)
            ? digest
            : throw new BadObjectException(TileLayout.EntriesPath(number), $"entry {i} is no Quorate entry, but the log serves values");

    /// <summary>Reads an object; a partial one that is gone may be taken from the full one, which a log that grew has.</summary>
    async ValueTask<(string Text, int Width)> ReadAsync(
        Func<TileNumber, string> pathOf,
        TileNumber number,
        TileBuffer buffer,
        int maxBytes,
        CancellationToken cancellationToken
    )
    {
        var path = pathOf(number);
        var read = await source.ReadAsync(path, buffer, maxBytes, cancellationToken);
        if (read == TileRead.Absent && number.IsPartial)
        {
            read = await source.ReadAsync(pathOf(number.Full), buffer, maxBytes, cancellationToken);
            if (read == TileRead.Found)
            {
                return (pathOf(number.Full), TileNumber.FullWidth);
            }
        }
        return read switch
        {
            TileRead.Found => (path, number.Width),
            TileRead.Absent => throw new BadObjectException(path, "is missing"),
            _ => throw new BadObjectException(path, $"is longer than {maxBytes} bytes"),
        };
    }
}
