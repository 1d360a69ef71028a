using Microsoft.Win32.SafeHandles;
using Quorate.Core;

namespace Quorate.Log.Storage;

/// <summary>
/// The embedded storage: one append-only file per log, cut into segments. Each append is one write and one <c>fdatasync</c>; nothing is ever
/// written over. Reading uses <c>pread</c>, so readers never wait for the writer. Format: docs/formats/write-ahead.md.
/// </summary>
public sealed class WriteAheadStorage : ILogStorage, IDisposable
{
    /// <summary>Segments roll over once they are this long.</summary>
    public const long DefaultSegmentBytes = 256L << 20;

    readonly WriteAheadDisk _disk;
    readonly long _segmentBytes;
    readonly CommitMarker _marker;
    readonly string _folder;
    readonly Sha256Digest _log;

    // Written by the one writer; replaced whole, so that readers need no lock.
    volatile WriteAheadSegment[] _segments;
    ulong _nextFrame;
    bool _opened;
    LogStorageException? _failure;

    WriteAheadStorage(string folder, Sha256Digest log, long segmentBytes, WriteAheadDisk disk)
    {
        (_folder, _log, _segmentBytes, _disk) = (folder, log, segmentBytes, disk);
        _marker = CommitMarker.Open(folder, disk);
        try
        {
            (_segments, Repair) = SegmentFiles.Open(folder, log, _marker);
        }
        catch
        {
            _marker.Dispose();
            throw;
        }
    }

    public TailRepair? Repair { get; private set; }

    /// <summary>Length of all segments in bytes.</summary>
    public long StoredBytes => _segments.Sum(s => s.Length);

    /// <summary>
    /// Opens or creates the write-ahead file of one log in <paramref name="folder"/>. The caller holds the state directory's lock. Frames must be read once
    /// before the first append.
    /// </summary>
    /// <exception cref="LogDamagedException">The segments do not belong together, or to this log.</exception>
    public static WriteAheadStorage Open(string folder, LogId log, long segmentBytes = DefaultSegmentBytes, WriteAheadDisk? disk = null)
    {
        if (!Sha256Digest.TryParseHex(log.Text, out var digest))
        {
            throw new ArgumentException("not a log ID", nameof(log));
        }
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // Syncing a file says nothing of the names on the way to it: a power cut must not take the whole folder.
            (disk ?? WriteAheadDisk.Real).DirectorySync(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        }
        return new WriteAheadStorage(folder, digest, segmentBytes, disk ?? WriteAheadDisk.Real);
    }

    public IEnumerable<StoredFrame> ReadFrames()
    {
        var reader = new FrameReader(_marker);
        _nextFrame = 0;
        foreach (var segment in _segments)
        {
            foreach (var frame in reader.Read(segment, isLast: segment == _segments[^1], _nextFrame))
            {
                _nextFrame++;
                yield return frame;
            }
        }
        if (reader.Repair is { } repair)
        {
            Cut(_segments[^1], repair.Offset);
            Repair = repair;
        }
        if (_segments.Length > 0)
        {
            // After a kill, bytes may have been read from memory that no disk has yet. They are about to be acknowledged: sync first.
            _disk.DataSync(_segments[^1].File, _segments[^1].Path);
            _marker.Advance(_segments[^1], _segments[^1].Length);
        }
        _opened = true;
    }

    public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowUnlessWritable();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, WriteAheadFormat.MaxPayload);
        try
        {
            var segment = _segments is [.., var last] && last.Length < _segmentBytes ? last : AddSegment();
            var header = new byte[WriteAheadFormat.FrameHeaderSize];
            WriteAheadFormat.WriteFrameHeader(header, _nextFrame, payload.Span, segment.Salt);
            var offset = segment.Length;
            _disk.Write(segment.File, segment.Path, [header, payload], offset);
            _disk.DataSync(segment.File, segment.Path);
            segment.Length = offset + header.Length + payload.Length;
            _nextFrame++;
            _marker.Advance(segment, segment.Length);
            return ValueTask.FromResult(segment.PositionOf(offset + header.Length));
        }
        catch (IOException e)
        {
            throw Fail(e);
        }
    }

    public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Read(position, destination.Span));
    }

    public int Read(FramePosition position, Span<byte> destination)
    {
        var (number, offset) = WriteAheadSegment.Split(position);
        var segments = _segments;
        if (number >= segments.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(position));
        }
        var segment = segments[number];
        var wanted = (int)Math.Min(destination.Length, Math.Max(0, segment.Length - offset));
        var got = 0;
        while (got < wanted)
        {
            var read = RandomAccess.Read(segment.File, destination[got..wanted], offset + got);
            if (read == 0)
            {
                throw new LogDamagedException($"{segment.Path} ends at offset {offset + got}, before what was written to it");
            }
            got += read;
        }
        return got;
    }

    public ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowUnlessWritable();
        var (number, payloadOffset) = WriteAheadSegment.Split(payload);
        var offset = payloadOffset - WriteAheadFormat.FrameHeaderSize;
        try
        {
            var segments = _segments;
            Span<byte> header = stackalloc byte[WriteAheadFormat.FrameHeaderSize];
            _ = RandomAccess.Read(segments[number].File, header, offset);
            if (!WriteAheadFormat.TryReadFrameHeader(header, out _, out var frame))
            {
                throw new ArgumentException("no frame begins there", nameof(payload));
            }
            // Later segments go first, newest first: a crash in between leaves a shorter but whole file.
            _marker.Retreat(segments[number], offset);
            for (var i = segments.Length - 1; i > number; i--)
            {
                segments[i].Dispose();
                File.Delete(segments[i].Path);
                _disk.DirectorySync(_folder);
            }
            _segments = segments[..(number + 1)];
            Cut(segments[number], offset);
            _disk.DataSync(segments[number].File, segments[number].Path);
            _nextFrame = frame;
            return ValueTask.CompletedTask;
        }
        catch (IOException e)
        {
            throw Fail(e);
        }
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
        if (_failure is null && _opened)
        {
            _marker.Sync();
        }
        _marker.Dispose();
        foreach (var segment in _segments)
        {
            segment.Dispose();
        }
    }

    WriteAheadSegment AddSegment()
    {
        var segment = SegmentFiles.Create(_folder, _log, checked((uint)_segments.Length), _nextFrame, _disk);
        _segments = [.. _segments, segment];
        return segment;
    }

    static void Cut(WriteAheadSegment segment, long length)
    {
        RandomAccess.SetLength(segment.File, length);
        segment.Length = length;
    }

    void ThrowUnlessWritable()
    {
        if (_failure is { } failure)
        {
            throw new LogStorageException($"the log takes no writes since: {failure.Message}", failure);
        }
        if (!_opened)
        {
            throw new InvalidOperationException("the frames have not been read yet");
        }
    }

    // What a failed fdatasync left in the page cache is unknown, and a second one may succeed without having written anything.
    LogStorageException Fail(IOException cause) =>
        _failure = cause as LogStorageException ?? new LogStorageException($"writing the log failed: {cause.Message}", cause);
}

/// <summary>One open segment file. Only the writer changes <see cref="Length"/>; readers may see it late, never early.</summary>
sealed class WriteAheadSegment(string path, SafeFileHandle file, SegmentHeader header, long length) : IDisposable
{
    // 2^23 segments of up to 1 TiB.
    const int OffsetBits = 40;

    long _length = length;

    internal string Path => path;
    internal SafeFileHandle File => file;
    internal int Number { get; } = (int)header.Number;
    internal ulong FirstFrame => header.FirstFrame;
    internal byte[] Salt => header.Salt;

    internal long Length
    {
        get => Volatile.Read(ref _length);
        set => Volatile.Write(ref _length, value);
    }

    internal FramePosition PositionOf(long offset) => new(((long)Number << OffsetBits) | offset);

    internal static (int Number, long Offset) Split(FramePosition position) =>
        ((int)(position.Value >> OffsetBits), position.Value & ((1L << OffsetBits) - 1));

    public void Dispose() => file.Dispose();
}
