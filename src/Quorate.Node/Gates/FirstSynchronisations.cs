using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Quorate.Core;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Node.Gates;

/// <summary>
/// Which followed logs the gate waits for: Nix remembers a refusal, so none is given for want of what is on its way. Thread-safe.
/// </summary>
sealed class FirstSynchronisations(LogRegistry logs, TimeProvider time)
{
    /// <summary>A remote may take a first synchronisation as long as it likes; the gate does not wait for it for ever.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    readonly ConditionalWeakTable<IFollowedLog, object> _waitingSince = [];

    /// <summary>What is waited for; null when no mirror of this protocol is in its first synchronisation, or all of them take too long.</summary>
    public string? Waiting(Protocol protocol)
    {
        var waiting = Mirrors(protocol)
            .Where(log => log.Head is null && log.Status.LastAttempt is null && IsWaitedFor(log))
            .Select(log => log.Section.Name)
            .ToImmutableArray();
        return waiting.IsEmpty ? null : $"the first synchronisation of {string.Join(", ", waiting)} is not done yet";
    }

    public ImmutableArray<IFollowedLog> Mirrors(Protocol protocol) =>
        [.. logs.Followed.Where(log => log.Section.Mode == FollowMode.Mirror && log.Identity.Protocol == protocol)];

    bool IsWaitedFor(IFollowedLog log) => time.GetElapsedTime((long)_waitingSince.GetValue(log, _ => time.GetTimestamp())) < s_patience;
}
