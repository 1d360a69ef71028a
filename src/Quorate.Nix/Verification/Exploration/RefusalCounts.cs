using System.Collections.Concurrent;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>How much was left out, by reason, over a whole exploration. Thread-safe.</summary>
sealed class RefusalCounts
{
    readonly ConcurrentDictionary<TraceFault, int> _counts = new();

    public IReadOnlyDictionary<TraceFault, int> All => _counts;

    public void Add(TraceFindings findings)
    {
        foreach (var fault in Enum.GetValues<TraceFault>())
        {
            if (findings.Count(fault) is > 0 and var count)
            {
                _counts.AddOrUpdate(fault, count, (_, known) => known + count);
            }
        }
    }
}
