using Quorate.Core;
using Quorate.Log.Mirroring;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>
/// A verified local copy of a foreign log: every root is recomputed from the entries before a head counts. Answers proofs like the log itself, with no network.
/// </summary>
public sealed class MirroredLog : LogView, IAsyncDisposable
{
    /// <summary>Missing values that one synchronisation asks for again.</summary>
    const int MaxRetries = 1000;

    readonly MirroredLogOptions _options;
    readonly MirrorWriter _writer;
    readonly SemaphoreSlim _oneSync = new(1, 1);

    // Touched by the one running synchronisation only.
    readonly HashSet<(string Remote, Sha256Digest Head)> _cleared = [];
    int _nextRetry;
    bool _hasFailed;

    volatile Misbehaviour? _misbehaviour;
    ulong _missingValues;
    bool _disposed;

    MirroredLog(MirroredLogOptions options, ILogStorage storage)
        : base(options.Identity, storage, options.History, options.ImageAfterEntries, options.Time, isMirror: true)
    {
        _options = options;
        _writer = new MirrorWriter(State, storage, options.Time);
    }

    /// <summary>The contradiction that this log was caught in; null for honest logs. Kept across restarts.</summary>
    public Misbehaviour? Misbehaviour => _misbehaviour;

    /// <summary>Values under the verified head that no remote gave yet.</summary>
    public ulong MissingValues => Volatile.Read(ref _missingValues);

    /// <summary>Opens the mirror in its folder, or creates it there. The caller holds the state directory's lock.</summary>
    /// <exception cref="LogDamagedException">The files are not what was written.</exception>
    public static Task<MirroredLog> OpenAsync(MirroredLogOptions options, CancellationToken cancellationToken)
    {
        var storage = WriteAheadStorage.Open(options.Folder, options.Identity.Id, options.SegmentBytes, options.Disk);
        LogIdentityFile.Ensure(options.Folder, options.Identity);
        return OpenAsync(options, storage, cancellationToken);
    }

    /// <summary>The same over another storage, which the mirror disposes of.</summary>
    public static async Task<MirroredLog> OpenAsync(MirroredLogOptions options, ILogStorage storage, CancellationToken cancellationToken)
    {
        MirroredLog? log = null;
        try
        {
            log = new MirroredLog(options, storage);
            await Task.Run(() => log.Open(cancellationToken), cancellationToken);
            log._misbehaviour = ReadMisbehaviour(options);
            if (log.State.StagedFrom is null)
            {
                log._missingValues = (ulong)log.State.MissingValues().Count;
            }
            return log;
        }
        catch
        {
            log?.State.Dispose();
            await storage.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Brings the mirror up to the newest head that any of the remotes can prove. One at a time; a second call waits. Entries fetched before a failure or a cancellation
    /// are kept, and not fetched again.
    /// </summary>
    /// <exception cref="LogStorageException">The disk failed. What was verified keeps being served, and the next call tries the disk again.</exception>
    public async Task<SyncOutcome> SyncAsync(
        IReadOnlyList<ILogSource> remotes,
        MirrorLimits limits,
        IProgress<SyncProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        await _oneSync.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_misbehaviour is { } known)
            {
                return new SyncOutcome.Misbehaving(known, []);
            }
            Recover();
            return await SyncOnceAsync(
                new SyncSession(_options, State, _writer, remotes, limits, _cleared, progress),
                limits,
                cancellationToken
            );
        }
        catch (LogStorageException e) when (e is not (LogDamagedException or LogRoomException))
        {
            _hasFailed = true;
            throw;
        }
        finally
        {
            _oneSync.Release();
        }
    }

    /// <summary>
    /// Compares what the log signed for others with what was verified here; a difference is misbehaviour, and is kept as such. Says nothing of trees
    /// that are larger than the verified one.
    /// </summary>
    /// <param name="trees">Signed by the log: each signature has been verified.</param>
    public async Task<Misbehaviour?> CompareAsync(IReadOnlyList<SignedTree> trees, CancellationToken cancellationToken)
    {
        await _oneSync.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_misbehaviour is null && HeadChecks.Among(trees, Head, State.Tree, _options.Time.GetUtcNow()) is { } found)
            {
                Keep(found);
            }
            return _misbehaviour;
        }
        finally
        {
            _oneSync.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _oneSync.WaitAsync();
        try
        {
            if (!_disposed)
            {
                _disposed = true;
                await Images.CloseAsync(canWrite: !_hasFailed);
                State.Dispose();
                await Storage.DisposeAsync();
            }
        }
        finally
        {
            _oneSync.Release();
        }
    }

    async Task<SyncOutcome> SyncOnceAsync(SyncSession session, MirrorLimits limits, CancellationToken cancellationToken)
    {
        var outcome = await session.RunAsync(cancellationToken);
        switch (outcome)
        {
            case SyncOutcome.Misbehaving found:
                Keep(found.Evidence);
                return outcome;
            case SyncOutcome.Advanced:
                Images.Offer();
                RaiseAdvanced();
                break;
        }
        if (State.StagedFrom is null && outcome is not SyncOutcome.Failed)
        {
            await RetryMissingAsync(session.Values, limits, cancellationToken);
        }
        return outcome with { Faults = session.Faults() };
    }

    /// <summary>After a failed write the state holds what was written before it, and only the files have to be brought back to that.</summary>
    void Recover()
    {
        if (!_hasFailed)
        {
            return;
        }
        if (Storage.Recover())
        {
            State.DropStaged();
        }
        _hasFailed = false;
    }

    void Keep(Misbehaviour found)
    {
        MisbehaviourStore.Write(Path.Combine(_options.Folder, MisbehaviourStore.FileName), found, Identity);
        _misbehaviour = found;
    }

    static Misbehaviour? ReadMisbehaviour(MirroredLogOptions options)
    {
        // Versions before the proofs were files of their own wrote this; what stands in it cannot all be checked.
        var old = Path.Combine(options.Folder, "misbehaviour.json");
        return File.Exists(old)
            ? throw new LogDamagedException(
                $"{old} says that an earlier version caught the log misbehaving; whoever removes it trusts the log again"
            )
            : MisbehaviourStore.Read(Path.Combine(options.Folder, MisbehaviourStore.FileName), options.Identity);
    }

    async Task RetryMissingAsync(ValueFetcher fetcher, MirrorLimits limits, CancellationToken cancellationToken)
    {
        var missing = State.MissingValues();
        if (missing.Count > 0)
        {
            // Turn about, so that values which are withheld for good do not keep the others waiting.
            var start = _nextRetry % missing.Count;
            List<Sha256Digest?> wanted = [.. missing.Concat(missing).Skip(start).Take(Math.Min(missing.Count, MaxRetries))];
            var values = await fetcher.FetchAsync(wanted, cancellationToken);
            _nextRetry = start + values.Length;
            var got = new List<(Sha256Digest Digest, ReadOnlyMemory<byte> Value)>();
            var bytes = State.Bytes;
            for (var i = 0; i < values.Length; i++)
            {
                if (values[i] is { } value && (bytes += (ulong)value.Length) <= limits.MaxBytes)
                {
                    got.Add((wanted[i]!.Value, value));
                }
            }
            await _writer.AppendValuesAsync(got, CancellationToken.None);
            missing = State.MissingValues();
        }
        Volatile.Write(ref _missingValues, (ulong)missing.Count);
    }
}
