using System.Collections.Concurrent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Sources.Traces;

namespace Quorate.Node.Traces;

/// <summary>
/// The traces that this node's logs hold, its own and those that it follows. Only claims that count are given. Times, witnesses and freshness are what the node
/// itself keeps of each log, with the witnesses of its own configuration.
/// </summary>
public static class NodeTraceSources
{
    /// <param name="trust">Whom the traces are judged by.</param>
    public static IEnumerable<ITraceSource> Of(LogRegistry registry, TraceTrust trust) =>
        registry
            .Published.Where(entry => entry.Section.Protocol == Protocol.NixTrace)
            .Select(entry => Of(entry, trust))
            .Concat(registry.Followed.Where(log => log.Section.Protocol == Protocol.NixTrace).Select(log => Of(log, trust)));

    public static ITraceSource Of(PublishedLogEntry entry, TraceTrust? trust = null) =>
        new LogTraceSource(
            entry.Log,
            entry.Section.Name,
            TraceClaims.KeysOf(entry.Section.ClaimKeys),
            index => Standing(entry.Log.Identity.Id, index, entry.Log.FirstSeen(index), entry.Standing(), entry.Section.Witnesses, trust)
        );

    /// <summary>In query mode each question goes to the remotes, and the proof comes with the answer.</summary>
    public static ITraceSource Of(IFollowedLog log, TraceTrust? trust = null) =>
        log.Mirror is { } mirror
            ? new LogTraceSource(
                mirror,
                log.Section.Name,
                TraceClaims.KeysOf(log.Section.ClaimKeys),
                index => Standing(log.Identity.Id, index, mirror.FirstSeen(index), log.Standing, log.Section.Witnesses, trust)
            )
            : new QuerySource(log, trust);

    static LogStanding Standing(
        LogId id,
        ulong index,
        DateTimeOffset? firstSeen,
        Witness.LogStanding known,
        WitnessPolicySection? witnesses,
        TraceTrust? trust
    )
    {
        // Of witnesses that the node does not ask it knows nothing, and what others say is no answer.
        if (trust?.WitnessesOf(id.Text) is { } named && !Are(named, witnesses))
        {
            return new LogStanding(id.Text, index, FirstSeen: null, Witnesses: 0, FreshAt: null)
            {
                Unknown = "the trust model names other witnesses of this log than the node's configuration, or another number of them",
            };
        }
        var status = known.Of(index);
        return new LogStanding(id.Text, index, firstSeen, status.Witnesses, status.FreshAt);
    }

    /// <summary>Whether a trust model and a node ask for the same of the same witnesses. A node may nest groups, a model may not.</summary>
    static bool Are(WitnessQuorum named, WitnessPolicySection? witnesses) =>
        witnesses is { Policy.Groups: [{ Threshold: var required }] }
        && required == named.Required
        && witnesses.Witnesses.Select(witness => witness.Key).ToHashSet().SetEquals(named.Witnesses);

    sealed class QuerySource(IFollowedLog log, TraceTrust? trust) : ITraceSource, ITraceStandings
    {
        // Of claims that were given out; when later entries of a key were first seen is not told.
        readonly ConcurrentDictionary<Sha256Digest, (ulong Index, DateTimeOffset? FirstSeen)> _places = new();

        public string Name => log.Section.Name;

        public LogStanding? StandingOf(ReadOnlySpan<byte> raw) =>
            _places.TryGetValue(Sha256Digest.HashData(raw), out var place)
                ? Standing(log.Identity.Id, place.Index, place.FirstSeen, log.Standing, log.Section.Witnesses, trust)
                : null;

        public async Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken)
        {
            switch (await log.LookupAsync(LogTraceSource.KeyOf(input), cancellationToken))
            {
                case KeyLookup.Found found:
                    var values = new List<ReadOnlyMemory<byte>>();
                    var problems = new List<string>();
                    for (var i = 0; i < found.Entries.Count; i++)
                    {
                        var problem = found.Values[i] is { } value
                            ? AttributedTrace.Read(TraceElement.Of(value), TraceClaims.KeysOf(log.Section.ClaimKeys), input, out _)?.Detail
                            : "nobody gave its value";
                        if (problem is null)
                        {
                            values.Add(found.Values[i]!.Value);
                            _places.TryAdd(found.Entries[i].ValueDigest, (found.Entries[i].Index, i == 0 ? found.FirstSeen : null));
                        }
                        else
                        {
                            problems.Add($"entry {found.Entries[i].Index}: {problem}");
                        }
                    }
                    return new TraceLookup.Found([TraceObject.OfElements(values)], problems);
                case KeyLookup.Absent:
                    return TraceLookup.Absent;
                case KeyLookup.Unavailable unavailable:
                    return new TraceLookup.Unavailable(unavailable.Reason);
                default:
                    throw new InvalidOperationException("unreachable: the hierarchy is closed");
            }
        }
    }
}
