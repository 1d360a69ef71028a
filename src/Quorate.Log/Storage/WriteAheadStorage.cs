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

    /// <summary>What nothing takes of a disk that fills up, so that no write has to fail: that ends the process.</summary>
    public const long ReserveBytes = 32L << 20;

    readonly WriteAheadDisk _disk;
    readonly long _segmentBytes;
    readonly CommitMarker _marker;
    readonly string _folder;
    readonly Sha256Digest _log;

    // Written by the one writer; replaced whole, so that readers need no lock.
    volatile WriteAheadSegment[] _segments;
    ulong _nextFrame;
    int _cuts;
    bool _opened;

    // The newest frame, where it is known; and the place of a cut that failed half-way.
    (long Offset, int Length) _last;
    (int Segment, long Offset, ulong Frame)? _unfinishedCut;
    LogStorageException? _failure;

    WriteAheadStorage(string folder, Sha256Digest log, long segmentBytes, WriteAheadDisk disk)
    {
        (_folder, _log, _segmentBytes, _disk) = (folder, log, segmentBytes, disk);
        _marker = CommitMarker.Open(folder, disk);
        try
        {
            (_segments, Repair) = SegmentFiles.Open(folder, log, _marker, disk);
            FinishCut();
        }
        catch
        {
            Array.ForEach(_segments ?? [], s => s.Dispose());
            _marker.Dispose();
            throw;
        }
    }

    public TailRepair? Repair { get; private set; }

    public string? Folder => _folder;

    public WriteAheadDisk Disk => _disk;

    public string Describe(FramePosition position)
    {
        var (number, offset) = WriteAheadSegment.Split(position);
        return $"{(number < _segments.Length ? _segments[number].Path : _folder)} at offset {offset}";
    }

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
        disk ??= WriteAheadDisk.Real;
        if (!Directory.Exists(folder))
        {
            disk.CreateDirectory(folder);
        }
        // Syncing a file says nothing of the names on the way to it: a power cut must not take the whole folder. Also for one that is there: whoever
        // made it may not have come as far as this.
        disk.DirectorySync(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        return new WriteAheadStorage(folder, digest, segmentBytes, disk);
    }

    public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null)
    {
        var reader = new FrameReader(_marker, _folder);
        var (first, start) = (0, (long)WriteAheadFormat.SegmentHeaderSize);
        _nextFrame = 0;
        if (from is { } position)
        {
            _ = Frame(position, out _nextFrame) ?? throw new ArgumentException("no frame begins there", nameof(from));
            (first, start) = WriteAheadSegment.Split(position);
            start -= WriteAheadFormat.FrameHeaderSize;
        }
        foreach (var segment in _segments.Skip(first))
        {
            var offset = segment.Number == first ? start : WriteAheadFormat.SegmentHeaderSize;
            foreach (var frame in reader.Read(segment, isLast: segment == _segments[^1], offset, _nextFrame))
            {
                _nextFrame++;
                yield return frame;
            }
        }
        if (reader.Repair is { } repair)
        {
            _segments[^1].Cut(repair.Offset);
            Repair = repair;
        }
        if (_segments.Length > 0)
        {
            _last = reader.Last;
            if (!_marker.Covers(_segments[^1], _segments[^1].Length))
            {
                WriteAgain(_segments[^1], _last);
            }
            // After a kill, bytes may have been read from memory that no disk has yet. They are about to be acknowledged: sync first.
            // The same goes for the segment's name: the kill may have come before its folder was synced.
            _segments[^1].Sync();
            _disk.DirectorySync(_folder);
            _marker.Advance(_segments[^1], _segments[^1].Length);
        }
        _opened = true;
    }

    public StoredFrame? ReadFrame(FramePosition payload) => Frame(payload, out _);

    public IEnumerable<StoredFrame> ReadAgain()
    {
        var cuts = Volatile.Read(ref _cuts);
        var number = 0UL;
        var buffer = new byte[1 << 16];
        foreach (var (segment, end) in _segments.Select(s => (s, s.Length)).ToArray())
        {
            for (long offset = WriteAheadFormat.SegmentHeaderSize; offset < end; )
            {
                int length;
                try
                {
                    segment.ForgetCached(offset, Math.Min(end - offset, 1 << 20));
                    if (!FrameReader.TryReadFrame(segment, offset, number, ref buffer, out length))
                    {
                        throw new LogDamagedException($"{segment.Path}: frame {number} at offset {offset} is damaged", _folder)
                        {
                            File = segment.Path,
                            Offset = offset,
                        };
                    }
                }
                // What a mirror dropped meanwhile is no damage.
                catch (Exception e) when (e is IOException or ObjectDisposedException && Volatile.Read(ref _cuts) != cuts)
                {
                    yield break;
                }
                var payload = offset + WriteAheadFormat.FrameHeaderSize;
                yield return new StoredFrame(segment.PositionOf(payload), buffer.AsMemory(WriteAheadFormat.FrameHeaderSize, length));
                offset = payload + length;
                number++;
            }
        }
    }

    /// <summary>Frames stored. Writer only, after reading them.</summary>
    internal ulong FrameCount => _nextFrame;

    public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Append(payload));
    }

    public string? LackOfRoom(long bytes)
    {
        try
        {
            var free = _disk.FreeBytes(_folder);
            return free - bytes >= ReserveBytes ? null : $"the disk has {free >> 20} MiB left";
        }
        catch (IOException)
        {
            // Not every file system says. The write will.
            return null;
        }
    }

    internal FramePosition Append(ReadOnlyMemory<byte> payload)
    {
        ThrowUnlessWritable();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, WriteAheadFormat.MaxPayload);
        try
        {
            var segment = _segments is [.., var last] && last.Length < _segmentBytes ? last : AddSegment();
            var header = new byte[WriteAheadFormat.FrameHeaderSize];
            WriteAheadFormat.WriteFrameHeader(header, _nextFrame, payload.Span, segment.Salt);
            var offset = segment.Length;
            segment.Write([header, payload], offset);
            segment.Sync();
            // All or nothing: a frame whose writer is told that it failed must not be counted.
            var length = header.Length + payload.Length;
            _marker.Advance(segment, offset + length);
            segment.Length = offset + length;
            _last = (offset, length);
            _nextFrame++;
            return segment.PositionOf(offset + header.Length);
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
            var read = segment.Read(destination[got..wanted], offset + got);
            if (read == 0)
            {
                throw new LogDamagedException($"{segment.Path} ends at offset {offset + got}, before what was written to it", _folder);
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
            var segment = _segments[number];
            Span<byte> header = stackalloc byte[WriteAheadFormat.FrameHeaderSize];
            _ = segment.Read(header, offset);
            if (!WriteAheadFormat.TryReadFrameHeader(header, out _, out var frame))
            {
                throw new ArgumentException("no frame begins there", nameof(payload));
            }
            _unfinishedCut = (number, offset, frame);
            Cut(number, offset, frame);
            return ValueTask.CompletedTask;
        }
        catch (IOException e)
        {
            throw Fail(e);
        }
    }

    public bool Recover()
    {
        if (_failure is null)
        {
            return false;
        }
        try
        {
            // A segment whose creation failed is nobody's.
            var unborn = Path.Combine(_folder, SegmentFiles.Name((uint)_segments.Length));
            if (File.Exists(unborn))
            {
                _disk.Delete(unborn);
                _disk.DirectorySync(_folder);
            }
            var isCut = _unfinishedCut is not null;
            if (_unfinishedCut is { } cut)
            {
                Cut(cut.Segment, cut.Offset, cut.Frame);
            }
            else if (_segments is [.., var last])
            {
                // The mark may speak of the frame that is to go, so it is the first to know.
                _marker.BeginCut(last, last.Length);
                WriteAgain(last, _last);
                CutAt(last.Number, last.Length);
            }
            _failure = null;
            return isCut;
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

    // The last frame may be one whose fdatasync failed: the kernel then took its pages for clean, and no later sync writes them. Every
    // earlier frame was durable before the next one was written.
    static void WriteAgain(WriteAheadSegment segment, (long Offset, int Length) frame)
    {
        var bytes = new byte[frame.Length];
        if (frame.Offset + frame.Length == segment.Length && segment.Read(bytes, frame.Offset) == bytes.Length)
        {
            segment.Write([bytes], frame.Offset);
        }
    }

    WriteAheadSegment AddSegment()
    {
        var segment = SegmentFiles.Create(_folder, _log, checked((uint)_segments.Length), _nextFrame, _disk);
        _segments = [.. _segments, segment];
        return segment;
    }

    // A cut that a crash interrupted is finished first; nothing was appended since it began.
    void FinishCut()
    {
        if (_marker is { IsCut: true, Value: { } cut } && _segments[cut.Segment].Salt.AsSpan().SequenceEqual(cut.Salt))
        {
            CutAt((int)cut.Segment, cut.End);
        }
    }

    void Cut(int number, long offset, ulong frame)
    {
        _marker.BeginCut(_segments[number], offset);
        CutAt(number, offset);
        (_nextFrame, _last, _unfinishedCut) = (frame, default, null);
    }

    void CutAt(int number, long offset)
    {
        Interlocked.Increment(ref _cuts);
        // Later segments go first, newest first: a crash in between leaves a shorter but whole file.
        for (var i = _segments.Length - 1; i > number; i--)
        {
            _segments[i].Dispose();
            _disk.Delete(_segments[i].Path);
            _disk.DirectorySync(_folder);
        }
        _segments = _segments[..(number + 1)];
        _segments[number].Cut(offset);
        _segments[number].Sync();
        _marker.EndCut(_segments[number]);
    }

    StoredFrame? Frame(FramePosition payload, out ulong frame)
    {
        var (number, offset) = WriteAheadSegment.Split(payload);
        frame = 0;
        return number >= 0 && number < _segments.Length
            ? FrameReader.ReadOne(_segments[number], offset - WriteAheadFormat.FrameHeaderSize, out frame)
            : null;
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
