using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

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
abstract class FollowedLog : IFollowedLog, IAsyncDisposable
{
    volatile FollowSection _section;
    volatile SubscriptionStatus _status = new(null, null, null, null, 0);

    protected FollowedLog(FollowSection section, RemoteSet remotes, TimeProvider time)
    {
        _section = section;
        Remotes = remotes;
        Time = time;
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

    public abstract Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();

    /// <summary>Takes over what a reload changed: name, builder, claims, poll interval, remotes.</summary>
    public void Update(FollowSection section)
    {
        _section = section;
        Remotes.Replace(section.Remotes);
    }

    /// <summary>Brings the log up to date and records what came of it.</summary>
    /// <returns>True when a remote served the newest state and all of it was good.</returns>
    public async Task<bool> PollAsync(CancellationToken cancellationToken)
    {
        var started = Time.GetUtcNow();
        var outcome = await SyncAsync(cancellationToken);
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

    /// <summary>Never throws for foreign faults.</summary>
    protected abstract Task<PollOutcome> SyncAsync(CancellationToken cancellationToken);
}
