using Quorate.Crypto.Notes;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>
/// Puts out the checkpoints of a log once its witnesses have cosigned them. What is out is kept beside the log, and survives restarts with its
/// cosignatures. The log never waits: heads are signed and acknowledged meanwhile. Of a log that several nodes share, the one that sequences it asks the
/// witnesses, and the others show what it kept.
/// </summary>
public sealed class WitnessedPublication : ICheckpointPublication, IAsyncDisposable
{
    public const string FileName = CheckpointFile.Name;

    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    readonly ICheckpointedLog _log;
    readonly ICheckpointKeeper _keeper;
    readonly WitnessingOptions _options;
    readonly TimeProvider _time;
    readonly CosignatureCollector _collector;
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _grown = new(0, 1);
    Task _running = Task.CompletedTask;
    volatile Kept? _kept;
    volatile WitnessIncident? _incident;
    volatile IReadOnlyList<string> _faults = [];

    // When the witnesses were asked last.
    long _asked;

    WitnessedPublication(ICheckpointedLog log, WitnessingOptions options, TimeProvider time)
    {
        (_log, _keeper, _options, _time) = (log, log.WitnessedCheckpoint, options, time);
        _collector = new CosignatureCollector(log, log.VerifierKey, options.Witnesses, _keeper.CatchUpAsync);
    }

    /// <summary>The newest one that meets the policy of now; what was published under an earlier one may not.</summary>
    public PublishedCheckpoint? Current => _kept is { IsOut: true, Published: var published } ? published : null;

    /// <summary>Why nothing more is published; null while all is well.</summary>
    public WitnessIncident? Incident => _incident;

    /// <summary>What was wrong with witnesses in the last round.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>The verified cosignatures of the checkpoint that is out, by witnesses that count.</summary>
    public IReadOnlyList<VerifiedNoteSignature> Cosignatures => Current is { } current ? Counting(current.Note) : [];

    /// <summary>For when the quorum vouches for what is out; null when it never did.</summary>
    public DateTimeOffset? WitnessedAt
    {
        get
        {
            var cosignatures = Cosignatures;
            var now = _time.GetUtcNow();
            return _options.Policy.VouchedUntil(witness =>
                cosignatures.FirstOrDefault(c => c.Key.IsSameKey(witness.Key)) is { Time: { } time } ? CosignatureTime.Of(time, now) : null
            );
        }
    }

    /// <summary>Opens the publication and asks the witnesses what they remember, before anything new of the log is signed.</summary>
    /// <exception cref="LogRolledBackException">A witness, or the checkpoint that is out, knows more of the log than the log.</exception>
    /// <exception cref="LogDamagedException">What is kept is not what was written.</exception>
    /// <exception cref="IOException">What is kept cannot be read.</exception>
    public static async Task<WitnessedPublication> OpenAsync(
        ICheckpointedLog log,
        WitnessingOptions options,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var publication = new WitnessedPublication(log, options, time);
        await publication.ShowKeptAsync(cancellationToken);
        if (await publication.RoundAsync(options.StartLimit, isFirst: true, cancellationToken) is { Incident: { } incident })
        {
            throw new LogRolledBackException(incident.Detail(log.Origin, log.Head?.TreeSize ?? 0));
        }
        publication._keeper.BeginSigning();
        log.Advanced += publication.OnAdvanced;
        publication._running = Task.Run(publication.RunAsync, CancellationToken.None);
        return publication;
    }

    public async ValueTask DisposeAsync()
    {
        _log.Advanced -= OnAdvanced;
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    void OnAdvanced(ILogView log)
    {
        // Full means that the loop has been told already.
        lock (_grown)
        {
            if (_grown.CurrentCount == 0)
            {
                _grown.Release();
            }
        }
    }

    async Task RunAsync()
    {
        var pause = _options.Pause;
        while (!_stop.IsCancellationRequested && _incident is null)
        {
            try
            {
                await Task.Delay(pause, _time, _stop.Token);
                if (_keeper.IsShared)
                {
                    await ShowKeptAsync(_stop.Token);
                }
                if (!_keeper.AsksWitnesses)
                {
                    pause = _options.Pause;
                    continue;
                }
                if (!IsDue())
                {
                    await WaitAsync();
                    continue;
                }
                await RoundAsync(_options.RoundLimit, isFirst: false, _stop.Token);
                // Who does not get through asks less and less often.
                pause = IsDue() && _faults.Count > 0 ? Min(pause * 2, s_longestPause) : _options.Pause;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The edge of the task. The disk is full, the database away, or worse: what is out stays out, and whoever looks is told why.
                _faults = [$"the checkpoint cannot be published: {e.Message}"];
                _options.RoundEnded?.Invoke(new CosignatureRound([], _faults, null));
                pause = Min(pause * 2, s_longestPause);
            }
        }
    }

    /// <summary>Until the log grows, or what is out should be shown to the witnesses again.</summary>
    async Task WaitAsync()
    {
        using var refresh = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        // Another node may have taken the lease: then it publishes.
        var longest = _keeper.IsShared ? _options.Pause : _options.Refresh;
        using var timer = _time.CreateTimer(_ => refresh.Cancel(), null, longest, Timeout.InfiniteTimeSpan);
        try
        {
            await _grown.WaitAsync(refresh.Token);
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            // Time for another look.
        }
    }

    bool IsDue() =>
        Current is not { } current
        || current.Checkpoint.Size < _log.Head!.TreeSize
        || !IsMet(Counting(current.Note))
        || _time.GetUtcNow() - WitnessedAt >= _options.Refresh
        // A witness whose clock is fast says for a long time that all is new.
        || _time.GetElapsedTime(_asked) >= _options.Refresh;

    /// <summary>Asks the witnesses once, and publishes what came of it.</summary>
    /// <param name="isFirst">Waits for all of them, and stops at the bare word of any; see <see cref="OpenAsync"/>.</param>
    async Task<CosignatureRound> RoundAsync(TimeSpan limit, bool isFirst, CancellationToken cancellationToken)
    {
        _asked = _time.GetTimestamp();
        var newest = _log.CheckpointAt(_log.HeadCount - 1);
        using var deadline = new CancellationTokenSource(limit, _time);
        var round = await _collector.CollectAsync(
            newest,
            cosignatures => !isFirst && IsMet(cosignatures),
            token => Task.Delay(_options.Grace, _time, token),
            deadline.Token,
            cancellationToken
        );
        _faults = round.Faults;
        if (round.Incident is { Proof: not null } incident && !isFirst)
        {
            _incident = incident;
            _options.Stopped?.Invoke(incident);
        }
        else if (round.Incident is null || !isFirst)
        {
            await PublishAsync(newest, round.Cosignatures, cancellationToken);
        }
        _options.RoundEnded?.Invoke(round);
        return round;
    }

    async Task PublishAsync(
        PublishedCheckpoint newest,
        IReadOnlyList<VerifiedNoteSignature> cosignatures,
        CancellationToken cancellationToken
    )
    {
        var all = cosignatures.ToList();
        var kept = _kept?.Published;
        if (kept is not null && kept.Note.Text.Span.SequenceEqual(newest.Note.Text.Span))
        {
            // The same statement: what a witness said of it before holds until it says it anew.
            all.AddRange(Counting(kept.Note).Where(old => !all.Exists(c => c.Key.IsSameKey(old.Key))));
        }
        var isMet = IsMet(all);
        var isNews = kept is null || newest.Checkpoint.Size > kept.Checkpoint.Size || all.Count > 0;
        if (isNews && newest.Checkpoint.Size >= (kept?.Checkpoint.Size ?? 0) && (isMet || _options.Mode == UnwitnessedMode.Publish))
        {
            var published = newest with { Note = newest.Note.With(all.Select(c => c.Signature)) };
            if (await _keeper.WriteAsync(published, cancellationToken))
            {
                _kept = new Kept(published, IsOut: true);
            }
        }
    }

    bool IsMet(IEnumerable<VerifiedNoteSignature> cosignatures) =>
        _options.Policy.IsMetBy(cosignatures.Select(c => c.Key), _options.NotCounted);

    IReadOnlyList<VerifiedNoteSignature> Counting(SignedNote note) =>
        [
            .. NoteCheck
                .Of(note, _options.Witnesses.Select(w => w.Key))
                .Signatures.Where(s => !_options.NotCounted.Any(s.Key.IsSameKey))
                .DistinctBy(s => s.Key),
        ];

    /// <summary>Shows what is kept, be it from before this start or by another node, unless that is older than what is shown.</summary>
    async Task ShowKeptAsync(CancellationToken cancellationToken)
    {
        if (
            await _keeper.ReadAsync(cancellationToken) is not { } bytes
            || (_kept is { Published: var shown } && shown.Note.Bytes.Span.SequenceEqual(bytes.Span))
        )
        {
            return;
        }
        if (
            bytes.Length > SignedNote.MaxBytes
            || !SignedNote.TryParse(bytes.Span, out var note, out _)
            || !Checkpoint.TryParse(note.Text.Span, out var checkpoint, out _)
            || checkpoint.Origin != _log.Origin
            || !NoteCheck.Of(note, [_log.VerifierKey]).Result.IsVerified
        )
        {
            throw new LogDamagedException(
                $"{_keeper.Place} is not a checkpoint of this log; it may be removed, and a new one will be published once the witnesses have cosigned it"
            );
        }
        if (checkpoint.Size > (_log.Head?.TreeSize ?? 0))
        {
            // The node that published it has committed more than this one has read.
            await _keeper.CatchUpAsync(cancellationToken);
        }
        var size = _log.Head?.TreeSize ?? 0;
        if (checkpoint.Size > size || _log.LogRootAt(checkpoint.Size) != checkpoint.Root)
        {
            throw new LogRolledBackException(
                $"{_keeper.Place} shows that {checkpoint.Size} entries of {checkpoint.Origin} were published, and this log of {size} entries is not that log: it was restored from an old backup. Restore the newest state, or start a log with a new key"
            );
        }
        if (checkpoint.Size >= (_kept?.Published.Checkpoint.Size ?? 0))
        {
            _kept = new Kept(new PublishedCheckpoint(note, checkpoint), _options.Mode == UnwitnessedMode.Publish || IsMet(Counting(note)));
        }
    }

    /// <param name="IsOut">It may be shown under the policy of now.</param>
    sealed record Kept(PublishedCheckpoint Published, bool IsOut);

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
