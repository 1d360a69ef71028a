using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// A shared storage with a copy of its frames in a folder of this node: what readers and the sequencer ask for is read there, and opening the log
/// fetches only what is new. The copy can be deleted at any time. While it is there it remembers what this node has shown, so that a
/// database which was set back is found out, also after a restart.
/// </summary>
sealed class LocalCopy : ISharedLogStorage
{
    readonly ISharedLogStorage _shared;
    readonly WriteAheadStorage _local;
    readonly LazyDisk _disk;

    LocalCopy(ISharedLogStorage shared, WriteAheadStorage local, LazyDisk disk) => (_shared, _local, _disk) = (shared, local, disk);

    public TailRepair? Repair => _local.Repair;

    public string? Folder => _local.Folder;

    public WriteAheadDisk Disk => _disk;

    /// <exception cref="CopyDamagedException">The folder is not what was written; deleting it helps.</exception>
    internal static LocalCopy Open(ISharedLogStorage shared, string folder, LogId log, WriteAheadDisk real)
    {
        var disk = new LazyDisk(real);
        try
        {
            return new LocalCopy(shared, WriteAheadStorage.Open(folder, log, disk: disk), disk);
        }
        catch (LogDamagedException e)
        {
            throw new CopyDamagedException(e);
        }
    }

    public string? LackOfRoom(long bytes) => _local.LackOfRoom(bytes);

    public string Describe(FramePosition position) => _local.Describe(position);

    public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null)
    {
        FramePosition? last = null;
        using (var frames = _local.ReadFrames(from).GetEnumerator())
        {
            while (Advance(frames))
            {
                last = frames.Current.Position;
                yield return frames.Current;
            }
        }
        CheckLast(last);
        foreach (var frame in ReadNewFrames())
        {
            yield return frame;
        }
    }

    public StoredFrame? ReadFrame(FramePosition payload) => _local.ReadFrame(payload);

    public IEnumerable<StoredFrame> ReadNewFrames()
    {
        _shared.SeekTo(Count);
        _disk.IsLazy = true;
        try
        {
            foreach (var frame in _shared.ReadNewFrames())
            {
                yield return new StoredFrame(Keep(frame.Payload), frame.Payload);
            }
        }
        finally
        {
            // Nothing derived of these frames may be durable before they are.
            _disk.IsLazy = false;
            CatchUp();
        }
    }

    public async ValueTask<FramePosition> CommitAsync(
        ReadOnlyMemory<byte>? payload,
        IReadOnlyList<SubmissionAnswer> answers,
        CancellationToken cancellationToken
    )
    {
        _shared.SeekTo(Count);
        var position = await _shared.CommitAsync(payload, answers, cancellationToken);
        return payload is { } bytes ? Keep(bytes) : position;
    }

    public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        CommitAsync(payload, [], cancellationToken);

    public ValueTask<SharedLogStatus> StatusAsync(IReadOnlyCollection<Guid> awaited, CancellationToken cancellationToken)
    {
        _shared.SeekTo(Count);
        return _shared.StatusAsync(awaited, cancellationToken);
    }

    public ValueTask<string> EstablishOriginAsync(string wanted, CancellationToken cancellationToken) =>
        _shared.EstablishOriginAsync(wanted, cancellationToken);

    public void SeekTo(ulong frames) => throw new NotSupportedException("a copy goes on behind its last frame");

    public ValueTask<bool> TryTakeLeaseAsync(TimeSpan duration, CancellationToken cancellationToken) =>
        _shared.TryTakeLeaseAsync(duration, cancellationToken);

    public ValueTask<bool> RenewLeaseAsync(CancellationToken cancellationToken) => _shared.RenewLeaseAsync(cancellationToken);

    public ValueTask ReleaseLeaseAsync(CancellationToken cancellationToken) => _shared.ReleaseLeaseAsync(cancellationToken);

    public ValueTask EnqueueAsync(Guid id, ReadOnlyMemory<byte> submission, CancellationToken cancellationToken) =>
        _shared.EnqueueAsync(id, submission, cancellationToken);

    public ValueTask<IReadOnlyList<WaitingSubmission>> WaitingAsync(int maxCount, long maxBytes, CancellationToken cancellationToken) =>
        _shared.WaitingAsync(maxCount, maxBytes, cancellationToken);

    public ValueTask<ReadOnlyMemory<byte>?> CheckpointAsync(CancellationToken cancellationToken) =>
        _shared.CheckpointAsync(cancellationToken);

    public ValueTask<bool> KeepCheckpointAsync(ulong size, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        _shared.KeepCheckpointAsync(size, note, cancellationToken);

    public ValueTask ForgetAnswersAsync(IReadOnlyCollection<Guid> read, CancellationToken cancellationToken) =>
        _shared.ForgetAnswersAsync(read, cancellationToken);

    public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken) =>
        _local.ReadAsync(position, destination, cancellationToken);

    public int Read(FramePosition position, Span<byte> destination) => _local.Read(position, destination);

    public ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken) =>
        throw new NotSupportedException("other nodes may have read the frames of a shared log");

    /// <summary>Closes the copy only: the shared storage is its opener's.</summary>
    public ValueTask DisposeAsync() => _local.DisposeAsync();

    /// <summary>Frames in the copy.</summary>
    internal ulong Count => _local.FrameCount;

    FramePosition Keep(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return _local.Append(payload);
        }
        catch (LogStorageException e)
        {
            throw new CopyFailedException(e);
        }
    }

    void CatchUp()
    {
        try
        {
            _disk.CatchUp();
        }
        catch (IOException e)
        {
            throw new CopyFailedException(e);
        }
    }

    // Frames never change, so the last one vouches for those before it: its head covers them.
    void CheckLast(FramePosition? last)
    {
        if (last is not { } position)
        {
            return;
        }
        _shared.SeekTo(Count - 1);
        bool? theirs = null;
        // Not by a query: that may end the reading, and with it the payload, before it looks at it.
        foreach (var frame in _shared.ReadNewFrames())
        {
            theirs = IsOurs(frame.Payload, position);
            break;
        }
        if (theirs != true)
        {
            throw new LogDamagedException(
                $"the database {(theirs is null ? "lacks" : "contradicts")} frame {Count} of the log, which this node has shown and keeps in {Folder}: the database was"
                    + " restored from a backup or lost a fail-over, and may have forgotten acknowledged entries. Delete that folder only to go on without them"
            );
        }
    }

    bool IsOurs(ReadOnlyMemory<byte> payload, FramePosition position) =>
        _local.ReadFrame(position) is { } frame && frame.Payload.Span.SequenceEqual(payload.Span);

    static bool Advance(IEnumerator<StoredFrame> frames)
    {
        try
        {
            return frames.MoveNext();
        }
        catch (LogDamagedException e)
        {
            throw new CopyDamagedException(e);
        }
    }
}

/// <summary>
/// The disk under this node's copy of a shared log failed. Only opening it again tells what it holds; the log itself is well, and other nodes go on.
/// </summary>
sealed class CopyFailedException(IOException inner) : LogStorageException($"this node's copy of the log: {inner.Message}", inner);

/// <summary>This node's copy of a shared log is not what was written. It can be fetched again.</summary>
sealed class CopyDamagedException(LogDamagedException inner) : LogStorageException(inner.Message, inner);
