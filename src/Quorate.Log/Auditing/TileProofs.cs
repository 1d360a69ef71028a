using System.Numerics;
using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>
/// Puts inclusion proofs together from a log's tiles. The tiles are not checked one by one: a proof from wrong ones does not verify. For one caller at a time.
/// </summary>
public sealed class TileProofs(ITileSource source, ulong size)
{
    readonly Dictionary<(int Level, ulong Index), Sha256Digest[]> _tiles = [];
    readonly TileBuffer _buffer = new();

    /// <summary>RFC 6962 PATH(index, D[size]).</summary>
    /// <exception cref="MalformedException">A tile is missing or has a wrong length.</exception>
    /// <exception cref="TileSourceException"/>
    public async Task<IReadOnlyList<Sha256Digest>> InclusionAsync(ulong index, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var proof = new List<Sha256Digest>();
        var level = 0;
        // The last subtree of a level may be incomplete; when it is ours, the level has no sibling to the right.
        for (var last = size - 1; last != 0; level++, index >>= 1, last >>= 1)
        {
            var sibling = index ^ 1;
            if (sibling < size >> level)
            {
                proof.Add(await NodeAsync(level, sibling, cancellationToken));
            }
            else if (sibling == last)
            {
                proof.Add(await EdgeAsync(level, cancellationToken));
            }
        }
        return proof;
    }

    /// <summary>The data of an entry.</summary>
    /// <inheritdoc cref="InclusionAsync"/>
    public async Task<byte[]> EntryAsync(ulong index, CancellationToken cancellationToken)
    {
        var number = TileLayout.At(0, index / TileNumber.FullWidth, size);
        var path = TileLayout.EntriesPath(number);
        var entries = new BundleEntry[number.Width];
        if (
            await source.ReadAsync(path, _buffer, EntryBundle.MaxLength, cancellationToken) != TileRead.Found
            || !EntryBundle.TrySplit(_buffer.Bytes, entries)
        )
        {
            throw new MalformedException($"{path} is missing, or is not a bundle of {number.Width} entries");
        }
        var entry = entries[index % TileNumber.FullWidth];
        return _buffer.Bytes.Slice(entry.Start, entry.Length).ToArray();
    }

    /// <summary>The root of the incomplete right edge below a level.</summary>
    async ValueTask<Sha256Digest> EdgeAsync(int levels, CancellationToken cancellationToken)
    {
        var level = BitOperations.TrailingZeroCount(size);
        var hash = await NodeAsync(level, (size >> level) - 1, cancellationToken);
        for (level++; level < levels; level++)
        {
            if ((size >> level & 1) == 1)
            {
                var left = await NodeAsync(level, (size >> level) - 1, cancellationToken);
                hash = TreeHash.Node(in left, in hash);
            }
        }
        return hash;
    }

    async ValueTask<Sha256Digest> NodeAsync(int level, ulong index, CancellationToken cancellationToken)
    {
        var (tileLevel, row) = (level / TileLayout.Height, level % TileLayout.Height);
        var first = index << row;
        var tile = await TileAsync(tileLevel, first / TileNumber.FullWidth, cancellationToken);
        return TreeTile.Subtree(tile.AsSpan((int)(first % TileNumber.FullWidth), 1 << row));
    }

    async ValueTask<Sha256Digest[]> TileAsync(int level, ulong index, CancellationToken cancellationToken)
    {
        if (_tiles.TryGetValue((level, index), out var known))
        {
            return known;
        }
        var number = TileLayout.At(level, index, size);
        var path = TileLayout.HashPath(level, number);
        if (
            await source.ReadAsync(path, _buffer, TileNumber.FullWidth * Sha256Digest.Size, cancellationToken) != TileRead.Found
            || _buffer.Length != number.Width * Sha256Digest.Size
        )
        {
            throw new MalformedException($"{path} is missing, or has not {number.Width} hashes");
        }
        return _tiles[(level, index)] = MemoryMarshal.Cast<byte, Sha256Digest>(_buffer.Bytes).ToArray();
    }
}
