using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Log.Storage;

/// <summary>What a frame's payload holds.</summary>
enum FrameKind : byte
{
    /// <summary>Entries and the signed head that covers them and everything before.</summary>
    Head = 1,

    /// <summary>A mirror's entries on their way to a head. Void unless a <see cref="Head"/> frame follows.</summary>
    Fetched = 2,

    /// <summary>Values that a mirror could not get when it got their entries.</summary>
    Values = 3,
}

/// <summary>One entry as it goes into a frame.</summary>
/// <param name="Value">Null where the bytes are held elsewhere, or not at all.</param>
readonly record struct FrameEntry(ReadOnlyMemory<byte> Key, Sha256Digest Digest, ReadOnlyMemory<byte>? Value);

/// <summary>
/// The payload of one frame (docs/formats/write-ahead.md): a fixed part, the head, map-history leaves, entry records, values. Entry records lie
/// together so that a range of entries is one read; each says how far behind it its value lies.
/// </summary>
sealed class LogFrame
{
    internal const int FixedSize = 32;
    internal const int HeadSize = 176;
    internal const int CheckpointSignatureSize = 64;

    /// <summary>Bytes of a head's payload that are enough for <see cref="TryReadHead"/>.</summary>
    internal const int HeadPrefixSize = FixedSize + HeadSize + CheckpointSignatureSize;
    internal const int RecordSize = 42;
    internal const uint NoValue = uint.MaxValue;

    /// <summary>In the second byte of a head's payload: the signature of the head's checkpoint follows the head.</summary>
    const byte HasCheckpointSignature = 1;

    readonly ReadOnlyMemory<byte> _records;
    readonly int _recordsOffset;

    LogFrame(ReadOnlyMemory<byte> payload, int recordsOffset, int recordsLength)
    {
        _records = payload.Slice(recordsOffset, recordsLength);
        _recordsOffset = recordsOffset;
    }

    internal required FrameKind Kind { get; init; }
    internal required ulong FirstIndex { get; init; }
    internal required int Count { get; init; }
    internal required DateTimeOffset Time { get; init; }
    internal required LogHead? Head { get; init; }

    /// <summary>By the log's key, over the checkpoint of the same tree (64 bytes); empty in mirrors and where older versions wrote the frame.</summary>
    internal required ReadOnlyMemory<byte> CheckpointSignature { get; init; }
    internal required Sha256Digest[] MapHistoryLeaves { get; init; }

    /// <summary>False, with the reason, unless <paramref name="payload"/> is exactly what <see cref="Write"/> makes.</summary>
    internal static bool TryRead(ReadOnlyMemory<byte> payload, out LogFrame? frame, out string error)
    {
        frame = null;
        var span = payload.Span;
        if (
            span.Length < FixedSize
            || span[0] is < 1 or > 3
            || span[1] > (span[0] == (byte)FrameKind.Head ? HasCheckpointSignature : 0)
            || span[2..4].ContainsAnyExcept((byte)0)
        )
        {
            error = "not a payload of a known kind";
            return false;
        }
        var kind = (FrameKind)span[0];
        var count = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
        var firstIndex = BinaryPrimitives.ReadUInt64LittleEndian(span[8..]);
        var time = BinaryPrimitives.ReadInt64LittleEndian(span[16..]);
        var leaves = BinaryPrimitives.ReadUInt32LittleEndian(span[24..]);
        var records = BinaryPrimitives.ReadUInt32LittleEndian(span[28..]);
        var headEnd = FixedSize + (kind == FrameKind.Head ? HeadSize : 0) + (span[1] == 0 ? 0 : CheckpointSignatureSize);
        var recordsOffset = headEnd + leaves * (long)Sha256Digest.Size;
        if (
            recordsOffset + records > span.Length
            || count * (long)RecordSize > records
            || firstIndex > ulong.MaxValue - count
            || time < DateTimeOffset.MinValue.ToUnixTimeMilliseconds()
            || time > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
        )
        {
            error = "lengths do not fit the payload";
            return false;
        }
        var read = new LogFrame(payload, (int)recordsOffset, (int)records)
        {
            Kind = kind,
            FirstIndex = firstIndex,
            Count = (int)count,
            Time = DateTimeOffset.FromUnixTimeMilliseconds(time),
            Head = kind == FrameKind.Head ? ReadHead(span.Slice(FixedSize, HeadSize)) : null,
            CheckpointSignature = span[1] == 0 ? default : span.Slice(FixedSize + HeadSize, CheckpointSignatureSize).ToArray(),
            MapHistoryLeaves = ReadLeaves(span[headEnd..(int)recordsOffset]),
        };
        if (!read.RecordsAreWhole(span.Length, out error))
        {
            return false;
        }
        if (read.Head is { } head && head.TreeSize != firstIndex + count)
        {
            error = "the head does not cover exactly the entries up to it";
            return false;
        }
        frame = read;
        return true;
    }

    /// <summary>The records, in order. Offsets are from the payload's first byte.</summary>
    public Records.Enumerator GetEnumerator() => new Records(_records, _recordsOffset).GetEnumerator();

    // Values must lie one behind the other right after the records, up to the last byte: nothing hides between them.
    bool RecordsAreWhole(int payloadLength, out string error)
    {
        var seen = 0;
        var at = 0;
        long nextValue = _recordsOffset + _records.Length;
        while (at < _records.Length)
        {
            if (!EntryRecord.TryRead(_records.Span[at..], out var record))
            {
                error = $"record {seen} does not fit the records";
                return false;
            }
            if (record.ValueLength != NoValue)
            {
                if (_recordsOffset + at + (long)record.ValueDistance != nextValue)
                {
                    error = $"the value of record {seen} is not where it belongs";
                    return false;
                }
                nextValue += record.ValueLength;
            }
            else if (record.ValueDistance != 0)
            {
                error = $"record {seen} has a place for no value";
                return false;
            }
            at += RecordSize + record.KeyLength;
            seen++;
        }
        error = "records or values do not add up";
        return seen == Count && nextValue == payloadLength;
    }

    /// <summary>Reads no more of a payload than its head; false unless there is one.</summary>
    /// <param name="payload">At least <see cref="HeadPrefixSize"/> bytes, or the whole payload.</param>
    internal static bool TryReadHead(ReadOnlySpan<byte> payload, out LogHead? head, out ReadOnlyMemory<byte> checkpointSignature)
    {
        head = null;
        checkpointSignature = default;
        if (payload.Length < FixedSize + HeadSize || payload[0] != (byte)FrameKind.Head || payload[1] > HasCheckpointSignature)
        {
            return false;
        }
        if (payload[1] != 0)
        {
            if (payload.Length < HeadPrefixSize)
            {
                return false;
            }
            checkpointSignature = payload.Slice(FixedSize + HeadSize, CheckpointSignatureSize).ToArray();
        }
        head = ReadHead(payload.Slice(FixedSize, HeadSize));
        return true;
    }

    /// <summary>Exact length of the payload that <see cref="Write"/> makes.</summary>
    internal static long Size(
        FrameKind kind,
        int leaves,
        IReadOnlyList<FrameEntry> entries,
        ReadOnlyMemory<byte> checkpointSignature = default
    )
    {
        long size = FixedSize + (kind == FrameKind.Head ? HeadSize : 0) + checkpointSignature.Length + leaves * (long)Sha256Digest.Size;
        for (var i = 0; i < entries.Count; i++)
        {
            size += RecordSize + entries[i].Key.Length + (entries[i].Value?.Length ?? 0);
        }
        return size;
    }

    /// <summary>Writes a payload. Fills <paramref name="recordOffsets"/> with where each entry's record begins, for the index.</summary>
    internal static void Write(
        Span<byte> payload,
        FrameKind kind,
        ulong firstIndex,
        DateTimeOffset time,
        LogHead? head,
        ReadOnlySpan<Sha256Digest> leaves,
        IReadOnlyList<FrameEntry> entries,
        Span<int> recordOffsets,
        ReadOnlyMemory<byte> checkpointSignature = default
    )
    {
        payload[..FixedSize].Clear();
        payload[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(payload[4..], entries.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], firstIndex);
        BinaryPrimitives.WriteInt64LittleEndian(payload[16..], time.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32LittleEndian(payload[24..], leaves.Length);
        var at = FixedSize;
        if (kind == FrameKind.Head)
        {
            WriteHead(payload.Slice(at, HeadSize), head!);
            at += HeadSize;
            if (!checkpointSignature.IsEmpty)
            {
                payload[1] = HasCheckpointSignature;
                checkpointSignature.Span.CopyTo(payload.Slice(at, CheckpointSignatureSize));
                at += CheckpointSignatureSize;
            }
        }
        foreach (var leaf in leaves)
        {
            leaf.CopyTo(payload[at..]);
            at += Sha256Digest.Size;
        }
        var recordsLength = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            recordsLength += RecordSize + entries[i].Key.Length;
        }
        BinaryPrimitives.WriteInt32LittleEndian(payload[28..], recordsLength);
        var valueAt = at + recordsLength;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            recordOffsets[i] = at;
            var record = payload[at..];
            entry.Digest.CopyTo(record);
            BinaryPrimitives.WriteUInt32LittleEndian(record[32..], entry.Value is { } v ? (uint)v.Length : NoValue);
            BinaryPrimitives.WriteUInt32LittleEndian(record[36..], entry.Value is null ? 0 : (uint)(valueAt - at));
            BinaryPrimitives.WriteUInt16LittleEndian(record[40..], checked((ushort)entry.Key.Length));
            entry.Key.Span.CopyTo(record[RecordSize..]);
            at += RecordSize + entry.Key.Length;
            if (entry.Value is { } value)
            {
                value.Span.CopyTo(payload[valueAt..]);
                valueAt += value.Length;
            }
        }
    }

    /// <summary>The 176 bytes of a head, in write-ahead frames and in head bundles.</summary>
    internal static void WriteHead(Span<byte> bytes, LogHead head)
    {
        head.LogRoot.CopyTo(bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], head.TreeSize);
        head.MapRoot.CopyTo(bytes[40..]);
        head.MhRoot.CopyTo(bytes[72..]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[104..], head.MhTreeSize);
        head.Signature.Span.CopyTo(bytes[112..HeadSize]);
    }

    /// <inheritdoc cref="WriteHead"/>
    internal static LogHead ReadHead(ReadOnlySpan<byte> bytes) =>
        new(
            new Sha256Digest(bytes[..32]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            new Sha256Digest(bytes.Slice(40, 32)),
            new Sha256Digest(bytes.Slice(72, 32)),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[104..]),
            bytes[112..HeadSize].ToArray()
        );

    static Sha256Digest[] ReadLeaves(ReadOnlySpan<byte> bytes)
    {
        var leaves = new Sha256Digest[bytes.Length / Sha256Digest.Size];
        for (var i = 0; i < leaves.Length; i++)
        {
            leaves[i] = new Sha256Digest(bytes.Slice(i * Sha256Digest.Size, Sha256Digest.Size));
        }
        return leaves;
    }
}

/// <summary>The fixed part of one entry's record: digest, value length, distance to the value, key length.</summary>
readonly record struct EntryRecord(Sha256Digest Digest, uint ValueLength, uint ValueDistance, int KeyLength)
{
    internal int Length => LogFrame.RecordSize + KeyLength;

    // The first version wrote the length 0 where it meant none.
    internal bool HasValue => ValueLength != LogFrame.NoValue && (ValueLength != 0 || Digest == TreeHash.EmptyRoot);

    /// <summary>False unless the whole record, key included, is there.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out EntryRecord record)
    {
        record = default;
        if (bytes.Length < LogFrame.RecordSize)
        {
            return false;
        }
        record = ReadFixed(bytes);
        return bytes.Length >= record.Length;
    }

    internal static EntryRecord ReadFixed(ReadOnlySpan<byte> bytes) =>
        new(
            new Sha256Digest(bytes[..Sha256Digest.Size]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[40..])
        );
}

/// <summary>Enumerates the records of a payload that was checked as a whole before.</summary>
readonly struct Records(ReadOnlyMemory<byte> records, int offset)
{
    public Enumerator GetEnumerator() => new(records, offset);

    internal struct Enumerator(ReadOnlyMemory<byte> records, int offset)
    {
        int _next;
        int _start;
        EntryRecord _record;

        public readonly Item Current => new(_record, records.Slice(_start + LogFrame.RecordSize, _record.KeyLength), offset + _start);

        public bool MoveNext()
        {
            if (_next >= records.Length || !EntryRecord.TryRead(records.Span[_next..], out _record))
            {
                return false;
            }
            _start = _next;
            _next += _record.Length;
            return true;
        }
    }

    /// <param name="Offset">Of the record, from the payload's first byte.</param>
    internal readonly record struct Item(EntryRecord Record, ReadOnlyMemory<byte> Key, int Offset);
}
