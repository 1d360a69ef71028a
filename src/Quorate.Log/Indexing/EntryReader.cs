using System.Buffers;
using Quorate.Core;
using Quorate.Core.Columns;
using Quorate.Core.Merkle;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>Reads entries back from the storage, by index. Safe for concurrent readers of published indexes.</summary>
sealed class EntryReader(ILogStorage storage, MerkleTree tree, Column<FramePosition> positions)
{
    const int FirstGuess = 512;
    const int BlockSize = 1 << 16;

    internal LogEntry Entry(ulong index) => Range(index, index)[0];

    /// <summary>Both ends inclusive. Records of one frame lie together, so that a range costs few reads.</summary>
    internal LogEntry[] Range(ulong start, ulong finish)
    {
        var entries = new LogEntry[checked((int)(finish - start + 1))];
        var places = new FramePosition[entries.Length];
        positions.Read(start, places);
        var leaves = new Sha256Digest[entries.Length];
        tree.Leaves(start, leaves);
        var block = ArrayPool<byte>.Shared.Rent(entries.Length == 1 ? FirstGuess : BlockSize);
        try
        {
            var blockStart = default(FramePosition);
            var blockLength = 0;
            for (var i = 0; i < entries.Length; i++)
            {
                var index = start + (ulong)i;
                var position = places[i];
                var inBlock = position.Value - blockStart.Value;
                if (
                    inBlock < 0
                    || inBlock >= blockLength
                    || !EntryRecord.TryRead(block.AsSpan((int)inBlock, blockLength - (int)inBlock), out var record)
                )
                {
                    (blockStart, inBlock) = (position, 0);
                    blockLength = storage.Read(position, block);
                    record = FixedPart(block.AsSpan(0, blockLength), position, index);
                    if (record.Length > blockLength)
                    {
                        ArrayPool<byte>.Shared.Return(block);
                        block = ArrayPool<byte>.Shared.Rent(Math.Max(BlockSize, record.Length));
                        blockLength = storage.Read(position, block);
                    }
                }
                entries[i] = Entry(index, position, leaves[i], record, block.AsSpan((int)inBlock, blockLength - (int)inBlock));
            }
            return entries;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>The digest that the leaf commits to: checked, because it goes into answers.</summary>
    internal Sha256Digest ValueDigest(ulong index) => Entry(index).ValueDigest;

    /// <summary>True when the storage holds the value's bytes beside this entry and the entry has that digest.</summary>
    internal bool Holds(ulong index, in Sha256Digest digest)
    {
        var record = Record(positions[index], index);
        return record.HasValue && record.Digest == digest;
    }

    /// <summary>The value beside the entry, or null when it has another digest or no bytes.</summary>
    internal async ValueTask<ReadOnlyMemory<byte>?> ValueAsync(ulong index, Sha256Digest digest, CancellationToken cancellationToken)
    {
        var value = await ValueAtAsync(positions[index], digest, cancellationToken);
        if (value is null)
        {
            // Another entry, or this one with a digest that the disk changed: the second must not pass for "not there".
            _ = Entry(index);
        }
        return value;
    }

    /// <summary>The value of the record at <paramref name="position"/>, checked against its digest.</summary>
    internal async ValueTask<ReadOnlyMemory<byte>?> ValueAtAsync(
        FramePosition position,
        Sha256Digest digest,
        CancellationToken cancellationToken
    )
    {
        var record = Record(position, null);
        if (!record.HasValue || record.Digest != digest)
        {
            return null;
        }
        // A changed length must not become an allocation.
        var value = new byte[Math.Min(record.ValueLength, WriteAheadFormat.MaxPayload)];
        var got = await storage.ReadAsync(position + record.ValueDistance, value, cancellationToken);
        if (got != record.ValueLength || Sha256Digest.HashData(value) != digest)
        {
            throw new LogDamagedException(
                $"{storage.Describe(position + record.ValueDistance)}: the value {digest} no longer hashes to its digest",
                storage.Folder
            );
        }
        return value;
    }

    EntryRecord Record(FramePosition position, ulong? index)
    {
        Span<byte> bytes = stackalloc byte[LogFrame.RecordSize];
        return FixedPart(bytes[..storage.Read(position, bytes)], position, index);
    }

    EntryRecord FixedPart(ReadOnlySpan<byte> bytes, FramePosition position, ulong? index) =>
        bytes.Length >= LogFrame.RecordSize
            ? EntryRecord.ReadFixed(bytes)
            : throw new LogDamagedException(
                $"{storage.Describe(position)}: {(index is null ? "a record" : $"the record of entry {index}")} is cut",
                storage.Folder
            );

    LogEntry Entry(ulong index, FramePosition position, Sha256Digest leaf, EntryRecord record, ReadOnlySpan<byte> bytes)
    {
        var key = bytes.Length >= record.Length ? bytes.Slice(LogFrame.RecordSize, record.KeyLength).ToArray() : [];
        // The tree was built from these bytes when the log was opened or written: a disk that changed them since is caught here.
        if (TreeHash.EntryLeaf(key, record.Digest) != leaf)
        {
            throw new LogDamagedException($"{storage.Describe(position)}: entry {index} no longer hashes to its leaf", storage.Folder);
        }
        return new LogEntry(index, key, record.Digest, leaf);
    }
}
