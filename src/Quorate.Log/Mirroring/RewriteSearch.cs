using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Log.Mirroring;

/// <summary>Tells remotes that lie about a log from a log that rewrote itself.</summary>
sealed class RewriteSearch(
    MirroredLogOptions options,
    MirrorLimits limits,
    HashSet<(string Remote, Sha256Digest Head)> cleared,
    Action<RemoteFault> report
)
{
    /// <summary>
    /// Nothing led to a newer head although one is signed. If some remote's whole log hashes to that head, and begins otherwise than the log that we verified, then the
    /// log rewrote itself.
    /// </summary>
    internal async Task<Misbehaviour?> FindAsync(LogHead? current, IReadOnlyList<Offer> suspects, CancellationToken cancellationToken)
    {
        if (current is null)
        {
            return null;
        }
        foreach (var suspect in suspects)
        {
            // Reading a whole log again is dear: once for each remote and head.
            if (!cleared.Add((suspect.Remote.Remote, suspect.Head.SignedDigest())))
            {
                continue;
            }
            try
            {
                var tree = suspect.IsMapHistory
                    ? await MapHistoryTreeAsync(suspect, cancellationToken)
                    : await LogTreeAsync(suspect, cancellationToken);
                var (kind, earlierSize, laterSize, earlierRoot, laterRoot) = suspect.IsMapHistory
                    ? (
                        MisbehaviourKind.RewrittenMapHistory,
                        current.MhTreeSize,
                        suspect.Head.MhTreeSize,
                        current.MhRoot,
                        suspect.Head.MhRoot
                    )
                    : (MisbehaviourKind.RewrittenLog, current.TreeSize, suspect.Head.TreeSize, current.LogRoot, suspect.Head.LogRoot);
                if (tree.Root(laterSize) == laterRoot && tree.Root(earlierSize) is var prefix && prefix != earlierRoot)
                {
                    return HeadChecks.Rewritten(
                        kind,
                        current,
                        suspect.Head,
                        prefix,
                        tree,
                        earlierSize,
                        laterSize,
                        options.Time.GetUtcNow()
                    );
                }
            }
            catch (RemoteFaultException e)
            {
                report(e.Fault);
            }
            catch (LogSourceException e)
            {
                // Not read to its end, so nothing was learnt.
                cleared.Remove((suspect.Remote.Remote, suspect.Head.SignedDigest()));
                report(new RemoteFault(suspect.Remote.Remote, "unreachable", e.Message));
            }
        }
        return null;
    }

    async Task<MerkleTree> LogTreeAsync(Offer offer, CancellationToken cancellationToken)
    {
        var fetcher = new EntryFetcher(offer.Remote, options.Identity.Id, options.EntriesPerCall);
        var tree = new MerkleTree();
        ulong bytes = 0;
        while (tree.Size < offer.Head.TreeSize)
        {
            var entries = await fetcher.SomeAsync(tree.Size, offer.Head.TreeSize, cancellationToken);
            bytes += (ulong)entries.Sum(e => (long)e.Key.Length);
            if (bytes > limits.MaxBytes)
            {
                throw new RemoteFaultException(offer.Remote, "limit", $"more than {limits.MaxBytes} bytes of keys");
            }
            tree.AppendRange([.. entries.Select(e => e.LeafHash)]);
        }
        return tree;
    }

    async Task<MerkleTree> MapHistoryTreeAsync(Offer offer, CancellationToken cancellationToken)
    {
        var fetcher = new EntryFetcher(offer.Remote, options.Identity.Id, options.EntriesPerCall);
        var tree = new MerkleTree();
        tree.AppendRange([.. await fetcher.MapHistoryAsync(0, offer.Head.MhTreeSize, cancellationToken)]);
        return tree;
    }
}
