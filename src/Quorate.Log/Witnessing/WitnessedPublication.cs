using Quorate.Core.Files;
using Quorate.Crypto.Notes;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>
/// Puts out the checkpoints of a log once its witnesses have cosigned them. What is out is kept in the log's folder, in the file <c>checkpoint</c>, and survives
/// restarts with its cosignatures. The log never waits: heads are signed and acknowledged meanwhile.
/// </summary>
public sealed class WitnessedPublication : ICheckpointPublication, IAsyncDisposable
{
    public const string FileName = "checkpoint";

    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    readonly LogView _log;
    readonly Func<PublishedCheckpoint> _newest;
    readonly NoteVerifierKey _key;
    readonly string _path;
    readonly WitnessingOptions _options;
    readonly TimeProvider _time;
    readonly CosignatureCollector _collector;
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _grown = new(0, 1);
    Task _running = Task.CompletedTask;
    volatile PublishedCheckpoint? _current;
    volatile WitnessIncident? _incident;
    volatile IReadOnlyList<string> _faults = [];

    WitnessedPublication(
        LogView log,
        Func<PublishedCheckpoint> newest,
        NoteVerifierKey key,
        string folder,
        WitnessingOptions options,
        TimeProvider time
    )
    {
        (_log, _newest, _key, _options, _time) = (log, newest, key, options, time);
        _path = Path.Combine(folder, FileName);
        _collector = new CosignatureCollector(log, key, options.Witnesses);
    }

    public PublishedCheckpoint? Current => _current;

    /// <summary>Why nothing more is published; null while all is well.</summary>
    public WitnessIncident? Incident => _incident;

    /// <summary>What was wrong with witnesses in the last round.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>The verified cosignatures of the checkpoint that is out, by witnesses that count.</summary>
    public IReadOnlyList<VerifiedNoteSignature> Cosignatures => _current is { } current ? Counting(current.Note) : [];

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
    /// <param name="newest">Gives the checkpoint of the newest durable head.</param>
    /// <param name="key">The log's, named by its origin.</param>
    /// <param name="folder">The log's own.</param>
    /// <exception cref="LogRolledBackException">A witness, or the checkpoint that is out, knows more of the log than the log.</exception>
    /// <exception cref="LogDamagedException">The file is not what was written.</exception>
    public static async Task<WitnessedPublication> OpenAsync(
        LogView log,
        Func<PublishedCheckpoint> newest,
        NoteVerifierKey key,
        string folder,
        WitnessingOptions options,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var publication = new WitnessedPublication(log, newest, key, folder, options, time);
        publication.Restore();
        if (await publication.RoundAsync(options.StartLimit, waitsForAll: true, cancellationToken) is { Incident: { } incident })
        {
            throw new LogRolledBackException(incident.Detail(key.Name, log.Head?.TreeSize ?? 0));
        }
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
                if (!IsDue())
                {
                    await WaitAsync();
                    continue;
                }
                await RoundAsync(_options.RoundLimit, waitsForAll: false, _stop.Token);
                // Who does not get through asks less and less often.
                pause = IsDue() && _faults.Count > 0 ? Min(pause * 2, s_longestPause) : _options.Pause;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (IOException e)
            {
                // The disk is full, or worse. What is out stays out.
                _faults = [$"the checkpoint cannot be kept: {e.Message}"];
                _options.RoundEnded?.Invoke(new CosignatureRound([], _faults, null));
                pause = s_longestPause;
            }
        }
    }

    /// <summary>Until the log grows, or what is out should be shown to the witnesses again.</summary>
    async Task WaitAsync()
    {
        using var refresh = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using var timer = _time.CreateTimer(_ => refresh.Cancel(), null, _options.Refresh, Timeout.InfiniteTimeSpan);
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
        _current is not { } current
        || current.Checkpoint.Size < _newest().Checkpoint.Size
        || !IsMet(Counting(current.Note))
        || _time.GetUtcNow() - WitnessedAt >= _options.Refresh;

    /// <summary>Asks the witnesses once, and publishes what came of it.</summary>
    async Task<CosignatureRound> RoundAsync(TimeSpan limit, bool waitsForAll, CancellationToken cancellationToken)
    {
        var newest = _newest();
        using var deadline = new CancellationTokenSource(limit, _time);
        var round = await _collector.CollectAsync(
            newest,
            cosignatures => !waitsForAll && IsMet(cosignatures),
            token => Task.Delay(_options.Grace, _time, token),
            deadline.Token,
            cancellationToken
        );
        _faults = round.Faults;
        if (round.Incident is { Proof: not null } incident && !waitsForAll)
        {
            _incident = incident;
            _options.Stopped?.Invoke(incident);
        }
        else if (round.Incident is null || !waitsForAll)
        {
            Publish(newest, round.Cosignatures);
        }
        _options.RoundEnded?.Invoke(round);
        return round;
    }

    void Publish(PublishedCheckpoint newest, IReadOnlyList<VerifiedNoteSignature> cosignatures)
    {
        var all = cosignatures.ToList();
        if (_current is { } current && current.Note.Text.Span.SequenceEqual(newest.Note.Text.Span))
        {
            // The same statement: what a witness said of it before holds until it says it anew.
            all.AddRange(Counting(current.Note).Where(old => !all.Exists(c => c.Key.IsSameKey(old.Key))));
        }
        var isMet = IsMet(all);
        var isNews = _current is null || newest.Checkpoint.Size > _current.Checkpoint.Size || all.Count > 0;
        if (isNews && (isMet || _options.Mode == UnwitnessedMode.Publish))
        {
            var published = newest with { Note = newest.Note.With(all.Select(c => c.Signature)) };
            DurableFile.Replace(_path, published.Note.Bytes.Span, DurableFile.Private);
            _current = published;
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

    void Restore()
    {
        if (!File.Exists(_path))
        {
            return;
        }
        var bytes = new FileInfo(_path).Length <= SignedNote.MaxBytes ? File.ReadAllBytes(_path) : [];
        if (
            !SignedNote.TryParse(bytes, out var note, out var error)
            || !Checkpoint.TryParse(note.Text.Span, out var checkpoint, out error)
            || checkpoint.Origin != _key.Name
            || !NoteCheck.Of(note, [_key]).Result.IsVerified
        )
        {
            throw new LogDamagedException(
                $"{_path} is not a checkpoint of this log; it may be removed, and a new one will be published once the witnesses have cosigned it"
            );
        }
        var size = _log.Head?.TreeSize ?? 0;
        if (checkpoint.Size > size || _log.LogRootAt(checkpoint.Size) != checkpoint.Root)
        {
            throw new LogRolledBackException(
                $"{_path} shows that {checkpoint.Size} entries of {checkpoint.Origin} were published, and this log of {size} entries is not that log: it was restored from an old backup. Restore the newest state, or start a log with a new key"
            );
        }
        _current = new PublishedCheckpoint(note, checkpoint);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
