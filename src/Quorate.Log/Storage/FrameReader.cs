using System.Buffers;

namespace Quorate.Log.Storage;

/// <summary>
/// Reads the frames of one segment after another, and judges what does not read. Every frame is durable before the next is written, so only the very
/// last one may be unfinished; anything else that does not check is damage.
/// </summary>
sealed class FrameReader(CommitMarker marker, string folder)
{
    const int SearchBlock = 1 << 20;

    internal TailRepair? Repair { get; private set; }

    /// <summary>Where the last frame that was read lies in its segment, header included.</summary>
    internal (long Offset, int Length) Last { get; private set; }

    /// <param name="start">Offset of frame <paramref name="firstFrame"/>.</param>
    internal IEnumerable<StoredFrame> Read(WriteAheadSegment segment, bool isLast, long start, ulong firstFrame)
    {
        if (start == WriteAheadFormat.SegmentHeaderSize ? segment.FirstFrame != firstFrame : segment.FirstFrame >= firstFrame)
        {
            throw Damaged(segment, 0, $"{segment.Path}: begins with frame {segment.FirstFrame}, not {firstFrame}: a segment was replaced");
        }
        var number = firstFrame;
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            var offset = start;
            while (offset < segment.Length)
            {
                if (!TryReadFrame(segment, offset, number, ref buffer, out var length))
                {
                    RefuseUnlessUnfinished(segment, isLast, offset, number);
                    Repair = new TailRepair(segment.Path, offset, segment.Length - offset);
                    yield break;
                }
                var payload = offset + WriteAheadFormat.FrameHeaderSize;
                Last = (offset, WriteAheadFormat.FrameHeaderSize + length);
                yield return new StoredFrame(segment.PositionOf(payload), buffer.AsMemory(WriteAheadFormat.FrameHeaderSize, length));
                offset = payload + length;
                number++;
            }
            if (marker.Value is { } value && value.Segment == segment.Number && value.End > offset)
            {
                throw Damaged(segment, offset, $"{segment.Path}: ends at offset {offset}, but {value.End} bytes had been acknowledged");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The frame at an offset, whatever its number; null when no intact one begins there.</summary>
    internal static StoredFrame? ReadOne(WriteAheadSegment segment, long offset, out ulong number)
    {
        number = 0;
        Span<byte> header = stackalloc byte[WriteAheadFormat.FrameHeaderSize];
        if (
            offset < WriteAheadFormat.SegmentHeaderSize
            || offset >= segment.Length
            || !WriteAheadFormat.TryReadFrameHeader(header[..segment.Read(header, offset)], out _, out number)
        )
        {
            return null;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            return TryReadFrame(segment, offset, number, ref buffer, out var length)
                ? new StoredFrame(
                    segment.PositionOf(offset + WriteAheadFormat.FrameHeaderSize),
                    buffer.AsSpan(WriteAheadFormat.FrameHeaderSize, length).ToArray()
                )
                : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal static bool TryReadFrame(WriteAheadSegment segment, long offset, ulong number, ref byte[] buffer, out int length)
    {
        length = 0;
        var remaining = segment.Length - offset;
        // One read serves most frames whole.
        var got = segment.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, remaining)), offset);
        if (
            !WriteAheadFormat.TryReadFrameHeader(buffer.AsSpan(0, got), out length, out var stated)
            || stated != number
            || length > remaining - WriteAheadFormat.FrameHeaderSize
        )
        {
            return false;
        }
        var whole = WriteAheadFormat.FrameHeaderSize + length;
        if (whole > buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(whole);
            buffer.AsSpan(0, got).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        while (got < whole)
        {
            var read = segment.Read(buffer.AsSpan(got, whole - got), offset + got);
            if (read == 0)
            {
                return false;
            }
            got += read;
        }
        return WriteAheadFormat.IsIntact(
            buffer.AsSpan(0, WriteAheadFormat.FrameHeaderSize),
            buffer.AsSpan(WriteAheadFormat.FrameHeaderSize, length),
            segment.Salt
        );
    }

    void RefuseUnlessUnfinished(WriteAheadSegment segment, bool isLast, long offset, ulong number)
    {
        if (!isLast)
        {
            throw Damaged(segment, offset, $"{segment.Path}: frame {number} at offset {offset} is damaged, and later segments follow it");
        }
        if (marker.Covers(segment, offset + 1))
        {
            throw Damaged(
                segment,
                offset,
                $"{segment.Path}: frame {number} at offset {offset} is damaged or cut, and had been acknowledged"
            );
        }
        if (FindIntactFrameBehind(segment, offset, number) is { } later)
        {
            throw Damaged(
                segment,
                offset,
                $"{segment.Path}: frame {number} at offset {offset} is damaged, and an intact frame follows it at offset {later}"
            );
        }
    }

    LogDamagedException Damaged(WriteAheadSegment segment, long offset, string what) =>
        new(what, folder) { File = segment.Path, Offset = offset };

    // The mark may be older than the last frames: a lost mark must not turn damage into an unfinished write.
    internal static long? FindIntactFrameBehind(WriteAheadSegment segment, long offset, ulong? number)
    {
        var block = new byte[SearchBlock];
        var frame = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            for (var start = offset + 1; start < segment.Length; start += SearchBlock - WriteAheadFormat.FrameHeaderSize)
            {
                var got = segment.Read(block, start);
                for (var at = 0; ; at++)
                {
                    var next = block.AsSpan(at, got - at).IndexOf(WriteAheadFormat.FrameMagic);
                    if (next < 0)
                    {
                        break;
                    }
                    at += next;
                    if (
                        WriteAheadFormat.TryReadFrameHeader(block.AsSpan(at, got - at), out _, out var stated)
                        && !(stated <= number)
                        && TryReadFrame(segment, start + at, stated, ref frame, out _)
                    )
                    {
                        return start + at;
                    }
                }
            }
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }
}
