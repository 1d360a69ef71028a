using Quorate.Core.Merkle;
using Quorate.Log;

namespace Quorate.Node.Subscriptions;

/// <summary>What a head that a remote showed means for one that was verified before.</summary>
abstract record Succession
{
    /// <summary>The same or a consistent later state of the log.</summary>
    public sealed record Accepted : Succession;

    /// <summary>The remote is behind, or cannot show that the head follows: says nothing about the log.</summary>
    public sealed record RemoteFault(string Reason) : Succession;

    /// <summary>The log signed two things that cannot both be true.</summary>
    public sealed record Contradiction(Misbehaviour Evidence) : Succession;
}

/// <summary>Checks the signature of a new head and that it continues the one verified before.</summary>
static class HeadSuccession
{
    public static async Task<Succession> CheckAsync(
        LogIdentity identity,
        LogHead? before,
        LogHead head,
        ILogSource source,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (!head.Verify(identity.Key).IsVerified)
        {
            return new Succession.RemoteFault("the head is not signed by the log's key");
        }
        if (before is null || before.TreeSize == 0)
        {
            return new Succession.Accepted();
        }
        if (Misbehaviour.Between(before, head, now) is { } contradiction)
        {
            return new Succession.Contradiction(contradiction);
        }
        if (head.TreeSize == before.TreeSize)
        {
            return head.MhTreeSize < before.MhTreeSize ? Behind(before, head) : new Succession.Accepted();
        }
        if (head.TreeSize < before.TreeSize)
        {
            return Behind(before, head);
        }
        var proof = await source.ConsistencyProofAsync(identity.Id, before.TreeSize, head.TreeSize, cancellationToken);
        var result = MerkleProof.VerifyConsistency(before.TreeSize, head.TreeSize, before.LogRoot, head.LogRoot, proof);
        return result.IsVerified
            ? new Succession.Accepted()
            : new Succession.RemoteFault(
                $"the head of size {head.TreeSize} was not shown to continue the one of size {before.TreeSize} ({result})"
            );
    }

    static Succession.RemoteFault Behind(LogHead before, LogHead head) =>
        new($"it is behind: its head has size {head.TreeSize}, size {before.TreeSize} was verified before");
}
