using Quorate.Trust.Rules;

namespace Quorate.Nix.Verification;

/// <summary>What is known of a claim's place in a log, checked by whoever read the log.</summary>
/// <param name="Index">The entry.</param>
/// <param name="FirstSeen">When a head that covers the entry was first seen here, or by the log's witnesses; null when that is not recorded.</param>
/// <param name="Witnesses">Configured witnesses that cosigned a tree which covers the entry.</param>
/// <param name="FreshAt">When what was read was known to be all of the log.</param>
public sealed record LogStanding(string LogId, ulong Index, DateTimeOffset? FirstSeen, int Witnesses, DateTimeOffset? FreshAt)
{
    /// <summary>Why times or witnesses are not known, or not enough of them; null when all is known.</summary>
    public string? Unknown { get; init; }
}

/// <summary>Where a claim was found.</summary>
/// <param name="Log">Null for a cache: anybody may have put the claim there.</param>
public sealed record TraceSighting(string Source, LogStanding? Log)
{
    /// <summary>The same, but standing in another log than this is worth nothing: anybody may log what others signed.</summary>
    public TraceSighting In(string? logId) => Log is null || Log.LogId == logId ? this : this with { Log = null };

    /// <summary>Why it cannot be told whether a condition is met; null where it can.</summary>
    public string? Unknown(VoteCondition condition) =>
        condition switch
        {
            VoteCondition.Before when Log?.FirstSeen is null => Log?.Unknown,
            VoteCondition.Witnessed witnessed when Log?.Witnesses < witnessed.Count => Log?.Unknown,
            VoteCondition.Fresh when Log?.FreshAt is null => Log?.Unknown,
            _ => null,
        };

    /// <summary>Whether a claim that was seen here may count.</summary>
    /// <param name="built">What the claim itself says about having been built by its signer; null when it cannot say.</param>
    public bool Meets(VoteCondition condition, bool? built, DateTimeOffset now) =>
        condition switch
        {
            VoteCondition.Built => built is true,
            VoteCondition.Logged => Log is not null,
            VoteCondition.Before before => Log?.FirstSeen < before.Instant,
            VoteCondition.UntilIndex until => Log?.LogId == until.LogId && Log.Index < until.Entries,
            VoteCondition.Witnessed witnessed => Log?.Witnesses >= witnessed.Count,
            VoteCondition.Fresh fresh => now - Log?.FreshAt <= fresh.Age,
            _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
        };
}

/// <summary>A trace source that knows where in a log its claims stand.</summary>
public interface ITraceStandings
{
    /// <summary>Of a claim's bytes as the source gave them; null when they are not in its log.</summary>
    LogStanding? StandingOf(ReadOnlySpan<byte> raw);
}
