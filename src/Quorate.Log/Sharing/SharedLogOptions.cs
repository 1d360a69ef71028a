namespace Quorate.Log.Sharing;

/// <summary>How a node takes part in a shared log.</summary>
public sealed record SharedLogOptions
{
    /// <summary>How long the lease of a sequencer lasts that does not renew it: how long submits wait after it was killed.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a node that waits for nothing looks for new heads, and for a lease that ran out.</summary>
    public TimeSpan FollowInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often the sequencer looks for submits of other nodes, and a node with submits of its own for their answers.</summary>
    public TimeSpan QueueInterval { get; init; } = TimeSpan.FromMilliseconds(15);

    /// <summary>How long to wait after the database failed.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Submissions of this node that may wait for the sequencer; further submits gather behind them.</summary>
    public int MaxOutstanding { get; init; } = 8;

    /// <summary>
    /// The log's witnesses are asked first what they remember: until <see cref="Witnessing.ICheckpointKeeper.BeginSigning"/> this node signs nothing but the
    /// head of a new log.
    /// </summary>
    public bool AwaitsWitnesses { get; init; }

    /// <summary>Told of changes, on an arbitrary thread. Must be quick.</summary>
    public Action<SharedLogEvent>? Observer { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Lease, TimeSpan.FromMilliseconds(100));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(FollowInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(QueueInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RetryInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxOutstanding);
    }
}

/// <summary>What an operator of a shared log's node wants to know.</summary>
public abstract record SharedLogEvent
{
    /// <summary>This node sequences the log from now on.</summary>
    public sealed record TookLease : SharedLogEvent;

    /// <summary>This node no longer sequences the log.</summary>
    public sealed record LostLease(string Reason) : SharedLogEvent;

    /// <summary>The database cannot be used for now; told once until it recovers.</summary>
    public sealed record Faulted(string Reason) : SharedLogEvent;

    public sealed record Recovered : SharedLogEvent;

    /// <summary>This node's copy of the log was damaged, and is fetched again.</summary>
    public sealed record DiscardedCopy(string Reason) : SharedLogEvent;

    /// <summary>This node gave the log up: what the database holds contradicts what it held.</summary>
    public sealed record Failed(string Reason) : SharedLogEvent;
}
