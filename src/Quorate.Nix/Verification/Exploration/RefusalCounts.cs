using System.Collections.Concurrent;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>How much was left out, by reason, over a whole exploration. Thread-safe.</summary>
/// <param name="sources">Some left out something before they were asked.</param>
sealed class RefusalCounts(IEnumerable<ITraceSource> sources)
{
    readonly ConcurrentDictionary<TraceFault, int> _counts = new(
        sources.OfType<ITraceLeftovers>().SelectMany(source => source.LeftOut).CountBy(refusal => refusal.Fault)
    );

    public IReadOnlyDictionary<TraceFault, int> All => _counts;

    public void Add(TraceFindings findings)
    {
        if (findings.Refused == 0)
        {
            return;
        }
        foreach (var fault in Enum.GetValues<TraceFault>())
        {
            if (findings.Count(fault) is > 0 and var count)
            {
                _counts.AddOrUpdate(fault, count, (_, known) => known + count);
            }
        }
    }
}
