namespace Quorate.Sources.Spool;

/// <summary>What became of one batch.</summary>
public enum SpoolOutcome
{
    /// <summary>In the log, or withheld by the publish filter: forget it.</summary>
    Delivered,

    /// <summary>It can never be delivered as it is: keep it for a person to look at.</summary>
    Refused,

    /// <summary>Not now. Delivery stops here and goes on next time, so that order is kept.</summary>
    Later,
}

/// <summary>Empties a spool, oldest batch first. The node does this for its own spool, and every hook run after its own delivery.</summary>
public static class SpoolDelivery
{
    /// <param name="deliver">Applies the publish filter and submits. Called once per batch, never concurrently.</param>
    /// <returns>How many batches left the spool as delivered.</returns>
    public static async Task<int> DeliverAsync(
        HookSpool spool,
        Func<SpoolBatch, CancellationToken, Task<SpoolOutcome>> deliver,
        CancellationToken cancellationToken
    )
    {
        var delivered = 0;
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
                    break;
                default:
                    return delivered;
            }
        }
        return delivered;
    }
}
