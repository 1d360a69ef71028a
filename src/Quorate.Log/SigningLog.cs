using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Log;

/// <summary>
/// A log whose key this node has, wherever its frames are kept: under which name its checkpoints are signed, and what is looked at before anything new is.
/// </summary>
public abstract class SigningLog : LogView, IPublishedLog, ICheckpointedLog, IAsyncDisposable
{
    readonly PublishedLogOptions _options;
    readonly Ed25519PrivateKey _key;
    SignedState? _signed;

    private protected SigningLog(PublishedLogOptions options, Ed25519PrivateKey key, ILogStorage storage)
        : base(options.Identity, storage, options.History, options.ImageAfterEntries, options.Time, isMirror: false)
    {
        (_options, _key) = (options, key);
        VerifierKey = NoteVerifierKey.Ed25519(options.Origin!, key.PublicKey);
    }

    /// <summary>
    /// Raised once, when the disk under the log failed, by its writer, which must not be kept waiting: the log takes no more submits until it is opened again, because
    /// nobody knows what the disk holds.
    /// </summary>
    public event Action<SigningLog, LogStorageException>? Failed;

    /// <summary>
    /// Raised by the log's writer, which must not be kept waiting, when nothing new can be logged for now because the disk is nearly full; with null once something can again.
    /// </summary>
    public event Action<SigningLog, string?>? Paused;

    public new LogHead Head => base.Head!;

    /// <inheritdoc/>
    public string Origin => VerifierKey.Name;

    /// <inheritdoc/>
    public NoteVerifierKey VerifierKey { get; }

    /// <inheritdoc/>
    public abstract ICheckpointKeeper WitnessedCheckpoint { get; }

    /// <inheritdoc/>
    public abstract LogStorageException? Failure { get; }

    /// <inheritdoc/>
    public virtual string? Fault => null;

    public PublishedCheckpoint CheckpointAt(ulong number) => CheckpointAt(number, VerifierKey, _key);

    public abstract Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken);

    public abstract Task<LogHead> FlushAsync(CancellationToken cancellationToken);

    /// <inheritdoc/>
    public abstract void Refuse(string reason);

    /// <summary>Takes no more submits, finishes those that wait as far as it can, and closes what is open.</summary>
    public abstract ValueTask DisposeAsync();

    internal static void CheckKey(PublishedLogOptions options, Ed25519PrivateKey key)
    {
        if (!key.PublicKey.Equals(options.Identity.Key))
        {
            throw new LogKeyException(
                $"log {options.Identity.Id} has the public key {options.Identity.Key}, but the private key belongs to {key.PublicKey}"
            );
        }
    }

    private protected void RaisePaused(string? lack) => Paused?.Invoke(this, lack);

    private protected void RaiseFailed(LogStorageException failure) => Failed?.Invoke(this, failure);

    /// <summary>Brings the state up to its newest head, makes the first one where there is none, and refuses a log that is not what was signed.</summary>
    /// <param name="create">Called for a log without a head; returns when it has one.</param>
    /// <returns>What every further head is to be noted in; null where nothing remembers.</returns>
    private protected async Task<SignedState?> OpenStateAsync(Func<CancellationToken, Task> create, CancellationToken cancellationToken)
    {
        // Hashing a large log takes a while: not on the caller's thread.
        await Task.Run(() => Open(cancellationToken), cancellationToken);
        if (State.StagedFrom is not null)
        {
            throw Replay.Damaged(Identity, "there are entries that no head covers, which only a mirror has");
        }
        _signed = _options.SignedState is { } folder ? SignedState.Open(folder, Identity, WriteAheadDisk.Real, _options.Time) : null;
        _signed?.Check(State.Snapshot?.Head, State.Tree.Root, State.MapHistory.Root);
        if (State.Snapshot is null)
        {
            await create(cancellationToken);
        }
        CheckOrigin(VerifierKey);
        _signed?.NoteDurably(Head);
        Images.Offer();
        return _signed;
    }

    /// <summary>Closes what <see cref="OpenStateAsync"/> opened, however far it came. The log's writer must have ended.</summary>
    private protected async ValueTask CloseStateAsync(bool writeImage)
    {
        if (writeImage)
        {
            await Images.CloseAsync(canWrite: Failure is null);
        }
        State.Dispose();
        _signed?.Dispose();
    }
}

/// <summary>A log was opened with a private key that is not its own.</summary>
public sealed class LogKeyException(string message) : InvalidOperationException(message);
