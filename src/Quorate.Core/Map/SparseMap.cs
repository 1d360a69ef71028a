namespace Quorate.Core.Map;

/// <summary>
/// The Trustix map: a 256-bit sparse Merkle tree as Celestia's <c>smt</c> builds it. The empty subtree is 32 zero bytes and is not hashed; a
/// subtree of one leaf is that leaf. Lives in native memory, 88 bytes a key.
/// </summary>
/// <remarks>
/// One writer stages insertions, and publishes or reverts them. A published <see cref="MapVersion"/> never changes; any number of readers may be in any
/// of the versions, without locks. An insertion copies the blocks on its path, and what it replaces is used again once no open version has it. Versions are
/// closed, oldest first, when they hold back more than a budget; the newest one stays open until the map is disposed of.
/// </remarks>
public sealed unsafe partial class SparseMap : IDisposable
{
    /// <summary>Depth of the tree in bits.</summary>
    public const int MaxDepth = 8 * Sha256Digest.Size;

    /// <summary>Stands for the index of a path that is not there.</summary>
    public const ulong Absent = ulong.MaxValue;

    /// <summary>Log indexes must be smaller.</summary>
    public const ulong MaxTreeSize = MapEdge.MaxIndex;

    /// <summary>Bytes of replaced blocks that are kept for readers of earlier versions.</summary>
    public const long DefaultBudget = 16 << 20;

    // Longer lists are given back after use: only a large import needs them.
    const int MaxKept = 1 << 17;

    readonly IMapLeaves _leaves;
    readonly MapArena _arena = new();
    readonly MapHasher _hasher;
    readonly MapVersions _versions;

    // Blocks that staging took, and published ones that it replaced. Those taken since are told by their newest index: it is one that the
    // published version does not have.
    readonly List<uint> _taken = [];
    List<RetiredBlock> _retired;

    // Lies in a block of its own, because edges are hashed in place.
    readonly uint _rootBlock;
    MapVersion _published;
    int _stagedCount;
    uint _stagedBlocks;
    int _replaced;
    bool _isBroken;
    bool _disposed;

    /// <summary>An empty map.</summary>
    /// <param name="leaves">Gives back what was inserted.</param>
    /// <param name="budget">Bytes of replaced blocks to keep for readers of earlier versions.</param>
    public SparseMap(IMapLeaves leaves, long budget = DefaultBudget)
    {
        _leaves = leaves;
        var blocks = new MapBlocks(_arena, null);
        _hasher = new MapHasher(blocks);
        _versions = new MapVersions(_arena, budget);
        _retired = _versions.NewList();
        _rootBlock = _arena.Allocate();
        *Root = default;
        _published = new MapVersion(blocks, leaves, default, 0, 0) { BlockCount = 0 };
        _versions.Add(_published, _retired);
        _retired = _versions.NewList();
    }

    /// <summary>The newest version. It is open for readers as long as the map is not disposed of and no newer one is published.</summary>
    public MapVersion Published => Volatile.Read(ref _published);

    /// <summary>The root over published and staged keys. Writer only.</summary>
    public Sha256Digest StagedRoot
    {
        get
        {
            ThrowUnlessUsable();
            _hasher.HashChanged(Root);
            return Root->Hash;
        }
    }

    /// <summary>Published and staged keys. Writer only.</summary>
    public int StagedCount => _stagedCount;

    /// <summary>Bytes of native memory that the map has written to.</summary>
    public long AllocatedBytes => _arena.AllocatedBytes;

    /// <summary>Blocks that hold something, replaced ones included. Writer only.</summary>
    public long UsedBlocks => _arena.UsedBlocks;

    /// <summary>Bytes of replaced blocks that open versions hold back. Writer only.</summary>
    public long RetiredBytes => _versions.RetiredBlocks * MapBlock.Size;

    // Safe: the block was allocated for this by the constructor, and the arena's memory stays until the map's own hold is gone.
    MapEdge* Root => &_arena.At(_rootBlock)->Left;

    /// <summary>The published map of exactly these keys, which it reads back from the array.</summary>
    /// <exception cref="ArgumentException">A path or an index occurs twice.</exception>
    public static SparseMap Build(ReadOnlySpan<MapInsertion> entries)
    {
        var leaves = new MapLeafList();
        foreach (var entry in entries.ToArray().OrderBy(e => e.Index))
        {
            leaves.Add(entry);
        }
        var map = new SparseMap(leaves);
        try
        {
            map.Insert(entries);
            map.Publish(map.Root->IsBlank ? 0 : map.Root->Newest + 1UL);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>The published map that <see cref="MapVersion.TrySave"/> wrote. The stream is left behind the image's last byte.</summary>
    /// <param name="leaves">Gives back what had been inserted.</param>
    /// <param name="budget">Bytes of replaced blocks to keep for readers of earlier versions.</param>
    /// <exception cref="MalformedException">The bytes are not such an image, or not all of it.</exception>
    public static SparseMap Load(Stream image, IMapLeaves leaves, long budget = DefaultBudget)
    {
        var map = new SparseMap(leaves, budget);
        try
        {
            (*map.Root, map._stagedBlocks, map._stagedCount, var treeSize) = MapImage.Read(image, map._arena);
            map.Publish(treeSize);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Adds a batch, in any order, to what is staged. After an exception only <see cref="Revert"/> is possible. Writer only.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A path is in the map already, or twice in the batch, or its index is not larger than every published one or over the limit.
    /// </exception>
    public void Insert(ReadOnlySpan<MapInsertion> batch)
    {
        ThrowUnlessUsable();
        CheckIndexes(batch);
        var order = new MapOrder(batch);
        if (order.HasDuplicates)
        {
            throw new ArgumentException("a path occurs twice in the batch", nameof(batch));
        }
        InsertOrdered(batch, order, replaces: false);
    }

    /// <summary>Adds a batch like <see cref="Insert"/>; paths that are in the map already get the new value and index.</summary>
    /// <exception cref="ArgumentException">A path is twice in the batch, or its index is not larger than every published one or over the limit.</exception>
    public void Put(ReadOnlySpan<MapInsertion> batch)
    {
        ThrowUnlessUsable();
        CheckIndexes(batch);
        var order = new MapOrder(batch);
        if (order.HasDuplicates)
        {
            throw new ArgumentException("a path occurs twice in the batch", nameof(batch));
        }
        InsertOrdered(batch, order, replaces: true);
    }

    /// <summary>
    /// Adds those of a batch, in ascending order of index, whose paths are neither there nor earlier in the batch. Otherwise like
    /// <see cref="Insert"/>.
    /// </summary>
    /// <param name="firsts">For each of the batch the index that the map holds under its path afterwards.</param>
    public void InsertMissing(ReadOnlySpan<MapInsertion> batch, Span<ulong> firsts)
    {
        ThrowUnlessUsable();
        CheckIndexes(batch);
        var paths = new Sha256Digest[batch.Length];
        for (var i = 0; i < paths.Length; i++)
        {
            paths[i] = batch[i].PathField;
        }
        FindStaged(paths, firsts);
        var fresh = new MapInsertion[batch.Length];
        var count = 0;
        for (var i = 0; i < batch.Length; i++)
        {
            if (firsts[i] == Absent)
            {
                firsts[i] = batch[i].Index;
                fresh[count++] = batch[i];
            }
        }
        var order = new MapOrder(fresh.AsSpan(0, count));
        if (order.HasDuplicates)
        {
            var inBatch = new Dictionary<Sha256Digest, ulong>();
            count = 0;
            for (var i = 0; i < batch.Length; i++)
            {
                if (firsts[i] != batch[i].Index)
                {
                    continue;
                }
                if (inBatch.TryAdd(paths[i], batch[i].Index))
                {
                    fresh[count++] = batch[i];
                }
                firsts[i] = inBatch[paths[i]];
            }
            order = new MapOrder(fresh.AsSpan(0, count));
        }
        InsertOrdered(fresh.AsSpan(0, count), order, replaces: false);
    }

    /// <summary>The log indexes of published and staged paths, or <see cref="Absent"/>: faster than one by one. Writer only.</summary>
    public void FindStaged(ReadOnlySpan<Sha256Digest> paths, Span<ulong> found)
    {
        ThrowUnlessUsable();
        new MapSearch(Root, new MapBlocks(_arena, null), _leaves).Find(paths, found);
        GC.KeepAlive(this);
    }

    /// <summary>The log index of a published or staged path. Writer only.</summary>
    public bool TryFindStaged(in Sha256Digest path, out ulong index)
    {
        ThrowUnlessUsable();
        var found = StagedWalk.TryFind(in path, out index);
        GC.KeepAlive(this);
        return found;
    }

    /// <summary>A proof from the published and staged keys. Writer only.</summary>
    public MapProof ProveStaged(in Sha256Digest path)
    {
        ThrowUnlessUsable();
        _hasher.HashChanged(Root);
        var proof = StagedWalk.Prove(in path, out _);
        GC.KeepAlive(this);
        return proof;
    }

    /// <summary>Shows readers what is staged, as the map of a log of <paramref name="treeSize"/> entries. Writer only.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size is smaller than the one before, or a staged index is not below it.</exception>
    public MapVersion Publish(ulong treeSize)
    {
        ThrowUnlessUsable();
        ArgumentOutOfRangeException.ThrowIfLessThan(treeSize, _published.TreeSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(treeSize, Root->IsBlank ? 0 : Root->Newest + 1UL);
        _hasher.HashChanged(Root);
        var version = new MapVersion(new MapBlocks(_arena, null), _leaves, *Root, _stagedCount, treeSize) { BlockCount = _stagedBlocks };
        _versions.Add(version, _retired);
        _retired = _versions.NewList();
        _taken.Clear();
        if (_taken.Capacity > MaxKept)
        {
            _taken.Capacity = 0;
        }
        Volatile.Write(ref _published, version);
        _versions.Trim();
        return version;
    }

    /// <summary>Forgets what is staged. Writer only.</summary>
    public void Revert()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _hasher.Clear();
        foreach (var block in _taken)
        {
            _arena.Free(block);
        }
        _taken.Clear();
        _retired.Clear();
        *Root = _published.RootEdge;
        _stagedCount = _published.Count;
        _stagedBlocks = _published.BlockCount ?? 0;
        _isBroken = false;
    }

    /// <summary>The version that was published for this size, or null where it is closed or never was. Any thread.</summary>
    public MapVersion? VersionOf(ulong treeSize) => _versions.Find(treeSize);

    /// <summary>Closes all versions. The memory goes when the last reader has left them. Not beside the writer.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        _versions.CloseAll();
        _arena.Release();
    }

    void CheckIndexes(ReadOnlySpan<MapInsertion> batch)
    {
        foreach (ref readonly var insertion in batch)
        {
            if (insertion.Index < FirstStaged || insertion.Index >= MaxTreeSize)
            {
                throw new ArgumentException(
                    $"index {insertion.Index} is outside of {FirstStaged} to {MaxTreeSize - 1}, which may follow what is published",
                    nameof(batch)
                );
            }
        }
    }

    void InsertOrdered(ReadOnlySpan<MapInsertion> batch, MapOrder order, bool replaces)
    {
        if (batch.IsEmpty)
        {
            return;
        }
        _isBroken = true;
        // Of one change the edges are known; what several leave is found from the root.
        var isFirst = !Root->IsInner || Root->Hash != Sha256Digest.Zero;
        _hasher.Forget();
        _replaced = 0;
        new MapInserter(this, batch, order, isFirst ? _hasher : null, replaces).Run();
        // Inner nodes wait for somebody who asks for the root.
        _hasher.HashLeaves();
        _stagedCount = checked(_stagedCount + batch.Length - _replaced);
        _isBroken = false;
    }

    MapWalk StagedWalk => new(*Root, new MapBlocks(_arena, null), _leaves);

    // Smallest index that cannot be in the published version.
    ulong FirstStaged => _published.RootEdge.IsEmpty ? 0 : _published.RootEdge.Newest + 1UL;

    void ThrowUnlessUsable()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_isBroken)
        {
            throw new InvalidOperationException("an insertion failed half-way; what is staged can only be reverted");
        }
    }
}
