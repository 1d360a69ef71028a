using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Witness;

namespace Quorate.Node.Subscriptions;

/// <summary>What one attempt to bring a followed log up to date came to.</summary>
/// <param name="Fault">Why no remote could serve the newest state; null when one did. Says nothing about the log itself.</param>
/// <param name="Misbehaviour">A contradiction under the log's own signatures, if one was found.</param>
/// <param name="MissingValues">Entries whose value no remote had.</param>
readonly record struct PollOutcome(string? Fault, string? Misbehaviour, ulong MissingValues);

/// <summary>
/// A followed log with its status. <see cref="PollAsync"/> is called by one <see cref="SubscriptionLoop"/> only; everything else may be
/// called at any time from any thread.
/// </summary>
abstract class FollowedLog : IFollowedLog, IWatchedLog, IAsyncDisposable
{
    readonly string _stateFolder;
    WitnessWatch? _watch;
    volatile FollowSection _section;
    volatile SubscriptionStatus _status = new(null, null, null, null, 0);

    protected FollowedLog(FollowSection section, RemoteSet remotes, string stateFolder, TimeProvider time)
    {
        _section = section;
        _stateFolder = stateFolder;
        Time = time;
        _watch = Watch(section);
        Remotes = remotes;
        Identity = section.Identity ?? throw new ArgumentException("a signed cache is no log", nameof(section));
    }

    public FollowSection Section => _section;

    public LogIdentity Identity { get; }

    public SubscriptionStatus Status => _status;

    public abstract ILogView? Mirror { get; }

    public abstract LogHead? Head { get; }

    public abstract Misbehaviour? Misbehaviour { get; }

    protected RemoteSet Remotes { get; }

    protected TimeProvider Time { get; }

    public LogStanding Standing
    {
        get
        {
            // Where the log has witnesses only they know what is new; otherwise its remotes have to be believed.
            var watch = Volatile.Read(ref _watch);
            return watch is null ? LogStanding.None with { FreshAt = Status.LastSuccess } : watch.Standing;
        }
    }

    public bool IsStale => Standing.FreshAt is not { } at || Time.GetUtcNow() - at > _section.StaleAfter;

    public IReadOnlyList<string> WitnessFaults => Volatile.Read(ref _watch)?.Faults ?? [];

    public abstract Task<Misbehaviour?> CompareAsync(IReadOnlyList<SignedTree> trees, CancellationToken cancellationToken);

    public abstract Task<bool> ContainsAsync(Checkpoint checkpoint, CancellationToken cancellationToken);

    public abstract Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);

    public virtual ValueTask DisposeAsync()
    {
        _watch?.Dispose();
        Remotes.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes over what a reload changed: name, builder, claims, poll interval, remotes.</summary>
    public void Update(FollowSection section)
    {
        var before = _section;
        _section = section;
        Remotes.Replace(section.Remotes);
        if (
            !Equals(before.Witnesses, section.Witnesses)
            || before.Origin != section.Origin
            || !before.Remotes.SequenceEqual(section.Remotes)
        )
        {
            // A poll under way may still use the old one, whose connections end by themselves.
            Volatile.Write(ref _watch, Watch(section));
        }
    }

    /// <summary>Brings the log up to date and records what came of it.</summary>
    /// <returns>True when a remote served the newest state and all of it was good.</returns>
    public async Task<bool> PollAsync(CancellationToken cancellationToken)
    {
        var started = Time.GetUtcNow();
        var outcome = await SyncAsync(cancellationToken);
        if (_watch is { } watch && outcome.Misbehaviour is null && await watch.LookAsync(this, cancellationToken) is { } found)
        {
            outcome = outcome with { Fault = "the log misbehaves, so nothing later is taken", Misbehaviour = found.Detail };
        }
        Report(started, outcome);
        return outcome.Fault is null;
    }

    /// <summary>A poll ended by a fault of this node itself.</summary>
    public void Failed(string reason) => Report(Time.GetUtcNow(), new PollOutcome($"internal: {reason}", null, _status.MissingValues));

    protected void Report(DateTimeOffset attempt, PollOutcome outcome)
    {
        var before = _status;
        _status = new SubscriptionStatus(
            outcome.Fault is null ? Time.GetUtcNow() : before.LastSuccess,
            attempt,
            outcome.Fault,
            // Proven misbehaviour is not forgotten when the log behaves again.
            outcome.Misbehaviour
                ?? before.Misbehaviour,
            outcome.MissingValues
        );
    }

    WitnessWatch? Watch(FollowSection section) =>
        section.Witnesses is null
            ? null
            : new WitnessWatch(section, Path.Combine(_stateFolder, CheckpointNotes.ListFolder, section.Identity!.Id.Text), Time);

    /// <summary>Never throws for foreign faults.</summary>
    protected abstract Task<PollOutcome> SyncAsync(CancellationToken cancellationToken);
}
