using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Node.Configuration;
using Quorate.Node.Witness;
using Quorate.Sources.Witnesses;

namespace Quorate.Node.Subscriptions;

/// <summary>What a followed log holds of itself, for comparison with what it signed for others.</summary>
interface IWatchedLog
{
    /// <summary>Misbehaviour if one of the trees contradicts what was verified, or another of them.</summary>
    Task<Misbehaviour?> CompareAsync(IReadOnlyList<SignedTree> trees, CancellationToken cancellationToken);

    /// <summary>Whether what was verified begins with this tree. False also where that cannot be told.</summary>
    Task<bool> ContainsAsync(Checkpoint checkpoint, CancellationToken cancellationToken);
}

/// <summary>
/// Looks at the checkpoints of a followed log that its remotes and its configured witnesses show: compares them with what was verified, and keeps the
/// cosignatures of those that agree. Used by one poll at a time; <see cref="Standing"/> is for everybody.
/// </summary>
sealed class WitnessWatch : IDisposable
{
    readonly LogIdentity _identity;
    readonly WitnessPolicySection _policy;
    readonly string? _configuredOrigin;
    readonly HttpCheckpoints[] _remotes;
    readonly HttpWitness[] _witnesses;
    readonly string _path;
    readonly TimeProvider _time;
    readonly Dictionary<NoteVerifierKey, Vouched> _vouched = [];
    string? _origin;
    bool _isRestored;
    volatile LogStanding _standing = LogStanding.None;

    public WitnessWatch(FollowSection section, string path, TimeProvider time)
    {
        _identity = section.Identity!;
        _policy = section.Witnesses!;
        _configuredOrigin = section.Origin;
        _remotes = [.. section.Remotes.Select(remote => new HttpCheckpoints(remote.OriginalString))];
        _witnesses = [.. _policy.Witnesses.Select(w => new HttpWitness(w.Name, w.Key, submission: null, w.Monitor))];
        (_path, _time) = (path, time);
    }

    /// <summary>What witnesses say; its <see cref="LogStanding.FreshAt"/> is for when the quorum vouches.</summary>
    public LogStanding Standing => _standing;

    /// <summary>What was wrong with remotes and witnesses in the last look. Says nothing about the log.</summary>
    public IReadOnlyList<string> Faults { get; private set; } = [];

    /// <returns>Misbehaviour that came to light.</returns>
    public async Task<Misbehaviour?> LookAsync(IWatchedLog log, CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        var notes = new List<SignedNote>();
        if (!_isRestored)
        {
            notes.AddRange(CheckpointNotes.ReadList(_path));
            _isRestored = true;
        }
        notes.AddRange(await FetchAsync(_remotes.Select(r => (r.Remote, r.NewestAsync(_identity.Id, cancellationToken))), faults));
        if (Origin(notes) is { } origin)
        {
            notes.AddRange(await FetchAsync(_witnesses.Select(w => (w.Name, w.LatestAsync(origin, cancellationToken))), faults));
        }
        var trees = notes
            .Select(note => (Note: note, Tree: SignedTree.OfCheckpoint.From(note, _identity.Key)))
            .Where(pair => pair.Tree is not null && IsOurs(pair.Tree.Checkpoint.Origin))
            .ToList();
        Faults = faults;
        var contradiction = await log.CompareAsync([.. trees.Select(pair => pair.Tree!)], cancellationToken);
        if (contradiction is null)
        {
            foreach (var (note, tree) in trees)
            {
                await TakeAsync(note, tree!.Checkpoint, log, cancellationToken);
            }
            Show();
        }
        return contradiction;
    }

    public void Dispose()
    {
        foreach (var remote in _remotes)
        {
            remote.Dispose();
        }
        foreach (var witness in _witnesses)
        {
            witness.Dispose();
        }
    }

    static async Task<List<SignedNote>> FetchAsync(IEnumerable<(string From, Task<SignedNote?> Note)> asked, List<string> faults)
    {
        var notes = new List<SignedNote>();
        foreach (var (from, task) in asked.ToList())
        {
            try
            {
                if (await task is { } note)
                {
                    notes.Add(note);
                }
            }
            catch (WitnessException e)
            {
                faults.Add($"{from}: {e.Message}");
            }
        }
        return notes;
    }

    /// <summary>The name under which witnesses know the log: as configured, or as the log itself signed it first.</summary>
    string? Origin(List<SignedNote> notes) =>
        _configuredOrigin
        ?? (
            _origin ??= notes
                .Select(n => SignedTree.OfCheckpoint.From(n, _identity.Key)?.Checkpoint.Origin)
                .FirstOrDefault(o => o is not null)
        );

    bool IsOurs(string origin) => origin == (_configuredOrigin ?? _origin);

    async Task TakeAsync(SignedNote note, Checkpoint checkpoint, IWatchedLog log, CancellationToken cancellationToken)
    {
        // The log's own key counts for nothing here, whatever it is called.
        var cosignatures = NoteCheck
            .Of(note, _policy.Witnesses.Select(w => w.Key))
            .Signatures.Where(s => s.Time > 0 && !s.Key.Key!.Equals(_identity.Key))
            .ToList();
        if (!cosignatures.Exists(c => IsNews(c, checkpoint)) || !await log.ContainsAsync(checkpoint, cancellationToken))
        {
            return;
        }
        var now = _time.GetUtcNow();
        foreach (var cosignature in cosignatures.Where(c => IsNews(c, checkpoint)))
        {
            var said = cosignature.Time!.Value;
            var at = CosignatureTime.Of(said, now);
            var before = _vouched.GetValueOrDefault(cosignature.Key);
            var isNewest = before is null || said >= before.Said;
            var own = note.Signatures.Where(s => s.Name == checkpoint.Origin).Append(cosignature.Signature);
            _vouched[cosignature.Key] = new Vouched(
                Math.Max(checkpoint.Size, before?.Size ?? 0),
                isNewest ? said : before!.Said,
                isNewest ? at : before!.At,
                isNewest ? SignedNote.Create(note.Text.Span, [.. own]) : before!.Note
            );
        }
        CheckpointNotes.WriteList(_path, _vouched.Values.Select(v => v.Note));
    }

    bool IsNews(VerifiedNoteSignature cosignature, Checkpoint checkpoint) =>
        _vouched.GetValueOrDefault(cosignature.Key) is not { } before
        || checkpoint.Size > before.Size
        // What the witness said, not what that means now: a clock that is fast would make one old cosignature news at every look.
        || cosignature.Time > before.Said;

    void Show()
    {
        var until = _policy.Policy.VouchedUntil(witness => _vouched.GetValueOrDefault(witness.Key)?.At);
        _standing = new LogStanding([.. _vouched.Values.Select(v => v.Size)], until);
    }

    /// <param name="Size">The largest tree of ours that the witness cosigned.</param>
    /// <param name="Said">When it last cosigned one, by its own clock, in seconds since 1970.</param>
    /// <param name="At">The same as a time for which it vouches: not later than when that was first seen here.</param>
    /// <param name="Note">The one that it cosigned last.</param>
    sealed record Vouched(ulong Size, ulong Said, DateTimeOffset At, SignedNote Note);
}
