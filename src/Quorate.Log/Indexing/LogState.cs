using System.Collections.Concurrent;
using Quorate.Core;
using Quorate.Core.Columns;
using Quorate.Core.Hashing;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>
/// Everything that is derived from the frames and kept in memory: trees, map, indexes. One writer stages entries, which no reader sees, and then
/// either publishes them under a head or drops them again; readers go by <see cref="Snapshot"/> and use nothing beyond it.
/// </summary>
sealed partial class LogState : IDisposable
{
    const int PositionsAtOnce = 256;

    readonly bool _indexStoreHashes;
    readonly ILogStorage _storage;
    readonly DerivedFolder? _folder;
    HashIndex _values = new();
    HashIndex _storeHashes = new();
    HashIndex _mapRoots = new();
    Column<FramePosition> _positions;

    // Values that came later than their entries, in frames of their own. Few.
    readonly ConcurrentDictionary<Sha256Digest, FramePosition> _strays = new();

    volatile LogSnapshot? _snapshot;
    SparseMap _map;
    LogHead? _recorded;

    // Values of entries that came without bytes, for mirrors: withheld ones, and some that other entries hold. Null where nobody asks.
    readonly List<Sha256Digest>? _unheld;
    int _recordedUnheld;
    ulong _recordedBytes;
    FramePosition _recordedFrame;

    internal LogState(LogIdentity identity, ILogStorage storage, bool tracksUnheldValues)
    {
        _unheld = tracksUnheldValues ? [] : null;
        _rule = identity.Protocol.MapRule;
        _repeated = new RepeatedKeys(_rule);
        _indexStoreHashes = identity.Protocol == Protocol.Nix;
        _storage = storage;
        _folder = DerivedFolder.Open(storage);
        Tree = new MerkleTree(_folder?.Leaves);
        MapHistory = new MerkleTree(_folder?.MapHistory);
        Heads = new HeadLog(_folder?.Heads);
        _positions = new Column<FramePosition>(PositionsAtOnce, _folder?.Positions);
        Reader = new EntryReader(storage, Tree, _positions);
        _map = new SparseMap(this);
        Historic = new HistoricMaps(_map);
    }

    internal MerkleTree Tree { get; private set; }
    internal MerkleTree MapHistory { get; private set; }
    internal HeadLog Heads { get; private set; }
    internal EntryReader Reader { get; private set; }
    internal HistoricMaps Historic { get; private set; }
    internal LogSnapshot? Snapshot => _snapshot;

    /// <summary>Entries published or staged. Writer only.</summary>
    internal ulong StagedSize => Tree.Size;

    /// <summary>Bytes of keys and values in published and staged entries. Writer only.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>The frame of the newest recorded head. Writer only.</summary>
    internal FramePosition RecordedFrame => _recordedFrame;

    /// <summary>The first frame that no head covers. Writer only.</summary>
    internal FramePosition? StagedFrom { get; private set; }

    /// <summary>Indexes the entries staged last, whose frame lies at <paramref name="payload"/>, each at its offset in there.</summary>
    internal void Place(ReadOnlySpan<StagedEntry> entries, ReadOnlySpan<int> recordOffsets, FramePosition payload)
    {
        StagedFrom ??= payload;
        for (var i = 0; i < entries.Length; i++)
        {
            ref readonly var entry = ref entries[i];
            var index = _positions.Count;
            _positions.Append(payload + recordOffsets[i]);
            Bytes += (ulong)entry.Key.Length + entry.ValueLength;
            IndexStoreHash(entry.Key.Span, index);
            if (entry.HasValue)
            {
                _values.Add(entry.Digest.AsSpan(), index);
            }
            else
            {
                _unheld?.Add(entry.Digest);
            }
        }
        _positions.Spill();
    }

    /// <summary>Appends leaves of the map-history log, unpublished.</summary>
    internal void StageMapHistory(ReadOnlySpan<Sha256Digest> leaves) => MapHistory.AppendRange(leaves);

    /// <summary>Takes note of a head that covers everything staged, whose frame is durable. Readers see it from <see cref="Show"/> on.</summary>
    internal void RecordHead(LogHead head, DateTimeOffset time, FramePosition frame)
    {
        _mapRoots.Add(head.MapRoot.AsSpan(), Heads.Count);
        Heads.Append(new HeadRecord(head.TreeSize, head.MhTreeSize, head.MapRoot, time.ToUnixTimeMilliseconds(), frame));
        _recorded = head;
        _recordedFrame = frame;
        _recordedBytes = Bytes;
        _recordedUnheld = _unheld?.Count ?? 0;
        StagedFrom = null;
    }

    /// <summary>Shows readers the newest recorded head. Nothing may have been staged since.</summary>
    internal void Show()
    {
        if (_recorded is { } head)
        {
            _snapshot = new LogSnapshot(head, _map.Publish(head.TreeSize), Heads.Count);
            Historic.Trim();
        }
    }

    /// <summary>Forgets everything staged since the last head. The storage must have dropped the frames.</summary>
    internal void DropStaged()
    {
        var size = _snapshot?.Head.TreeSize ?? 0;
        Tree.TruncateTo(size);
        MapHistory.TruncateTo(_snapshot?.Head.MhTreeSize ?? 0);
        _positions.TruncateTo(size);
        _map.Revert();
        Bytes = _recordedBytes;
        _unheld?.RemoveRange(_recordedUnheld, _unheld.Count - _recordedUnheld);
        StagedFrom = null;
        // Numbers in the hash indexes are only candidates and may stay; these are believed, and must go.
        _repeated.TruncateTo(size);
    }

    /// <summary>Notes where a value lies that was missing when its entries came.</summary>
    internal void AddStray(in EntryRecord record, FramePosition position)
    {
        if (_strays.TryAdd(record.Digest, position))
        {
            Bytes += record.ValueLength;
            _recordedBytes += record.ValueLength;
        }
    }

    /// <summary>Values under the newest head that nobody gave us yet. Writer only, with nothing staged.</summary>
    internal List<Sha256Digest> MissingValues()
    {
        if (_unheld is null)
        {
            return [];
        }
        var missing = _unheld.Distinct().Where(d => !HoldsValue(d)).ToList();
        _unheld.Clear();
        _unheld.AddRange(missing);
        _recordedUnheld = _unheld.Count;
        return missing;
    }

    internal bool HoldsValue(in Sha256Digest digest)
    {
        foreach (var index in _values.Find(digest.AsSpan()))
        {
            if (index < Tree.Size && Reader.Holds(index, digest))
            {
                return true;
            }
        }
        return _strays.ContainsKey(digest);
    }

    internal async ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, ulong treeSize, CancellationToken cancellationToken)
    {
        foreach (var index in _values.Find(digest.AsSpan()))
        {
            if (index < treeSize && await Reader.ValueAsync(index, digest, cancellationToken) is { } value)
            {
                return value;
            }
        }
        return _strays.TryGetValue(digest, out var stray) ? await Reader.ValueAtAsync(stray, digest, cancellationToken) : null;
    }

    /// <summary>Keys whose store path has this hash part, within the first <paramref name="treeSize"/> entries, in log order.</summary>
    internal IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(ReadOnlySpan<byte> hash, ulong treeSize)
    {
        var found = new List<LogEntry>();
        foreach (var index in _storeHashes.Find(hash))
        {
            if (
                index < treeSize
                && Reader.Entry(index) is var entry
                && StoreHashKeys.HashPart(entry.Key.Span).SequenceEqual(hash)
                && !found.Exists(e => e.Key.Span.SequenceEqual(entry.Key.Span))
            )
            {
                found.Add(entry);
            }
        }
        found.Sort((a, b) => a.Index.CompareTo(b.Index));
        return [.. found.Select(e => e.Key)];
    }

    /// <summary>The newest head below <paramref name="headCount"/> with this map root.</summary>
    internal ulong? HeadWithMapRoot(in Sha256Digest mapRoot, ulong headCount)
    {
        ulong? newest = null;
        foreach (var number in _mapRoots.Find(mapRoot.AsSpan()))
        {
            if (number < headCount && (newest is null || number > newest) && Heads[number].MapRoot == mapRoot)
            {
                newest = number;
            }
        }
        return newest;
    }

    /// <summary>Reads what is derived again from its files, as far as they reach; gives the bytes of each part. Beside the writer.</summary>
    /// <exception cref="IOException">A file no longer holds what was written.</exception>
    internal IEnumerable<int> CheckDerived(LogSnapshot snapshot) =>
        Tree.CheckStored(snapshot.Head.TreeSize)
            .Concat(MapHistory.CheckStored(snapshot.Head.MhTreeSize))
            .Concat(_positions.CheckStored(snapshot.Head.TreeSize))
            .Concat(Heads.CheckStored(snapshot.HeadCount));

    /// <summary>Gives the map's memory back, and closes the derived files; nothing may be read afterwards. The writer must have ended.</summary>
    public void Dispose()
    {
        Historic.Dispose();
        _map.Dispose();
        _folder?.Dispose();
    }

    void IndexStoreHash(ReadOnlySpan<byte> key, ulong index)
    {
        var hash = _indexStoreHashes ? StoreHashKeys.HashPart(key) : default;
        if (hash.IsEmpty)
        {
            return;
        }
        var sharing = 0;
        foreach (var _ in _storeHashes.Find(hash))
        {
            if (++sharing == StoreHashKeys.MaxKeysPerHash)
            {
                return;
            }
        }
        _storeHashes.Add(hash, index);
    }
}

/// <summary>One entry with its hashes, ready to be staged.</summary>
/// <param name="Path">SHA-256 of the key: its place in the map.</param>
readonly record struct StagedEntry(
    ReadOnlyMemory<byte> Key,
    Sha256Digest Path,
    Sha256Digest Digest,
    Sha256Digest Leaf,
    bool HasValue,
    uint ValueLength
)
{
    internal static StagedEntry Of(in Records.Item item) =>
        new(
            item.Key,
            ShortSha256.Hash(item.Key.Span),
            item.Record.Digest,
            TreeHash.EntryLeaf(item.Key.Span, item.Record.Digest),
            item.Record.HasValue,
            item.Record.HasValue ? item.Record.ValueLength : 0
        );
}
