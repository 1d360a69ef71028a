namespace Quorate.Sources.Spool;

/// <summary>What became of one batch.</summary>
public enum SpoolOutcome
{
    /// <summary>In the log, or withheld by the publish filter: forget it.</summary>
    Delivered,

    /// <summary>It can never be delivered as it is: keep it for a person to look at.</summary>
    Refused,

    /// <summary>Not for this node: leave it and go on.</summary>
    Skipped,

    /// <summary>Not now. Delivery stops here and goes on next time, so that order is kept.</summary>
    Later,
}

/// <param name="Stopped">Something is still waiting for its turn.</param>
public readonly record struct SpoolProgress(int Delivered, int Refused, bool Stopped);

/// <summary>Empties a spool, oldest batch first. The node does this for its own spool, and every hook run after its own delivery.</summary>
public static class SpoolDelivery
{
    /// <param name="deliver">Applies the publish filter and submits. Called once per batch, never concurrently.</param>
    public static async Task<SpoolProgress> DeliverAsync(
        HookSpool spool,
        Func<SpoolBatch, CancellationToken, Task<SpoolOutcome>> deliver,
        CancellationToken cancellationToken
    )
    {
        spool.Sweep(TimeProvider.System.GetUtcNow());
        var (delivered, refused) = (0, 0);
        foreach (var name in spool.Waiting())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (spool.Read(name) is not { } batch)
            {
                continue;
            }
            switch (await deliver(batch, cancellationToken))
            {
                case SpoolOutcome.Delivered:
                    spool.Remove(name);
                    delivered++;
                    break;
                case SpoolOutcome.Refused:
                    spool.SetAside(name);
                    refused++;
                    break;
                case SpoolOutcome.Skipped:
                    break;
                default:
                    return new SpoolProgress(delivered, refused, Stopped: true);
            }
        }
        return new SpoolProgress(delivered, refused, Stopped: false);
    }
}
