namespace Quorate.Nix.Traces;

/// <summary>What was admitted and what was left out, from any number of objects about one question. Not thread-safe.</summary>
public sealed class TraceFindings
{
    /// <summary>Most refusals that are kept as sentences; all are counted.</summary>
    public const int MaxDetails = 16;

    static readonly int s_faults = Enum.GetValues<TraceFault>().Length;

    readonly List<TraceClaim> _claims = [];
    readonly List<TraceRefusal> _details = [];

    // Of every thousand answers hardly one has a refusal.
    int[]? _counts;

    /// <summary>No two of them say the same: repetitions are merged into the evidence of one claim.</summary>
    public IReadOnlyList<TraceClaim> Claims => _claims;

    /// <summary>The first refusals, with reasons.</summary>
    public IReadOnlyList<TraceRefusal> Details => _details;

    /// <summary>How many elements were left out for one reason.</summary>
    public int Count(TraceFault fault) => _counts?[(int)fault] ?? 0;

    /// <summary>How many elements were left out.</summary>
    public int Refused => _counts?.Sum() ?? 0;

    public void Add(TraceClaim claim)
    {
        for (var i = 0; i < _claims.Count; i++)
        {
            if (_claims[i].SaysTheSameAs(claim))
            {
                _claims[i] = _claims[i] with { Evidence = [.. _claims[i].Evidence.Union(claim.Evidence)] };
                return;
            }
        }
        _claims.Add(claim);
    }

    public void Add(TraceRefusal refusal)
    {
        _counts ??= new int[s_faults];
        _counts[(int)refusal.Fault]++;
        if (_details.Count < MaxDetails)
        {
            _details.Add(refusal);
        }
    }
}
