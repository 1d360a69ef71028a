using Quorate.Core;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Node.Logs;
using Quorate.Sources.Traces;

namespace Quorate.Node.Traces;

/// <summary>The traces that this node's logs hold, its own and those that it follows. Only claims that count are given.</summary>
public static class NodeTraceSources
{
    public static IEnumerable<ITraceSource> Of(LogRegistry registry) =>
        registry
            .Published.Where(entry => entry.Section.Protocol == Protocol.NixTrace)
            .Select(Of)
            .Concat(registry.Followed.Where(log => log.Section.Protocol == Protocol.NixTrace).Select(Of));

    public static ITraceSource Of(PublishedLogEntry entry) =>
        new LogTraceSource(entry.Log, entry.Section.Name, TraceClaims.KeysOf(entry.Section.ClaimKeys));

    /// <summary>In query mode each question goes to the remotes, and the proof comes with the answer.</summary>
    public static ITraceSource Of(IFollowedLog log) =>
        log.Mirror is { } mirror
            ? new LogTraceSource(mirror, log.Section.Name, TraceClaims.KeysOf(log.Section.ClaimKeys))
            : new QuerySource(log);

    sealed class QuerySource(IFollowedLog log) : ITraceSource
    {
        public string Name => log.Section.Name;

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
