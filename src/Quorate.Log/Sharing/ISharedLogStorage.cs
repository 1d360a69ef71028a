using Quorate.Log.Storage;

namespace Quorate.Log.Sharing;

/// <summary>
/// Storage of one log that several nodes have open (docs/adr/shared-log-in-postgresql.md). One of them at a time holds the lease and appends; what keeps
/// them apart is not the lease but that every append names the epoch and the frame that it expects to be next. Each object has a cursor: the frame that
/// <see cref="ReadNewFrames"/> gives next, and the only one that it may append.
/// A lost connection shows as <see cref="LogStorageException"/>; unlike that of a file it is no reason to stop: the caller drops what it staged
/// and reads again. Its members are called by one task at a time, but for <see cref="EnqueueAsync"/>, the two of the checkpoint, and the reads of
/// <see cref="ILogStorage"/>.
/// </summary>
public interface ISharedLogStorage : ILogStorage
{
    /// <summary>The log's origin: <paramref name="wanted"/> for a log that has none yet, else what it was given at its creation.</summary>
    ValueTask<string> EstablishOriginAsync(string wanted, CancellationToken cancellationToken);

    /// <summary>Sets the cursor behind the first <paramref name="frames"/> frames, which the caller has from elsewhere.</summary>
    void SeekTo(ulong frames);

    /// <summary>
    /// What the database says now, with the answers to those of <paramref name="awaited"/> that have one. The frames that an answer speaks of are there for
    /// the next <see cref="ReadNewFrames"/>.
    /// </summary>
    ValueTask<SharedLogStatus> StatusAsync(IReadOnlyCollection<Guid> awaited, CancellationToken cancellationToken);

    /// <summary>
    /// Frames from the cursor on, as far as they are committed; moves the cursor behind each. A payload is valid until the next one is asked for.
    /// </summary>
    /// <exception cref="LogDamagedException">A frame is not what was written, or fewer frames are there than were read before.</exception>
    IEnumerable<StoredFrame> ReadNewFrames();

    /// <summary>Takes the lease if nobody else holds it, under a new epoch that supersedes whoever held it before.</summary>
    ValueTask<bool> TryTakeLeaseAsync(TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>Makes the lease last from now on, or returns false when somebody else has taken it.</summary>
    ValueTask<bool> RenewLeaseAsync(CancellationToken cancellationToken);

    /// <summary>Lets somebody else take the lease at once. Harmless without one.</summary>
    ValueTask ReleaseLeaseAsync(CancellationToken cancellationToken);

    /// <summary>Queues a submission for whoever holds the lease. Repeating it under the same name does no harm.</summary>
    ValueTask EnqueueAsync(Guid id, ReadOnlyMemory<byte> submission, CancellationToken cancellationToken);

    /// <summary>The submissions that wait longest: as many as fit the limits, but at least one if there is any.</summary>
    ValueTask<IReadOnlyList<WaitingSubmission>> WaitingAsync(int maxCount, long maxBytes, CancellationToken cancellationToken);

    /// <summary>
    /// In one transaction: appends a frame (unless null), takes the answered submissions out of the queue, and stores the answers. Renews the lease.
    /// Returns the position of the frame.
    /// </summary>
    /// <exception cref="LeaseLostException">Another node has taken the lease or appended; nothing was changed.</exception>
    ValueTask<FramePosition> CommitAsync(
        ReadOnlyMemory<byte>? payload,
        IReadOnlyList<SubmissionAnswer> answers,
        CancellationToken cancellationToken
    );

    /// <summary>The note that <see cref="KeepCheckpointAsync"/> kept last; null when there is none.</summary>
    ValueTask<ReadOnlyMemory<byte>?> CheckpointAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the log's newest witnessed checkpoint for all nodes, unless this one no longer holds the lease, or one of a larger tree is kept. False then.
    /// </summary>
    /// <param name="size">Entries of the checkpoint's tree.</param>
    /// <param name="note">With all its signatures.</param>
    ValueTask<bool> KeepCheckpointAsync(ulong size, ReadOnlyMemory<byte> note, CancellationToken cancellationToken);

    /// <summary>Removes answers that were read, and those that nobody has read for long.</summary>
    ValueTask ForgetAnswersAsync(IReadOnlyCollection<Guid> read, CancellationToken cancellationToken);
}

/// <param name="HasNewFrames">There are frames at or behind the cursor.</param>
/// <param name="LeaseIsFree">Nobody holds the lease, or only an earlier epoch of this very object.</param>
/// <param name="Holder">Who holds the lease, for people; null when nobody does.</param>
public sealed record SharedLogStatus(
    long Epoch,
    bool HasNewFrames,
    bool LeaseIsFree,
    string? Holder,
    IReadOnlyList<SubmissionAnswer> Answers
);

/// <param name="Bytes">As <see cref="SubmissionFormat"/> writes them.</param>
public readonly record struct WaitingSubmission(Guid Id, ReadOnlyMemory<byte> Bytes);

/// <param name="Bytes">As <see cref="AnswerFormat"/> writes them.</param>
public readonly record struct SubmissionAnswer(Guid Id, ReadOnlyMemory<byte> Bytes);

/// <summary>Another node sequences the log now. What this one had staged is void.</summary>
public sealed class LeaseLostException(string message) : LogStorageException(message);
