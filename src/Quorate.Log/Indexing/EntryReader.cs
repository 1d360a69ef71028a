using System.Buffers;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>Reads entries back from the storage, by index. Safe for concurrent readers of published indexes.</summary>
sealed class EntryReader(ILogStorage storage, MerkleTree tree, AppendOnlyColumn<FramePosition> positions)
{
    const int FirstGuess = 512;
    const int BlockSize = 1 << 16;

    internal LogEntry Entry(ulong index) => Range(index, index)[0];

    /// <summary>Both ends inclusive. Records of one frame lie together, so that a range costs few reads.</summary>
    internal LogEntry[] Range(ulong start, ulong finish)
    {
        var entries = new LogEntry[checked((int)(finish - start + 1))];
        var block = ArrayPool<byte>.Shared.Rent(entries.Length == 1 ? FirstGuess : BlockSize);
        try
        {
            var blockStart = default(FramePosition);
            var blockLength = 0;
            for (var i = 0; i < entries.Length; i++)
            {
                var index = start + (ulong)i;
                var position = positions[index];
                var inBlock = position.Value - blockStart.Value;
                if (
                    inBlock < 0
                    || inBlock >= blockLength
                    || !EntryRecord.TryRead(block.AsSpan((int)inBlock, blockLength - (int)inBlock), out var record)
                )
                {
                    (blockStart, inBlock) = (position, 0);
                    blockLength = storage.Read(position, block);
                    record = FixedPart(block.AsSpan(0, blockLength), index);
                    if (record.Length > blockLength)
                    {
                        ArrayPool<byte>.Shared.Return(block);
                        block = ArrayPool<byte>.Shared.Rent(Math.Max(BlockSize, record.Length));
                        blockLength = storage.Read(position, block);
                    }
                }
                entries[i] = Entry(index, record, block.AsSpan((int)inBlock, blockLength - (int)inBlock));
            }
            return entries;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    internal Sha256Digest ValueDigest(ulong index) => Record(positions[index], index).Digest;

    /// <summary>True when the storage holds the value's bytes beside this entry and the entry has that digest.</summary>
    internal bool Holds(ulong index, in Sha256Digest digest)
    {
        var record = Record(positions[index], index);
        return record.HasValue && record.Digest == digest;
    }

    /// <summary>The value beside the entry, or null when it has another digest or no bytes.</summary>
    internal async ValueTask<ReadOnlyMemory<byte>?> ValueAsync(ulong index, Sha256Digest digest, CancellationToken cancellationToken) =>
        await ValueAtAsync(positions[index], digest, cancellationToken);

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
        var value = new byte[record.ValueLength];
        var got = await storage.ReadAsync(position + record.ValueDistance, value, cancellationToken);
        if (got != value.Length || Sha256Digest.HashData(value) != digest)
        {
            throw new LogDamagedException($"the stored value {digest} no longer hashes to its digest");
        }
        return value;
    }

    EntryRecord Record(FramePosition position, ulong? index)
    {
        Span<byte> bytes = stackalloc byte[LogFrame.RecordSize];
        return FixedPart(bytes[..storage.Read(position, bytes)], index);
    }

    static EntryRecord FixedPart(ReadOnlySpan<byte> bytes, ulong? index) =>
        bytes.Length >= LogFrame.RecordSize
            ? EntryRecord.ReadFixed(bytes)
            : throw new LogDamagedException(index is null ? "a stored record is cut" : $"the record of entry {index} is cut");

    LogEntry Entry(ulong index, EntryRecord record, ReadOnlySpan<byte> bytes)
    {
        var key = bytes.Length >= record.Length ? bytes.Slice(LogFrame.RecordSize, record.KeyLength).ToArray() : [];
        var leaf = tree.Leaf(index);
        // The tree was built from these bytes when the log was opened or written: a disk that changed them since is caught here.
        if (TreeHash.EntryLeaf(key, record.Digest) != leaf)
        {
            throw new LogDamagedException($"entry {index} no longer hashes to its leaf");
        }
        return new LogEntry(index, key, record.Digest, leaf);
    }
}
