using System.Threading.Channels;
using Quorate.Crypto;
using Quorate.Log.Sequencing;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Log;

/// <summary>
/// A log of which this node is the only writer. Submitters hash their items and queue them; one sequencer turns whatever waits into a batch, signs
/// a head over it and makes both durable with one sync. Only then does anyone see the head.
/// </summary>
public sealed class PublishedLog : SigningLog
{
    readonly PublishedLogOptions _options;
    readonly Channel<SubmitRequest> _queue;
    readonly Sequencer _sequencer;
    Task _running = Task.CompletedTask;
    ulong _selfDivergences;
    bool _disposed;

    PublishedLog(PublishedLogOptions options, Ed25519PrivateKey key, ILogStorage storage)
        : base(options, key, storage)
    {
        _options = options;
        WitnessedCheckpoint = new CheckpointFile(options.Folder);
        _queue = Channel.CreateBounded<SubmitRequest>(
            new BoundedChannelOptions(options.MaxQueuedSubmits) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
        );
        _sequencer = new Sequencer(State, storage, options, key)
        {
            Published = OnPublished,
            Stopped = RaiseFailed,
            LackChanged = RaisePaused,
        };
    }

    /// <summary>Raised for every self-divergence once it is durable (or dropped), on an arbitrary thread.</summary>
    public event Action<IPublishedLog, SelfDivergence>? Diverged;

    /// <summary>Self-divergences since the log was opened.</summary>
    public ulong SelfDivergences => Volatile.Read(ref _selfDivergences);

    /// <inheritdoc/>
    public override LogStorageException? Failure => _sequencer.Failure;

    /// <inheritdoc/>
    public override string? Fault => _sequencer.Lack;

    /// <summary>Opens the log in its folder, or creates it there with a signed empty head. The caller holds the state directory's lock.</summary>
    /// <param name="key">Must stay undisposed as long as the log is open; it is not disposed with it.</param>
    /// <exception cref="LogKeyException">The private key is not the one that the log's identity names.</exception>
    /// <exception cref="LogDamagedException">The files are not what was written.</exception>
    /// <exception cref="LogOriginException">The log was created with another origin.</exception>
    public static Task<PublishedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key, CancellationToken cancellationToken)
    {
        CheckKey(options, key);
        var storage = WriteAheadStorage.Open(options.Folder, options.Identity.Id, options.SegmentBytes, options.Disk);
        LogIdentityFile.Ensure(options.Folder, options.Identity);
        return OpenAsync(options, key, storage, cancellationToken);
    }

    /// <summary>
    /// The same over another storage, which the log disposes of. A storage with a folder keeps the origin there; with another one, whoever opens the
    /// log must state the same origin each time.
    /// </summary>
    public static async Task<PublishedLog> OpenAsync(
        PublishedLogOptions options,
        Ed25519PrivateKey key,
        ILogStorage storage,
        CancellationToken cancellationToken
    )
    {
        PublishedLog? log = null;
        try
        {
            CheckKey(options, key);
            options.Validate();
            log = new PublishedLog(options with { Origin = LogOrigin.Establish(options, storage.Folder) }, key, storage);
            log._sequencer.Signed = await log.OpenStateAsync(log._sequencer.CreateAsync, cancellationToken);
            log._running = Task.Run(() => log._sequencer.RunAsync(log._queue.Reader), CancellationToken.None);
            return log;
        }
        catch
        {
            await (log?.CloseStateAsync(writeImage: false) ?? ValueTask.CompletedTask);
            await storage.DisposeAsync();
            throw;
        }
    }

    public override async Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var bytes = SubmitLimits.Check(items, _options);
        var prepared = new PreparedItem[items.Count];
        for (var i = 0; i < prepared.Length; i++)
        {
            prepared[i] = PreparedItem.Of(items[i]);
        }
        return await EnqueueAsync(new SubmitRequest(prepared, bytes), cancellationToken);
    }

    public override async Task<LogHead> FlushAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return (await EnqueueAsync(new SubmitRequest([], 0), cancellationToken)).Head;
    }

    /// <inheritdoc/>
    public override ICheckpointKeeper WitnessedCheckpoint { get; }

    /// <inheritdoc/>
    public override void Refuse(string reason) => _sequencer.Refuse(new LogStorageException(reason));

    /// <summary>Takes no more submits, finishes those that wait, and closes the files.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        _queue.Writer.TryComplete();
        await _running;
        await CloseStateAsync(writeImage: true);
        await Storage.DisposeAsync();
    }

    // A caller that stops waiting does not take back what it submitted.
    async Task<SubmitResult> EnqueueAsync(SubmitRequest request, CancellationToken cancellationToken)
    {
        if (!_sequencer.Budget.TryReserve(request.Bytes))
        {
            throw Overloaded();
        }
        if (!_queue.Writer.TryWrite(request))
        {
            _sequencer.Budget.Release(request.Bytes);
            ObjectDisposedException.ThrowIf(_disposed, this);
            throw Overloaded();
        }
        return await request.Completion.WaitAsync(cancellationToken);
    }

    LogOverloadedException Overloaded() => new($"log {Identity.Id}: too much waits to be logged");

    void OnPublished(SubmitBatch batch, bool advanced)
    {
        foreach (var request in batch.Requests)
        {
            foreach (var divergence in request.Divergences ?? [])
            {
                _selfDivergences++;
                if (Diverged is { } handlers)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(
                        static state => state.handlers(state.log, state.divergence),
                        (handlers, log: (IPublishedLog)this, divergence),
                        preferLocal: false
                    );
                }
            }
        }
        if (advanced)
        {
            Images.Offer();
            RaiseAdvanced();
        }
    }
}
