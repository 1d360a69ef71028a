using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Log.Storage;

namespace Quorate.Testing.Logs;

/// <summary>
/// What a database does for a shared log, in memory: for tests of everything above the database, with connections that break at a chosen place.
/// </summary>
public sealed class MemoryDatabase
{
    readonly Lock _lock = new();
    readonly List<byte[]> _frames = [];
    readonly List<WaitingSubmission> _queue = [];
    readonly Dictionary<Guid, SubmissionAnswer> _answers = [];
    readonly long _started = TimeProvider.System.GetTimestamp();
    long _epoch;
    Connection? _holder;
    string? _origin;
    (ulong Size, byte[] Note)? _checkpoint;
    TimeSpan _leaseUntil;

    public enum Break
    {
        /// <summary>Nothing reaches the database.</summary>
        Before,

        /// <summary>It is done, but nobody is told.</summary>
        After,
    }

    public int FrameCount => Locked(() => _frames.Count);

    public int QueueLength => Locked(() => _queue.Count);

    public int AnswerCount => Locked(() => _answers.Count);

    public Connection Connect() => new(this);

    /// <summary>The database is a backup from when it had fewer frames.</summary>
    public void Rewind(int frames) =>
        Locked(() =>
        {
            _frames.RemoveRange(frames, _frames.Count - frames);
            return true;
        });

    public void ForgetCheckpoint() => Locked(() => _checkpoint = null);

    /// <summary>Somebody wrote into the table.</summary>
    public void ReplaceCheckpoint(ReadOnlyMemory<byte> note) => Locked(() => _checkpoint = (0, note.ToArray()));

    T Locked<T>(Func<T> work)
    {
        lock (_lock)
        {
            return work();
        }
    }

    TimeSpan Now => TimeProvider.System.GetElapsedTime(_started);

    public sealed class Connection(MemoryDatabase database) : ISharedLogStorage
    {
        const int Bits = 32;

        long? _epoch;
        TimeSpan _lease;
        int _next;

        /// <summary>How the connection breaks at the next commit.</summary>
        public Break? NextCommit { get; set; }

        public Break? NextEnqueue { get; set; }

        /// <summary>Every use fails.</summary>
        public bool IsDown { get; set; }

        public TailRepair? Repair => null;

        public IEnumerable<StoredFrame> ReadFrames(FramePosition? from = null)
        {
            _next = from is { } position ? NumberOf(position) : 0;
            return ReadNewFrames();
        }

        public StoredFrame? ReadFrame(FramePosition payload) =>
            OffsetOf(payload) == 0 && NumberOf(payload) is var number && number >= 0 && number < database.FrameCount
                ? new StoredFrame(payload, Use(() => database._frames[number]))
                : null;

        public IEnumerable<StoredFrame> ReadNewFrames()
        {
            while (Use(() => _next < database._frames.Count ? database._frames[_next] : null) is { } frame)
            {
                _next++;
                yield return new StoredFrame(new FramePosition((long)_next << Bits), frame);
            }
            if (_next > database.FrameCount)
            {
                throw new LogDamagedException("the database lost frames");
            }
        }

        public ValueTask<string> EstablishOriginAsync(string wanted, CancellationToken cancellationToken) =>
            new(Use(() => database._origin ??= wanted));

        public void SeekTo(ulong frames) => _next = (int)frames;

        public ValueTask<SharedLogStatus> StatusAsync(IReadOnlyCollection<Guid> awaited, CancellationToken cancellationToken) =>
            new(
                Use(() =>
                    new SharedLogStatus(
                        database._epoch,
                        database._frames.Count != _next,
                        database._holder is null || database._holder == this || database._leaseUntil < database.Now,
                        database._holder is null ? null : "somebody",
                        [.. awaited.Where(database._answers.ContainsKey).Select(id => database._answers[id])]
                    )
                )
            );

        public ValueTask<bool> TryTakeLeaseAsync(TimeSpan duration, CancellationToken cancellationToken) =>
            new(
                Use(() =>
                {
                    if (database._holder is not null && database._holder != this && database._leaseUntil >= database.Now)
                    {
                        return false;
                    }
                    (database._holder, _epoch, _lease) = (this, ++database._epoch, duration);
                    database._leaseUntil = database.Now + duration;
                    return true;
                })
            );

        public ValueTask<bool> RenewLeaseAsync(CancellationToken cancellationToken) =>
            new(
                Use(() =>
                {
                    if (_epoch == database._epoch)
                    {
                        database._leaseUntil = database.Now + _lease;
                    }
                    return _epoch == database._epoch;
                })
            );

        public ValueTask ReleaseLeaseAsync(CancellationToken cancellationToken)
        {
            Use(() => database._holder = _epoch == database._epoch ? null : database._holder);
            return ValueTask.CompletedTask;
        }

        public ValueTask EnqueueAsync(Guid id, ReadOnlyMemory<byte> submission, CancellationToken cancellationToken)
        {
            var (broken, bytes) = (NextEnqueue, submission.ToArray());
            NextEnqueue = null;
            if (broken != Break.Before)
            {
                Use(() =>
                {
                    if (!database._answers.ContainsKey(id) && database._queue.TrueForAll(w => w.Id != id))
                    {
                        database._queue.Add(new WaitingSubmission(id, bytes));
                    }
                    return true;
                });
            }
            return broken is null ? ValueTask.CompletedTask : throw Lost();
        }

        public ValueTask<IReadOnlyList<WaitingSubmission>> WaitingAsync(int maxCount, long maxBytes, CancellationToken cancellationToken) =>
            new(
                Use(() =>
                {
                    var bytes = 0L;
                    return (IReadOnlyList<WaitingSubmission>)
                        [.. database._queue.Take(maxCount).TakeWhile((w, i) => (bytes += w.Bytes.Length) <= maxBytes || i == 0)];
                })
            );

        public ValueTask<FramePosition> CommitAsync(
            ReadOnlyMemory<byte>? payload,
            IReadOnlyList<SubmissionAnswer> answers,
            CancellationToken cancellationToken
        )
        {
            var broken = NextCommit;
            NextCommit = null;
            if (broken != Break.Before)
            {
                Use(() => Commit(payload, answers));
            }
            if (broken is not null)
            {
                throw Lost();
            }
            _next += payload is null ? 0 : 1;
            return ValueTask.FromResult(new FramePosition((long)_next << Bits));
        }

        public ValueTask<ReadOnlyMemory<byte>?> CheckpointAsync(CancellationToken cancellationToken) =>
            new(Use(() => database._checkpoint is { } kept ? kept.Note : (ReadOnlyMemory<byte>?)null));

        public ValueTask<bool> KeepCheckpointAsync(ulong size, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
            new(
                Use(() =>
                {
                    if (database._holder != this || database._checkpoint?.Size > size)
                    {
                        return false;
                    }
                    database._checkpoint = (size, note.ToArray());
                    return true;
                })
            );

        public ValueTask ForgetAnswersAsync(IReadOnlyCollection<Guid> read, CancellationToken cancellationToken)
        {
            Use(() => read.Count(database._answers.Remove));
            return ValueTask.CompletedTask;
        }

        public ValueTask<FramePosition> AppendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
            CommitAsync(payload, [], cancellationToken);

        public ValueTask<int> ReadAsync(FramePosition position, Memory<byte> destination, CancellationToken cancellationToken) =>
            new(Read(position, destination.Span));

        public int Read(FramePosition position, Span<byte> destination)
        {
            var frame = Use(() => database._frames[NumberOf(position)]).AsSpan(OffsetOf(position));
            frame = frame[..Math.Min(frame.Length, destination.Length)];
            frame.CopyTo(destination);
            return frame.Length;
        }

        public ValueTask TruncateAsync(FramePosition payload, CancellationToken cancellationToken)
        {
            var frame = NumberOf(payload);
            if (OffsetOf(payload) != 0)
            {
                throw new ArgumentException("no frame begins there", nameof(payload));
            }
            database.Rewind(frame);
            _next = frame;
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        bool Commit(ReadOnlyMemory<byte>? payload, IReadOnlyList<SubmissionAnswer> answers)
        {
            if (_epoch != database._epoch || _next != database._frames.Count)
            {
                throw new LeaseLostException("another node sequences the log now");
            }
            database._leaseUntil = database.Now + _lease;
            if (payload is { } bytes)
            {
                database._frames.Add(bytes.ToArray());
            }
            foreach (var answer in answers)
            {
                database._queue.RemoveAll(w => w.Id == answer.Id);
                database._answers.TryAdd(answer.Id, answer);
            }
            return true;
        }

        // Frame 0 lies at position 1, because 0 means nowhere.
        static int NumberOf(FramePosition position) => (int)(position.Value >> Bits) - 1;

        static int OffsetOf(FramePosition position) => (int)(position.Value & uint.MaxValue);

        T Use<T>(Func<T> work) => IsDown ? throw Lost() : database.Locked(work);

        static LogStorageException Lost() => new("the connection was lost");
    }
}
