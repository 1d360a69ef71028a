using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Node.Configuration;
using Quorate.Node.Witness;

namespace Quorate.Node.Logs;

/// <summary>A log that this node writes.</summary>
public sealed record PublishedLogEntry(PublishSection Section, IPublishedLog Log)
{
    /// <summary>Which checkpoint the public listener shows, and how far tiles go; null for a log that is not served as tiles.</summary>
    public ICheckpointPublication? Checkpoints { get; init; }

    /// <summary>What its witnesses say of it, for decisions.</summary>
    public Func<LogStanding> Standing { get; init; } = () => LogStanding.None;

    /// <summary>What was wrong with its witnesses in their last round.</summary>
    public Func<IReadOnlyList<string>> WitnessFaults { get; init; } = () => [];

    /// <summary>What verifies the log's signature under its checkpoints; null as <see cref="Checkpoints"/> is.</summary>
    public NoteVerifierKey? VerifierKey { get; init; }
}

/// <summary>State of a subscription as operators see it. Replaced whole, never mutated.</summary>
/// <param name="Fault">The last remote fault, null when the last poll was good.</param>
/// <param name="Misbehaviour">A contradiction under the log's own signatures; null for honest logs.</param>
public sealed record SubscriptionStatus(
    DateTimeOffset? LastSuccess,
    DateTimeOffset? LastAttempt,
    string? Fault,
    string? Misbehaviour,
    ulong MissingValues
);

/// <summary>A foreign log that this node follows.</summary>
public interface IFollowedLog
{
    FollowSection Section { get; }

    LogIdentity Identity { get; }

    SubscriptionStatus Status { get; }

    /// <summary>The verified mirror; null in query mode.</summary>
    ILogView? Mirror { get; }

    /// <summary>The newest verified head; null before the first synchronisation.</summary>
    LogHead? Head { get; }

    /// <summary>What the log was caught in; null for honest logs.</summary>
    Misbehaviour? Misbehaviour => null;

    /// <summary>What witnesses say of it.</summary>
    LogStanding Standing => LogStanding.None with { FreshAt = Status.LastSuccess };

    /// <summary>What was verified of it has not been known to be all for longer than <c>stale_after</c>.</summary>
    bool IsStale => false;

    /// <summary>What was wrong with its witnesses when they were last looked at.</summary>
    IReadOnlyList<string> WitnessFaults => [];

    /// <summary>
    /// Query mode: asks the remotes for one key with proof and value, refreshing a head older than 5 s. Mirrors answer the same from their local copy.
    /// </summary>
    Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);
}

/// <summary>What a followed or published log proves about a key.</summary>
public abstract record KeyLookup
{
    /// <param name="Entries">First the vote, then self-divergences (query mode: only the vote).</param>
    /// <param name="Values">The value bytes of each entry, checked against its digest; null where withheld.</param>
    /// <param name="FirstSeen">When this node first saw a head that covers the vote.</param>
    public sealed record Found(
        IReadOnlyList<LogEntry> Entries,
        IReadOnlyList<ReadOnlyMemory<byte>?> Values,
        ulong TreeSize,
        DateTimeOffset FirstSeen
    ) : KeyLookup;

    /// <summary>Proven absent under the newest verified head.</summary>
    public sealed record Absent(ulong TreeSize) : KeyLookup;

    public sealed record Unavailable(string Reason) : KeyLookup;
}

/// <summary>All logs of the running node. Replaced on reload; readers take one snapshot per request.</summary>
public sealed class LogRegistry
{
    volatile Contents _contents = new([], []);

    public ImmutableArray<PublishedLogEntry> Published => _contents.Published;

    public ImmutableArray<IFollowedLog> Followed => _contents.Followed;

    public void Replace(IEnumerable<PublishedLogEntry> published, IEnumerable<IFollowedLog> followed) =>
        _contents = new Contents([.. published], [.. followed]);

    public bool TryGetPublished(string logId, [NotNullWhen(true)] out PublishedLogEntry? entry)
    {
        entry = Published.FirstOrDefault(p => p.Log.Identity.Id.Text == logId);
        return entry is not null;
    }

    public bool TryGetFollowed(string logId, [NotNullWhen(true)] out IFollowedLog? log)
    {
        log = Followed.FirstOrDefault(f => f.Identity.Id.Text == logId);
        return log is not null;
    }

    sealed record Contents(ImmutableArray<PublishedLogEntry> Published, ImmutableArray<IFollowedLog> Followed);
}
