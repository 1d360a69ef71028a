using System.Diagnostics.CodeAnalysis;
using Quorate.Core;

namespace Quorate.Log.Storage;

/// <summary>The frames of a log that nobody has open, read without changing anything: what opening would repair is only told.</summary>
sealed class FrameScan : IDisposable
{
    readonly CommitMarker? _marker;
    readonly WriteAheadSegment[] _segments;
    readonly string _folder;

    FrameScan(string folder, CommitMarker? marker, WriteAheadSegment[] segments, TailRepair? tail)
    {
        (_folder, _marker, _segments, Tail) = (folder, marker, segments, tail);
        if (marker is { IsCut: true, Value: { } cut } && segments[cut.Segment].Salt.AsSpan().SequenceEqual(cut.Salt))
        {
            Tail = new TailRepair(segments[cut.Segment].Path, cut.End, segments.Skip((int)cut.Segment).Sum(s => s.Length) - cut.End);
            Array.ForEach(segments[((int)cut.Segment + 1)..], s => s.Dispose());
            _segments = segments[..((int)cut.Segment + 1)];
            _segments[^1].Length = cut.End;
        }
    }

    /// <summary>What opening the log would cut off; known once all frames are read.</summary>
    internal TailRepair? Tail { get; private set; }

    internal int SegmentCount => _segments.Length;

    internal long Bytes => _segments.Sum(s => s.Length);

    /// <exception cref="LogDamagedException">The segments do not belong together, or to this log.</exception>
    internal static FrameScan Open(string folder, Sha256Digest log, WriteAheadDisk disk)
    {
        var marker = File.Exists(Path.Combine(folder, CommitMarker.FileName)) ? CommitMarker.Open(folder, disk, FileAccess.Read) : null;
        try
        {
            var (segments, tail) = SegmentFiles.Open(folder, log, marker ?? CommitMarker.None, disk, FileAccess.Read);
            return new FrameScan(folder, marker, segments, tail);
        }
        catch
        {
            marker?.Dispose();
            throw;
        }
    }

    /// <summary>The ID of the log whose segments lie in a folder; false where the first one's header does not read.</summary>
    internal static bool TryReadLogId(string folder, [NotNullWhen(true)] out string? id)
    {
        id = null;
        var path = Path.Combine(folder, SegmentFiles.Name(0));
        if (!File.Exists(path))
        {
            return false;
        }
        using var file = File.OpenHandle(path);
        Span<byte> bytes = stackalloc byte[WriteAheadFormat.SegmentHeaderSize];
        if (!WriteAheadFormat.TryReadSegmentHeader(bytes[..RandomAccess.Read(file, bytes, 0)], out var header, out _))
        {
            return false;
        }
        id = header.Log.ToString();
        return true;
    }

    /// <exception cref="LogDamagedException">A frame before the tail is not what was written.</exception>
    internal IEnumerable<StoredFrame> Frames()
    {
        var reader = new FrameReader(_marker ?? CommitMarker.None, _folder);
        var number = 0UL;
        foreach (var segment in _segments)
        {
            foreach (var frame in reader.Read(segment, isLast: segment == _segments[^1], WriteAheadFormat.SegmentHeaderSize, number))
            {
                number++;
                yield return frame;
            }
        }
        Tail = reader.Repair ?? Tail;
    }

    internal (string File, long Offset) Locate(FramePosition position)
    {
        var (number, offset) = WriteAheadSegment.Split(position);
        return (_segments[number].Path, offset);
    }

    internal int Read(FramePosition position, Span<byte> destination)
    {
        var (number, offset) = WriteAheadSegment.Split(position);
        return _segments[number].Read(destination, offset);
    }

    /// <summary>The frame whose payload begins at a position, which may be any number; null when no intact one does.</summary>
    internal StoredFrame? ReadFrame(FramePosition payload)
    {
        var (number, offset) = WriteAheadSegment.Split(payload);
        return payload.Value >= 0 && number < _segments.Length
            ? FrameReader.ReadOne(_segments[number], offset - WriteAheadFormat.FrameHeaderSize, out _)
            : null;
    }

    /// <exception cref="LogDamagedException">There are not so many bytes.</exception>
    internal void ReadExactly(FramePosition position, Span<byte> destination)
    {
        for (var got = 0; got < destination.Length; )
        {
            var read = Read(position + got, destination[got..]);
            got += read > 0 ? read : throw new LogDamagedException($"{Locate(position).File}: ends too early", _folder);
        }
    }

    /// <summary>Every frame that can still be read in a folder of which nothing else is believed: what a damaged log has once said.</summary>
    internal static IEnumerable<StoredFrame> LegibleFrames(string folder, Sha256Digest log)
    {
        foreach (var path in Directory.GetFiles(folder, "*.wal"))
        {
            using var file = WriteAheadDisk.Real.Open(path, FileMode.Open, FileAccess.Read);
            if (SegmentFiles.TryReadHeader(file, path) is not { } header || header.Log != log)
            {
                continue;
            }
            using var segment = new WriteAheadSegment(path, file, header, RandomAccess.GetLength(file), WriteAheadDisk.Real);
            for (long? at = WriteAheadFormat.SegmentHeaderSize; at is { } offset && offset < segment.Length; )
            {
                if (FrameReader.ReadOne(segment, offset, out _) is { } frame)
                {
                    yield return frame;
                    at = offset + WriteAheadFormat.FrameHeaderSize + frame.Payload.Length;
                }
                else
                {
                    at = FrameReader.FindIntactFrameBehind(segment, offset, null);
                }
            }
        }
    }

    public void Dispose()
    {
        _marker?.Dispose();
        Array.ForEach(_segments, s => s.Dispose());
    }
}
