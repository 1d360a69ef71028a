using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Node.Subscriptions;

/// <summary>
/// A log of which only the newest verified head is kept; each look-up asks the remotes for one key, with proof.
/// Checked: the head's signature and that it continues the one before; the map proof of presence or absence under the head's map root; that
/// the entry which the map names is in the log under the head's log root, where the remote can prove inclusion; the value's digest.
/// Not checked, unlike a mirror: that the map leaves no entry out, and the map-history log. A Go Trustix proves neither absence
/// nor inclusion: its misses are <see cref="KeyLookup.Unavailable"/>, its entries are compared without proof.
/// </summary>
sealed class FollowedQuery : FollowedLog
{
    static readonly TimeSpan s_headAge = TimeSpan.FromSeconds(5);
    static readonly TimeSpan s_lookupLimit = TimeSpan.FromSeconds(15);

    readonly VerifiedHeadFile _file;
    readonly SemaphoreSlim _refreshing = new(1);
    readonly List<SizeSeen> _seen;
    readonly string _proofPath;
    volatile LogHead? _head;
    volatile Misbehaviour? _caught;
    long _refreshedAt;

    FollowedQuery(FollowSection section, RemoteSet remotes, VerifiedHeadFile file, string proofPath, string stateFolder, TimeProvider time)
        : base(section, remotes, stateFolder, time)
    {
        _file = file;
        _proofPath = proofPath;
        (_head, _seen) = file.Read(Identity);
        _caught = MisbehaviourStore.Read(proofPath, Identity);
        if (_caught is { } caught)
        {
            Report(time.GetUtcNow(), Stopped(caught));
        }
    }

    public override ILogView? Mirror => null;

    public override LogHead? Head => _head;

    public override Misbehaviour? Misbehaviour => _caught;

    // A head that contradicts itself is the newest verified one; one that contradicts that is not taken.
    bool IsHeadBad => _caught is { Earlier: null };

    /// <exception cref="MalformedException">The kept head is damaged.</exception>
    /// <exception cref="IOException">The proof of misbehaviour is damaged, or cannot be read.</exception>
    public static FollowedQuery Open(FollowSection section, RemoteSet remotes, string stateFolder, TimeProvider time)
    {
        var path = Path.Combine(stateFolder, "queries", section.Identity!.Id.Text);
        return new FollowedQuery(section, remotes, new VerifiedHeadFile(path), path + ".misbehaviour", stateFolder, time);
    }

    public override async Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(s_lookupLimit, Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            var head = await FreshHeadAsync(isStale: false, both.Token);
            if (head is null)
            {
                return new KeyLookup.Unavailable(Status.Fault ?? "never synchronised");
            }
            if (IsHeadBad)
            {
                // The map that answers would come from is the proven lie, and no older head is kept.
                return new KeyLookup.Unavailable($"the log misbehaves: {_caught?.Detail}");
            }
            var answer = await AskAsync(head, key, both.Token);
            if (answer is KeyLookup.Unavailable)
            {
                // A Go Trustix keeps only its newest map: the head may have moved on between two calls.
                var newer = await FreshHeadAsync(isStale: true, both.Token);
                answer = newer is null || newer.Equals(head) ? answer : await AskAsync(newer, key, both.Token);
            }
            return answer;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new KeyLookup.Unavailable($"no answer within {s_lookupLimit.TotalSeconds:0} s");
        }
    }

    protected override async Task<PollOutcome> SyncAsync(CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            return await RefreshAsync(cancellationToken);
        }
        finally
        {
            _refreshing.Release();
        }
    }

    public override Task<Misbehaviour?> CompareAsync(IReadOnlyList<SignedTree> trees, CancellationToken cancellationToken)
    {
        IReadOnlyList<SignedTree> all = _head is { } head ? [.. trees, head] : trees;
        for (var i = 0; i < all.Count && _caught is null; i++)
        {
            for (var j = 0; j < i && _caught is null; j++)
            {
                if (Log.Misbehaviour.Between(all[j], all[i], Time.GetUtcNow()) is { } contradiction)
                {
                    Catch(contradiction);
                }
            }
        }
        return Task.FromResult(_caught);
    }

    public override async Task<bool> ContainsAsync(Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        if (_head is not { } head || checkpoint.Size > head.TreeSize)
        {
            return false;
        }
        if (checkpoint.Size == head.TreeSize || checkpoint.Size == 0)
        {
            return checkpoint.Root == (checkpoint.Size == 0 ? TreeHash.EmptyRoot : head.LogRoot);
        }
        foreach (var source in Remotes.Sources)
        {
            try
            {
                var proof = await source.ConsistencyProofAsync(Identity.Id, checkpoint.Size, head.TreeSize, cancellationToken);
                if (MerkleProof.VerifyConsistency(checkpoint.Size, head.TreeSize, checkpoint.Root, head.LogRoot, proof).IsVerified)
                {
                    return true;
                }
            }
            catch (LogSourceException)
            {
                // Another remote may prove it; until one does, the witness's word is not counted.
                continue;
            }
        }
        return false;
    }

    /// <summary>The head, not older than <see cref="s_headAge"/> unless no remote gives a newer one.</summary>
    async Task<LogHead?> FreshHeadAsync(bool isStale, CancellationToken cancellationToken)
    {
        if (!isStale && IsFresh())
        {
            return _head;
        }
        var attempt = Time.GetUtcNow();
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            if (isStale || !IsFresh())
            {
                Report(attempt, await RefreshAsync(cancellationToken));
            }
            return _head;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    bool IsFresh() => _head is not null && Time.GetElapsedTime(Volatile.Read(ref _refreshedAt)) < s_headAge && _refreshedAt != 0;

    /// <summary>Asks the remotes in turn for a head until one is good. The caller holds <see cref="_refreshing"/>.</summary>
    async Task<PollOutcome> RefreshAsync(CancellationToken cancellationToken)
    {
        if (_caught is { } before)
        {
            return Stopped(before);
        }
        var faults = new List<string>();
        foreach (var source in Remotes.Sources)
        {
            try
            {
                var head = await source.HeadAsync(Identity.Id, cancellationToken);
                switch (await HeadSuccession.CheckAsync(Identity, _head, head, source, Time.GetUtcNow(), cancellationToken))
                {
                    case Succession.Accepted:
                        Accept(head);
                        Remotes.Prefer(source);
                        return new PollOutcome(null, null, 0);
                    case Succession.Contradiction contradiction:
                        return Stopped(Catch(contradiction.Evidence));
                    case Succession.RemoteFault f:
                        faults.Add($"{source.Remote}: {f.Reason}");
                        break;
                }
            }
            catch (LogSourceException e)
            {
                faults.Add($"{source.Remote}: {e.Message}");
            }
        }
        return new PollOutcome(string.Join("; ", faults), null, 0);
    }

    /// <summary>Proven misbehaviour ends what is taken from the log, over restarts, too.</summary>
    Misbehaviour Catch(Misbehaviour evidence)
    {
        Directory.CreateDirectory(
            Path.GetDirectoryName(_proofPath)!,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        MisbehaviourStore.Write(_proofPath, evidence, Identity);
        _caught = evidence;
        return evidence;
    }

    static PollOutcome Stopped(Misbehaviour caught) => new("the log misbehaves, so nothing later is taken", caught.Detail, 0);

    void Accept(LogHead head)
    {
        if (!head.Equals(_head))
        {
            lock (_seen)
            {
                if (_seen.Count == 0 || head.TreeSize > _seen[^1].TreeSize)
                {
                    _seen.Add(new SizeSeen(head.TreeSize, Time.GetUtcNow()));
                }
                _file.Write(head, _seen);
            }
            _head = head;
        }
        Volatile.Write(ref _refreshedAt, Time.GetTimestamp());
    }

    async Task<KeyLookup> AskAsync(LogHead head, ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        var reasons = new List<string>();
        foreach (var source in Remotes.Sources)
        {
            try
            {
                var answer = await AskAsync(source, head, key, cancellationToken);
                if (answer is not KeyLookup.Unavailable unavailable)
                {
                    return answer;
                }
                reasons.Add($"{source.Remote}: {unavailable.Reason}");
            }
            catch (LogSourceException e)
            {
                reasons.Add($"{source.Remote}: {e.Message}");
            }
        }
        return new KeyLookup.Unavailable(string.Join("; ", reasons));
    }

    async Task<KeyLookup> AskAsync(ILogSource source, LogHead head, ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        if (head.TreeSize == 0)
        {
            return new KeyLookup.Absent(0);
        }
        if (await source.MapValueAsync(Identity.Id, key, head.MapRoot, cancellationToken) is not { } answer)
        {
            return new KeyLookup.Unavailable("it knows no value for the key, and proves nothing");
        }
        var proved = SparseMapProof.Verify(answer.Proof, head.MapRoot, key.Span, answer.Value.Span);
        if (!proved.IsVerified)
        {
            return new KeyLookup.Unavailable($"its map proof is wrong ({proved})");
        }
        if (answer.Value.IsEmpty)
        {
            return new KeyLookup.Absent(head.TreeSize);
        }
        if (!Identity.Protocol.MapRule.TryParse(answer.Value.Span, out var claims) || claims[^1].Index >= head.TreeSize)
        {
            return Misbehaves(head, new MapContradiction(key, answer.Value, answer.Proof, null));
        }
        var entries = new LogEntry[claims.Length];
        var values = new ReadOnlyMemory<byte>?[claims.Length];
        for (var i = 0; i < claims.Length; i++)
        {
            var (digest, index) = claims[i];
            var leaf = TreeHash.EntryLeaf(key.Span, digest);
            if (await CheckEntryAsync(source, head, key, answer, index, leaf, cancellationToken) is { } fault)
            {
                return fault;
            }
            var value = await source.ValueAsync(digest, cancellationToken);
            if (Sha256Digest.HashData(value.Span) != digest)
            {
                return new KeyLookup.Unavailable("it gave a value that does not have the logged digest");
            }
            (entries[i], values[i]) = (new LogEntry(index, key, digest, leaf), value);
        }
        return new KeyLookup.Found(entries, values, head.TreeSize, FirstSeen(claims[0].Index));
    }

    /// <summary>Null when the log holds at <paramref name="index"/> what the map says, or the remote cannot prove what it holds there.</summary>
    async Task<KeyLookup?> CheckEntryAsync(
        ILogSource source,
        LogHead head,
        ReadOnlyMemory<byte> key,
        MapAnswer answer,
        ulong index,
        Sha256Digest leaf,
        CancellationToken cancellationToken
    )
    {
        var proof = await source.InclusionProofAsync(Identity.Id, index, head.TreeSize, cancellationToken);
        if (proof is not null && MerkleProof.VerifyInclusion(index, head.TreeSize, leaf, proof, head.LogRoot).IsVerified)
        {
            return null;
        }
        var entries = await source.EntriesAsync(Identity.Id, index, index, cancellationToken);
        if (entries.Count != 1)
        {
            return new KeyLookup.Unavailable($"it gave {entries.Count} entries for one");
        }
        var stated = TreeHash.EntryLeaf(entries[0].Key.Span, entries[0].ValueDigest);
        if (stated == leaf)
        {
            return proof is null ? null : new KeyLookup.Unavailable("its inclusion proof is wrong");
        }
        // Another entry is proved to stand where the map points to: map and tree of one signed head contradict each other.
        return proof is not null && MerkleProof.VerifyInclusion(index, head.TreeSize, stated, proof, head.LogRoot).IsVerified
            ? Misbehaves(
                head,
                new MapContradiction(key, answer.Value, answer.Proof, new ProvenEntry(index, entries[0].Key, entries[0].ValueDigest, proof))
            )
            : new KeyLookup.Unavailable($"its entry {index} is not the one that the map names");
    }

    KeyLookup.Unavailable Misbehaves(LogHead head, MapContradiction contradiction)
    {
        if (!contradiction.IsPortable)
        {
            return new KeyLookup.Unavailable($"its map answers cannot be kept as a proof: {contradiction.Detail}");
        }
        var evidence = Misbehaviour.OfMap(head, contradiction, Time.GetUtcNow());
        Report(Time.GetUtcNow(), Stopped(Catch(evidence)));
        return new KeyLookup.Unavailable($"the log misbehaves: {evidence.Detail}");
    }

    /// <summary>The time of the first verified head that covers the entry.</summary>
    DateTimeOffset FirstSeen(ulong index)
    {
        lock (_seen)
        {
            foreach (var (size, at) in _seen)
            {
                if (size > index)
                {
                    return at;
                }
            }
        }
        return Time.GetUtcNow();
    }
}
