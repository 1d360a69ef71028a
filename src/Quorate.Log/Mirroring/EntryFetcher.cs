using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Log.Mirroring;

/// <summary>Fetches ranges from one remote, in calls as large as it answers, and checks what can be checked of each answer alone.</summary>
sealed class EntryFetcher(ILogSource remote, LogId log, int entriesPerCall)
{
    readonly int _maxPerCall = entriesPerCall;
    int _perCall = entriesPerCall;

    /// <summary>Some entries from <paramref name="start"/> on: at least one, and none from <paramref name="end"/> on. Leaf hashes are recomputed.</summary>
    internal async Task<IReadOnlyList<LogEntry>> SomeAsync(ulong start, ulong end, CancellationToken cancellationToken)
    {
        while (true)
        {
            var finish = Math.Min(end, start + (ulong)_perCall) - 1;
            IReadOnlyList<LogEntry> entries;
            try
            {
                entries = await remote.EntriesAsync(log, start, finish, cancellationToken);
            }
            catch (LogSourceException) when (_perCall > 1)
            {
                // Perhaps the answer would have been too large for it, or for our limits.
                _perCall = Math.Max(1, _perCall / 8);
                continue;
            }
            if ((ulong)entries.Count != finish - start + 1)
            {
                throw new RemoteFaultException(remote, "short-answer", $"{entries.Count} entries for {start} to {finish}");
            }
            for (var i = 0; i < entries.Count; i++)
            {
                Check(entries[i], start + (ulong)i);
            }
            _perCall = Math.Min(_maxPerCall, 2 * _perCall);
            return entries;
        }
    }

    /// <summary>Leaves of the map-history log from <paramref name="start"/> to before <paramref name="end"/>.</summary>
    internal async Task<List<Sha256Digest>> MapHistoryAsync(ulong start, ulong end, CancellationToken cancellationToken)
    {
        var leaves = new List<Sha256Digest>();
        while (start < end)
        {
            var finish = Math.Min(end, start + (ulong)_maxPerCall) - 1;
            var some = await remote.MapHistoryLeavesAsync(log, start, finish, cancellationToken);
            if ((ulong)some.Count != finish - start + 1)
            {
                throw new RemoteFaultException(remote, "short-answer", $"{some.Count} map-history leaves for {start} to {finish}");
            }
            leaves.AddRange(some);
            start = finish + 1;
        }
        return leaves;
    }

    void Check(LogEntry entry, ulong index)
    {
        if (entry.Key.Length > PublishedLogOptions.MaxKeyLimit)
        {
            throw new RemoteFaultException(remote, "limit", $"the key of entry {index} has {entry.Key.Length} bytes");
        }
        // The stated leaf hash is not used for anything, but a remote that contradicts itself is not worth asking on.
        if (TreeHash.EntryLeaf(entry.Key.Span, entry.ValueDigest) != entry.LeafHash)
        {
            throw new RemoteFaultException(
                remote,
                "wrong-entries",
                $"the stated leaf hash of entry {index} is not that of its key and digest"
            );
        }
    }
}
