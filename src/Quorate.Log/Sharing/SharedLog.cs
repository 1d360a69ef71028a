using Quorate.Crypto;
using Quorate.Log.Sequencing;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Log.Sharing;

/// <summary>
/// A published log that several nodes have open. Each follows its frames, answers readers from what it derives of them, and takes submits into the common
/// queue; one of them at a time sequences it (docs/adr/shared-log-in-postgresql.md).
/// </summary>
public sealed class SharedLog : SigningLog
{
    /// <summary>How long closing waits for answers to what was submitted.</summary>
    static readonly TimeSpan s_lastAnswers = TimeSpan.FromSeconds(20);

    readonly PublishedLogOptions _options;
    readonly ISharedLogStorage _shared;
    readonly Outbox _outbox;
    readonly SharedLogMember _member;
    readonly CancellationTokenSource _stopping = new();
    Task _running = Task.CompletedTask;
    ulong _selfDivergences;
    bool _disposed;

    SharedLog(PublishedLogOptions options, SharedLogOptions sharing, Ed25519PrivateKey key, ISharedLogStorage shared, LocalCopy copy)
        : base(options, key, copy)
    {
        (_options, _shared) = (options, shared);
        _outbox = new Outbox(options, sharing, copy) { Sent = () => _member!.Wake(), Diverged = OnDiverged };
        _member = new SharedLogMember(State, options, sharing, key, copy, _outbox) { Advanced = OnAdvanced, CopyFailed = RaiseFailed };
        WitnessedCheckpoint = new SharedCheckpoint(shared, _member);
    }

    /// <inheritdoc/>
    public override ICheckpointKeeper WitnessedCheckpoint { get; }

    /// <inheritdoc/>
    public override void Refuse(string reason) => _member.Refuse(new LogStorageException(reason));

    /// <summary>This node sequences the log now, as far as it knows.</summary>
    public bool IsSequencer => _member.IsSequencer;

    /// <summary>Host and process that sequenced the log when this node last looked; null when nobody did.</summary>
    public string? Sequencer => _member.Holder;

    /// <inheritdoc/>
    public override LogStorageException? Failure => _member.Failure;

    /// <inheritdoc/>
    public override string? Fault => _member.Fault;

    /// <summary>Self-divergences among what was submitted to this node since it opened the log.</summary>
    public ulong SelfDivergences => Volatile.Read(ref _selfDivergences);

    /// <summary>
    /// Opens the log, and returns when it has a head: a new one is created by whichever node comes first.
    /// </summary>
    /// <param name="key">Must stay undisposed as long as the log is open; it is not disposed with it.</param>
    /// <param name="storage">Disposed with the log, and when it cannot be opened.</param>
    /// <exception cref="LogKeyException">The private key is not the one that the log's identity names.</exception>
    /// <exception cref="LogOriginException">The log was created with another origin than this node's; all must be configured with the same.</exception>
    /// <exception cref="LogDamagedException">The frames are not what was written.</exception>
    /// <exception cref="LogStorageException">The database does not answer.</exception>
    public static async Task<SharedLog> OpenAsync(
        PublishedLogOptions options,
        SharedLogOptions sharing,
        Ed25519PrivateKey key,
        ISharedLogStorage storage,
        CancellationToken cancellationToken
    )
    {
        try
        {
            CheckKey(options, key);
            options.Validate();
            sharing.Validate();
            // Whichever node came first fixed it for all of them.
            var origin = await storage.EstablishOriginAsync(LogOrigin.Wanted(options), cancellationToken);
            if (!Checkpoint.IsOrigin(origin))
            {
                throw new LogDamagedException($"log {options.Identity.Id}: its row in the table quorate_log has no origin that can be one");
            }
            options = options with { Origin = LogOrigin.Agreed(options, origin) };
            try
            {
                return await OpenCopyAsync(options, sharing, key, storage, cancellationToken);
            }
            catch (CopyDamagedException e)
            {
                sharing.Observer?.Invoke(new SharedLogEvent.DiscardedCopy(e.Message));
                Directory.Delete(options.Folder, recursive: true);
                return await OpenCopyAsync(options, sharing, key, storage, cancellationToken);
            }
        }
        catch
        {
            await storage.DisposeAsync();
            throw;
        }
    }

    static async Task<SharedLog> OpenCopyAsync(
        PublishedLogOptions options,
        SharedLogOptions sharing,
        Ed25519PrivateKey key,
        ISharedLogStorage storage,
        CancellationToken cancellationToken
    )
    {
        var copy = LocalCopy.Open(storage, options.Folder, options.Identity.Id, options.Disk);
        SharedLog? log = null;
        try
        {
            LogIdentityFile.Ensure(options.Folder, options.Identity);
            log = new SharedLog(options, sharing, key, storage, copy);
            log._member.Signed = await log.OpenStateAsync(log._member.CreateAsync, cancellationToken);
            log._outbox.Start();
            log._running = Task.Run(() => log._member.RunAsync(log._stopping.Token), CancellationToken.None);
            return log;
        }
        catch
        {
            await (log?.CloseStateAsync(writeImage: false) ?? ValueTask.CompletedTask);
            await copy.DisposeAsync();
            throw;
        }
    }

    public override async Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var bytes = SubmitLimits.Check(items, _options);
        // Whoever sequences them hashes them, too.
        var request = new SubmitRequest([.. items.Select(i => new PreparedItem(i.Key, i.Value, default, default, default))], bytes);
        return await _outbox.SubmitAsync(request, cancellationToken);
    }

    public override async Task<LogHead> FlushAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return (await _outbox.SubmitAsync(new SubmitRequest([], 0), cancellationToken)).Head;
    }

    /// <summary>Takes no more submits, waits a while for the answers to those that wait, gives the lease back, and closes the connection.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        using (var patience = new CancellationTokenSource(s_lastAnswers, TimeProvider.System))
        {
            await _member.DrainAsync(patience.Token);
        }
        await _stopping.CancelAsync();
        await _running;
        await _outbox.CompleteAsync();
        _outbox.Dispose();
        _member.Dispose();
        _stopping.Dispose();
        await CloseStateAsync(writeImage: true);
        await Storage.DisposeAsync();
        await _shared.DisposeAsync();
    }

    void OnAdvanced()
    {
        Images.Offer();
        RaiseAdvanced();
    }

    void OnDiverged(SelfDivergence divergence) => Interlocked.Increment(ref _selfDivergences);
}
