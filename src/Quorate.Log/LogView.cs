using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log.Images;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>
/// The read side that published logs and mirrors share. Readers take one snapshot and use nothing beyond it; no member takes a lock but for maps of
/// earlier heads. A disk that no longer gives what was written shows as <see cref="LogDamagedException"/>.
/// </summary>
public abstract partial class LogView : ILogView
{
    /// <summary><see cref="EntriesOf"/> gives no more later entries of a key: a hostile log may consist of nothing else.</summary>
    public const int MaxLaterEntries = 1000;

    readonly bool _isMirror;

    private protected LogView(
        LogIdentity identity,
        ILogStorage storage,
        HistoryWindow history,
        ulong imageAfter,
        TimeProvider time,
        bool isMirror
    )
    {
        Identity = identity;
        Storage = storage;
        State = new LogState(identity, storage, tracksUnheldValues: isMirror);
        Images = new ImageKeeper(State, storage, identity.Id.ToDigest(), imageAfter, time) { Failed = e => ImageFailed?.Invoke(this, e) };
        (History, Time, _isMirror) = (history, time, isMirror);
    }

    public event Action<ILogView>? Advanced;

    /// <summary>
    /// Raised when the state image could not be written, on an arbitrary thread. The log goes on; opening it takes longer until one could be.
    /// </summary>
    public event Action<ILogView, IOException>? ImageFailed;

    public LogIdentity Identity { get; }

    public LogHead? Head => State.Snapshot?.Head;

    /// <summary>What opening had to cut off; null when the files were whole.</summary>
    public TailRepair? Repair => Storage.Repair;

    /// <summary>Where the state came from when the log was opened.</summary>
    public LogOpening Opened { get; private set; } = new(0, 0, null);

    /// <summary>Heads made, or verified, by this node.</summary>
    public ulong HeadCount => State.Snapshot?.HeadCount ?? 0;

    private protected ILogStorage Storage { get; }
    private protected LogState State { get; }
    private protected ImageKeeper Images { get; }
    private protected HistoryWindow History { get; }
    private protected TimeProvider Time { get; }

    public DateTimeOffset FirstSeen(ulong index)
    {
        var snapshot = Covering(index, nameof(index));
        return DateTimeOffset.FromUnixTimeMilliseconds(State.Heads.FirstCovering(index, snapshot.HeadCount).Time);
    }

    public IReadOnlyList<LogEntry> Entries(ulong start, ulong finish)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, finish);
        _ = Covering(finish, nameof(finish));
        return State.Reader.Range(start, finish);
    }

    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize)
    {
        var head = Head;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, head?.TreeSize ?? 0);
        return Inclusion(State.Tree, index, treeSize, treeSize == head?.TreeSize ? head.LogRoot : State.Tree.Root(treeSize));
    }

    /// <summary>The root of the log's first <paramref name="treeSize"/> entries. Throws <see cref="ArgumentOutOfRangeException"/> beyond the head.</summary>
    public Sha256Digest LogRootAt(ulong treeSize)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, Head?.TreeSize ?? 0);
        return State.Tree.Root(treeSize);
    }

    public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second) =>
        Consistency(State.Tree, first, second, Head?.TreeSize ?? 0);

    public IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, finish);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(finish, Head?.MhTreeSize ?? 0);
        var leaves = new Sha256Digest[checked((int)(finish - start + 1))];
        State.MapHistory.Leaves(start, leaves);
        return leaves;
    }

    public IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize)
    {
        var head = Head;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, head?.MhTreeSize ?? 0);
        var root = treeSize == head?.MhTreeSize ? head.MhRoot : State.MapHistory.Root(treeSize);
        return Inclusion(State.MapHistory, index, treeSize, root);
    }

    public IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second) =>
        Consistency(State.MapHistory, first, second, Head?.MhTreeSize ?? 0);

    public MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot)
    {
        while (State.Snapshot is { } snapshot && TreeSizeOf(mapRoot, snapshot) is { } treeSize)
        {
            var isOpen =
                treeSize == snapshot.Head.TreeSize
                    ? snapshot.Map.TryRead(out var map)
                    : State.Historic.TryRead(treeSize, snapshot.Map, out map);
            if (isOpen)
            {
                using (map)
                {
                    return Answer(map, key, mapRoot);
                }
            }
            // A version is closed only when there is a newer snapshot: the loop goes on with that one.
        }
        return null;
    }

    public IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key)
    {
        if (FirstOf(key, out var snapshot) is not { } first)
        {
            return [];
        }
        var entries = new List<LogEntry>(1) { State.Reader.Entry(first) };
        foreach (var index in State.LaterOf(first))
        {
            if (index >= snapshot!.Head.TreeSize || entries.Count > MaxLaterEntries)
            {
                break;
            }
            entries.Add(State.Reader.Entry(index));
        }
        return entries;
    }

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash)
    {
        if (storeHash.Length != StoreHashKeys.HashLength || State.Snapshot is not { } snapshot)
        {
            return [];
        }
        Span<byte> hash = stackalloc byte[StoreHashKeys.HashLength];
        return System.Text.Ascii.FromUtf16(storeHash, hash, out _) == System.Buffers.OperationStatus.Done
            ? State.KeysByStoreHash(hash, snapshot.Head.TreeSize)
            : [];
    }

    public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
        State.ValueAsync(digest, Head?.TreeSize ?? 0, cancellationToken);

    /// <summary>Reads everything that is stored again, slowly, beside readers and the writer, and compares it with what is known of it.</summary>
    /// <param name="bytesPerSecond">Most to read in a second.</param>
    /// <returns>Bytes that were read.</returns>
    /// <exception cref="LogDamagedException">Stored bytes are not what was written.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public Task<long> ScrubAsync(long bytesPerSecond, CancellationToken cancellationToken) =>
        new Checking.LogScrub(Identity, (this as Tiles.ICheckpointedLog)?.Origin, State, Storage, Time).RunAsync(
            bytesPerSecond,
            cancellationToken
        );

    /// <summary>Reads the state from the disk.</summary>
    /// <exception cref="LogDamagedException">The files are not what was written.</exception>
    private protected void Open(CancellationToken cancellationToken)
    {
        Opened = Opening.Run(State, Storage, Identity, _isMirror, cancellationToken);
        Images.Begin(Opened.FromImage);
    }

    private protected void RaiseAdvanced()
    {
        // Handlers run elsewhere: they may be slow, and the writer must not wait for them.
        if (Advanced is { } handlers)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static state => state.handlers(state.view),
                (handlers, view: (ILogView)this),
                preferLocal: false
            );
        }
    }

    /// <summary>The first entry of a key under the newest head.</summary>
    ulong? FirstOf(ReadOnlySpan<byte> key, out LogSnapshot? snapshot)
    {
        while ((snapshot = State.Snapshot) is not null)
        {
            if (snapshot.Map.TryRead(out var map))
            {
                using (map)
                {
                    try
                    {
                        return map.TryFind(ShortSha256.Hash(key), out var named) ? State.FirstOf(named) : null;
                    }
                    catch (MapDamagedException e)
                    {
                        throw MapDamaged(e.Message);
                    }
                }
            }
        }
        return null;
    }

    /// <summary>The tree size of the head with this map root; null when there is none in the history window.</summary>
    ulong? TreeSizeOf(in Sha256Digest mapRoot, LogSnapshot snapshot)
    {
        if (snapshot.Head.MapRoot == mapRoot)
        {
            return snapshot.Head.TreeSize;
        }
        return State.HeadWithMapRoot(mapRoot, snapshot.HeadCount) is { } number && InWindow(number, snapshot)
            ? State.Heads[number].TreeSize
            : null;
    }

    /// <summary>A proof that does not lead to the root never leaves: memory that changed by itself must not make a wrong answer.</summary>
    MapAnswer Answer(MapReader map, ReadOnlySpan<byte> key, in Sha256Digest mapRoot)
    {
        try
        {
            var proof = map.Prove(ShortSha256.Hash(key), out var found);
            var value = found is { } named ? State.MapValue(named) : [];
            return SparseMapProof.Verify(proof, mapRoot, key, value) is Verification.Rejected wrong
                ? throw MapDamaged(wrong.Detail)
                : new MapAnswer(value, proof);
        }
        catch (MapDamagedException e)
        {
            throw MapDamaged(e.Message);
        }
    }

    bool InWindow(ulong number, LogSnapshot snapshot) =>
        snapshot.HeadCount - number <= (ulong)History.Heads
        // A head was current until the next one was made.
        || State.Heads[number + 1].Time >= (Time.GetUtcNow() - History.Age).ToUnixTimeMilliseconds();

    LogSnapshot Covering(ulong index, string name) =>
        State.Snapshot is { } snapshot && index < snapshot.Head.TreeSize
            ? snapshot
            : throw new ArgumentOutOfRangeException(name, index, "beyond the head");

    // What a disk changed is found when it is read; this finds what memory changed. Nothing wrong leaves, under the log's name.
    IReadOnlyList<Sha256Digest> Inclusion(MerkleTree tree, ulong index, ulong size, in Sha256Digest root)
    {
        var proof = tree.InclusionProof(index, size);
        return MerkleProof.VerifyInclusion(index, size, tree.Leaf(index), proof, root) is Verification.Rejected rejected
            ? throw TreeDamaged(rejected.Detail)
            : proof;
    }

    IReadOnlyList<Sha256Digest> Consistency(MerkleTree tree, ulong first, ulong second, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(second, size);
        if (first == 0 || first >= second)
        {
            return [];
        }
        var proof = tree.ConsistencyProof(first, second);
        return MerkleProof.VerifyConsistency(first, second, tree.Root(first), tree.Root(second), proof) is Verification.Rejected rejected
            ? throw TreeDamaged(rejected.Detail)
            : proof;
    }

    LogDamagedException TreeDamaged(string what) => Damaged($"log {Identity.Id}: the tree in memory is damaged ({what})");

    LogDamagedException MapDamaged(string what) => Damaged($"log {Identity.Id}: the map in memory is damaged ({what})");

    // An image made of damaged memory would bring the damage back.
    LogDamagedException Damaged(string what) =>
        State.Folder?.Distrust(what) ?? new LogDamagedException($"{what}; opening the log again rebuilds it");
}
