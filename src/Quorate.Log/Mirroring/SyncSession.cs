using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Indexing;

namespace Quorate.Log.Mirroring;

/// <summary>
/// One synchronisation: asks all remotes for their heads, and verifies the newest one that any remote can prove, whole, before it counts. A remote's failure costs
/// nothing but that remote.
/// </summary>
sealed partial class SyncSession
{
    /// <summary>What a remote may take to answer for entries before another one is tried: this long, and so long for each entry.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <inheritdoc cref="s_patience"/>
    static readonly TimeSpan s_patiencePerEntry = TimeSpan.FromMilliseconds(20);

    readonly MirroredLogOptions _options;
    readonly LogState _state;
    readonly MirrorWriter _writer;
    readonly IReadOnlyList<ILogSource> _remotes;
    readonly MirrorLimits _limits;
    readonly IProgress<SyncProgress>? _progress;
    readonly HashSet<(string Remote, Sha256Digest Head)> _cleared;
    readonly Lock _faultLock = new();
    readonly List<RemoteFault> _faults = [];
    readonly ValueFetcher _values;

    // Remotes that showed a signed head and gave something else for it: a lie of theirs, or a log that rewrote itself.
    readonly List<Offer> _suspects = [];

    internal SyncSession(
        MirroredLogOptions options,
        LogState state,
        MirrorWriter writer,
        IReadOnlyList<ILogSource> remotes,
        MirrorLimits limits,
        HashSet<(string Remote, Sha256Digest Head)> cleared,
        IProgress<SyncProgress>? progress
    )
    {
        _cleared = cleared;
        (_options, _state, _writer, _remotes, _limits, _progress) = (options, state, writer, remotes, limits, progress);
        _values = new ValueFetcher(remotes, limits, options.ValueConcurrency, options.Time, Report);
    }

    LogHead? Current => _state.Snapshot?.Head;

    DateTimeOffset Now => _options.Time.GetUtcNow();

    /// <summary>Values of this session's remotes, for those that were missing before.</summary>
    internal ValueFetcher Values => _values;

    internal async Task<SyncOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var offers = await GatherAsync(cancellationToken);
        if (ContradictionAmong(offers) is { } contradiction)
        {
            return new SyncOutcome.Misbehaving(contradiction, Faults());
        }
        var isCurrentShown = false;
        foreach (var offer in offers)
        {
            if (Current is { } current && !IsNewer(offer.Head, current))
            {
                if (offer.Head.TreeSize == current.TreeSize && offer.Head.MhTreeSize == current.MhTreeSize)
                {
                    isCurrentShown = true;
                }
                else
                {
                    Report(
                        new RemoteFault(offer.Remote.Remote, "stale", $"shows size {offer.Head.TreeSize}, verified is {current.TreeSize}")
                    );
                }
                continue;
            }
            if (await TryAsync(offer, offers, cancellationToken) is { } outcome)
            {
                return outcome;
            }
        }
        var search = new RewriteSearch(_options, _limits, _cleared, Report);
        if (await search.FindAsync(Current, _suspects, cancellationToken) is { } rewritten)
        {
            return new SyncOutcome.Misbehaving(rewritten, Faults());
        }
        return isCurrentShown ? new SyncOutcome.UpToDate(Current!, Faults()) : new SyncOutcome.Failed(Faults());
    }

    static bool IsNewer(LogHead head, LogHead current) =>
        head.TreeSize >= current.TreeSize
        && head.MhTreeSize >= current.MhTreeSize
        && (head.TreeSize, head.MhTreeSize) != (current.TreeSize, current.MhTreeSize);

    /// <summary>Heads that verify, newest first.</summary>
    async Task<List<Offer>> GatherAsync(CancellationToken cancellationToken)
    {
        var heads = await Task.WhenAll(_remotes.Select(remote => HeadAsync(remote, cancellationToken)));
        var offers = new List<Offer>();
        for (var i = 0; i < heads.Length; i++)
        {
            if (heads[i] is { } head)
            {
                offers.Add(new Offer(_remotes[i], head));
            }
        }
        // Stable: among equals the configured order holds.
        return [.. offers.OrderByDescending(o => o.Head.TreeSize).ThenByDescending(o => o.Head.MhTreeSize)];
    }

    async Task<LogHead?> HeadAsync(ILogSource remote, CancellationToken cancellationToken)
    {
        try
        {
            var head = await remote.HeadAsync(_options.Identity.Id, cancellationToken);
            if (head.Verify(_options.Identity.Key) is Verification.Rejected rejected)
            {
                Report(new RemoteFault(remote.Remote, rejected.Code, rejected.Detail));
                return null;
            }
            if (head.MhTreeSize == 0 || (head.TreeSize == 0 && (head.LogRoot != TreeHash.EmptyRoot || head.MapRoot != Sha256Digest.Zero)))
            {
                Report(new RemoteFault(remote.Remote, "invalid-head", "the head is signed, but no log has such a head"));
                return null;
            }
            return head;
        }
        catch (LogSourceException e)
        {
            Report(new RemoteFault(remote.Remote, "unreachable", e.Message));
            return null;
        }
    }

    Misbehaviour? ContradictionAmong(List<Offer> offers)
    {
        for (var i = 0; i < offers.Count; i++)
        {
            var head = offers[i].Head;
            for (var j = 0; j < i; j++)
            {
                if (Misbehaviour.Between(offers[j].Head, head, Now) is { } between)
                {
                    return between;
                }
            }
            if (
                Current is { } current
                && (Misbehaviour.Between(current, head, Now) ?? HeadChecks.Against(head, current, _state, Now)) is { } against
            )
            {
                return against;
            }
        }
        return null;
    }

    /// <summary>Null when the remote failed and another may be tried.</summary>
    async Task<SyncOutcome?> TryAsync(Offer offer, List<Offer> offers, CancellationToken cancellationToken)
    {
        try
        {
            CheckLimits(offer);
            await CheckConsistencyAsync(offer, cancellationToken);
            await FetchEntriesAsync(offer, cancellationToken);
            return await FinishAsync(offer, offers, cancellationToken);
        }
        catch (RemoteFaultException e)
        {
            Report(e.Fault);
            return null;
        }
        catch (LogSourceException e)
        {
            Report(new RemoteFault(offer.Remote.Remote, "unreachable", e.Message));
            return null;
        }
    }

    void CheckLimits(Offer offer)
    {
        if (offer.Head.TreeSize > _limits.MaxEntries)
        {
            throw new RemoteFaultException(offer.Remote, "limit", $"{offer.Head.TreeSize} entries; the limit is {_limits.MaxEntries}");
        }
        if (offer.Head.MhTreeSize > _limits.MaxHeads)
        {
            throw new RemoteFaultException(offer.Remote, "limit", $"{offer.Head.MhTreeSize} heads; the limit is {_limits.MaxHeads}");
        }
    }

    // The entries will show it too; this shows it before they are fetched.
    async Task CheckConsistencyAsync(Offer offer, CancellationToken cancellationToken)
    {
        if (Current is not { TreeSize: > 0 } current || current.TreeSize == offer.Head.TreeSize)
        {
            return;
        }
        var proof = await offer.Remote.ConsistencyProofAsync(
            _options.Identity.Id,
            current.TreeSize,
            offer.Head.TreeSize,
            cancellationToken
        );
        if (
            MerkleProof.VerifyConsistency(current.TreeSize, offer.Head.TreeSize, current.LogRoot, offer.Head.LogRoot, proof)
            is Verification.Rejected rejected
        )
        {
            _suspects.Add(offer);
            throw new RemoteFaultException(offer.Remote, "bad-consistency-proof", rejected.Detail);
        }
    }

    async Task FetchEntriesAsync(Offer offer, CancellationToken cancellationToken)
    {
        if (_state.StagedSize > offer.Head.TreeSize)
        {
            await _writer.DropStagedAsync(CancellationToken.None);
        }
        while (true)
        {
            var resumed = _state.StagedSize > (Current?.TreeSize ?? 0);
            if (await FetchRestAsync(offer, cancellationToken))
            {
                return;
            }
            if (!resumed)
            {
                // What came before the wrong entries was checked against a signed head, and may stay for the next remote.
                _suspects.Add(offer);
                throw new RemoteFaultException(offer.Remote, "wrong-entries", "the entries do not hash to the signed head");
            }
            // What an earlier attempt had left may belong to another head: once more, from the verified head on.
            await _writer.DropStagedAsync(CancellationToken.None);
        }
    }

    /// <summary>Stages the entries up to the offered head; false when some do not belong to it. Those are neither written nor their values fetched.</summary>
    async Task<bool> FetchRestAsync(Offer offer, CancellationToken cancellationToken)
    {
        if (offer.Remote is IBundledLogSource bundled && !await FetchBundlesAsync(offer, bundled, cancellationToken))
        {
            return false;
        }
        var fetcher = new EntryFetcher(offer.Remote, _options.Identity.Id, _options.EntriesPerCall);
        var (begin, end) = (_state.StagedSize, offer.Head.TreeSize);
        var taken = TimeSpan.Zero;
        while (_state.StagedSize < end)
        {
            var asked = _options.Time.GetTimestamp();
            var entries = await fetcher.SomeAsync(_state.StagedSize, end, cancellationToken);
            if (!await BelongAsync(offer, entries, cancellationToken))
            {
                return false;
            }
            taken += _options.Time.GetElapsedTime(asked);
            for (var done = 0; done < entries.Count; )
            {
                var rest = done == 0 ? entries : [.. entries.Skip(done)];
                var values = await _values.FetchAsync(WantedValues(rest), cancellationToken);
                CheckBytes(offer, rest, values);
                await _writer.AppendAsync(rest, values, CancellationToken.None);
                done += values.Length;
                _progress?.Report(new SyncProgress(_state.StagedSize, end, _state.Bytes));
            }
            if (_remotes.Count > 1 && _state.StagedSize < end && taken > s_patience + (_state.StagedSize - begin) * s_patiencePerEntry)
            {
                // What it gave is checked and stays; somebody else may go on from there.
                throw new RemoteFaultException(offer.Remote, "slow", $"{_state.StagedSize - begin} entries in {taken.TotalSeconds:0} s");
            }
        }
        return _state.Tree.Root(end) == offer.Head.LogRoot;
    }

    /// <summary>
    /// Whether the next entries stand in the log of the offered head: the whole root tells of the last ones, a consistency proof of the others. Without it a liar
    /// could fill the disk, or the log's byte limit, before the root tells.
    /// </summary>
    async Task<bool> BelongAsync(Offer offer, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        var before = _state.StagedSize;
        var (size, head) = (before + (ulong)entries.Count, offer.Head);
        var root = _state.Tree.RootWith([.. entries.Select(e => e.LeafHash)]);
        if (size == head.TreeSize)
        {
            return root == head.LogRoot;
        }
        var proof = await offer.Remote.ConsistencyProofAsync(_options.Identity.Id, size, head.TreeSize, cancellationToken);
        return MerkleProof.VerifyConsistency(size, head.TreeSize, root, head.LogRoot, proof).IsVerified;
    }

    // Each value once, and none that is held already.
    List<Sha256Digest?> WantedValues(IReadOnlyList<LogEntry> entries)
    {
        var wanted = new List<Sha256Digest?>(entries.Count);
        var seen = new HashSet<Sha256Digest>();
        foreach (var entry in entries)
        {
            wanted.Add(seen.Add(entry.ValueDigest) && !_state.HoldsValue(entry.ValueDigest) ? entry.ValueDigest : null);
        }
        return wanted;
    }

    void CheckBytes(Offer offer, IReadOnlyList<LogEntry> entries, ReadOnlyMemory<byte>?[] values)
    {
        var bytes = _state.Bytes;
        for (var i = 0; i < values.Length; i++)
        {
            bytes += (ulong)(entries[i].Key.Length + (values[i]?.Length ?? 0));
        }
        if (bytes > _limits.MaxBytes)
        {
            throw new RemoteFaultException(offer.Remote, "limit", $"more than {_limits.MaxBytes} bytes of keys and values");
        }
    }

    /// <summary>All entries are staged and hash to the head: checks the map, the map history and the other heads against them, and commits.</summary>
    async Task<SyncOutcome> FinishAsync(Offer offer, List<Offer> offers, CancellationToken cancellationToken)
    {
        var head = offer.Head;
        var before = _state.MapHistory.Size;
        var mapRoot = _state.StagedMapRoot();
        if (mapRoot != head.MapRoot)
        {
            // The remote that shows the head comes first: it has to know the map that it speaks of.
            IReadOnlyList<ILogSource> remotes = [offer.Remote, .. _remotes.Where(r => r != offer.Remote)];
            var descent = new MapDescent(_state, head, remotes, _options.Identity.Id, Report);
            return await descent.FindAsync(cancellationToken) is { } map
                ? Misbehaving(Misbehaviour.OfMap(head, map, Now))
                : throw new RemoteFaultException(
                    offer.Remote,
                    "wrong-map",
                    $"the head of size {head.TreeSize} has the map root {head.MapRoot}, its entries give {mapRoot}, and no remote proves what that map says"
                );
        }
        var fetcher = new EntryFetcher(offer.Remote, _options.Identity.Id, _options.EntriesPerCall);
        var heads = await HeadsAsync(offer, before, cancellationToken);
        Sha256Digest[] leaves =
        [
            .. heads.Select(h => TreeHash.Leaf(h.MapRoot.AsSpan())),
            // Nobody signed for these but by the root over all of them.
            .. await fetcher.MapHistoryAsync(before + (ulong)heads.Count, head.MhTreeSize, cancellationToken),
        ];
        _state.StageMapHistory(leaves);
        if (_state.MapHistory.Root(head.MhTreeSize) != head.MhRoot)
        {
            _state.MapHistory.TruncateTo(before);
            _suspects.Add(offer with { IsMapHistory = true });
            throw new RemoteFaultException(offer.Remote, "wrong-map-history", "the map-history leaves do not hash to the signed head");
        }
        if (HeadChecks.LastLeaf(head, _state.MapHistory, Now) is { } lastLeaf)
        {
            return Misbehaving(lastLeaf);
        }
        foreach (var other in offers.Select(o => o.Head).Concat(heads))
        {
            if ((Misbehaviour.Between(other, head, Now) ?? HeadChecks.Against(other, head, _state, Now)) is { } contradiction)
            {
                return Misbehaving(contradiction);
            }
        }
        try
        {
            await _writer.CommitAsync(head, leaves, CancellationToken.None);
        }
        catch (IOException)
        {
            // What is staged stays for the next attempt, but no head covers these.
            _state.MapHistory.TruncateTo(before);
            throw;
        }
        return new SyncOutcome.Advanced(head, Faults());

        SyncOutcome.Misbehaving Misbehaving(Misbehaviour evidence)
        {
            _state.MapHistory.TruncateTo(before);
            return new SyncOutcome.Misbehaving(evidence, Faults());
        }
    }

    void Report(RemoteFault fault)
    {
        lock (_faultLock)
        {
            if (!_faults.Contains(fault))
            {
                _faults.Add(fault);
            }
        }
    }

    internal IReadOnlyList<RemoteFault> Faults()
    {
        lock (_faultLock)
        {
            return [.. _faults];
        }
    }
}

/// <summary>A head that a remote showed, signed by the log.</summary>
/// <param name="IsMapHistory">What the remote gave for it was wrong in its map history, not in its log.</param>
sealed record Offer(ILogSource Remote, LogHead Head, bool IsMapHistory = false);
