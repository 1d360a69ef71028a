using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Testing.Logs;

/// <summary>A published log in memory: every submit is one head, a later different value is dropped. For tests of what stands on logs.</summary>
public sealed class MemoryLog : IPublishedLog
{
    readonly Lock _gate = new();
    readonly Ed25519PrivateKey _key;
    readonly MerkleTree _tree = new();
    readonly MerkleTree _history = new();
    readonly List<LogEntry> _entries = [];
    readonly Dictionary<Sha256Digest, byte[]> _values = [];
    readonly Dictionary<Sha256Digest, SparseMap> _maps = [];
    SparseMap _map = SparseMap.Empty;

    public MemoryLog(Protocol protocol, Ed25519PrivateKey key)
    {
        _key = key;
        Identity = new LogIdentity(protocol, key.PublicKey);
        Head = Publish();
    }

    public event Action<ILogView>? Advanced;

    public LogIdentity Identity { get; }

    public LogHead Head { get; private set; }

    LogHead? ILogView.Head => Head;

    /// <summary>Thrown by the next submits, when set.</summary>
    public Exception? SubmitFault { get; set; }

    /// <summary>Awaited by submits before they do anything, when set.</summary>
    public Func<CancellationToken, Task>? BeforeSubmit { get; set; }

    public DateTimeOffset FirstSeen(ulong index) => DateTimeOffset.UnixEpoch;

    public IReadOnlyList<LogEntry> Entries(ulong start, ulong finish) =>
        finish < (ulong)_entries.Count && start <= finish
            ? _entries.GetRange((int)start, (int)(finish - start + 1))
            : throw new ArgumentOutOfRangeException(nameof(finish));

    public IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize) => _tree.InclusionProof(index, treeSize);

    public IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second) => _tree.ConsistencyProof(first, second);

    public IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish) =>
        [.. Enumerable.Range((int)start, (int)(finish - start + 1)).Select(i => _history.Leaf((ulong)i))];

    public IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize) => _history.InclusionProof(index, treeSize);

    public IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second) => _history.ConsistencyProof(first, second);

    public MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot)
    {
        var path = Sha256Digest.HashData(key);
        if (!_maps.TryGetValue(mapRoot, out var map))
        {
            return null;
        }
        var value = map.TryFind(path, out var index) ? MapEntryJson.Write(_entries[(int)index].ValueDigest, index) : [];
        return new MapAnswer(value, map.Prove(path));
    }

    public IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key) =>
        _map.TryFind(Sha256Digest.HashData(key), out var index) ? [_entries[(int)index]] : [];

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash) => [];

    public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
        new(_values.TryGetValue(digest, out var value) ? (ReadOnlyMemory<byte>?)value : null);

    public async Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken)
    {
        if (SubmitFault is { } fault)
        {
            throw fault;
        }
        if (BeforeSubmit is { } wait)
        {
            await wait(cancellationToken);
        }
        lock (_gate)
        {
            var before = _entries.Count;
            foreach (var item in items)
            {
                Append(item);
            }
            if (_entries.Count > before)
            {
                Head = Publish();
            }
        }
        Advanced?.Invoke(this);
        return new SubmitResult(Head, items.Count, 0, []);
    }

    public Task<LogHead> FlushAsync(CancellationToken cancellationToken) => Task.FromResult(Head);

    void Append(SubmitItem item)
    {
        if (_map.TryFind(Sha256Digest.HashData(item.Key.Span), out _))
        {
            return;
        }
        var index = (ulong)_entries.Count;
        var digest = Sha256Digest.HashData(item.Value.Span);
        _values[digest] = item.Value.ToArray();
        var leaf = TreeHash.EntryLeaf(item.Key.Span, digest);
        _entries.Add(new LogEntry(index, item.Key.ToArray(), digest, leaf));
        _tree.Append(leaf);
        _map = _map.Insert([MapInsertion.Of(item.Key.Span, digest, index)]);
    }

    LogHead Publish()
    {
        _maps[_map.Root] = _map;
        _history.Append(TreeHash.Leaf(_map.Root.AsSpan()));
        return LogHead.Sign(_tree.Root(_tree.Size), _tree.Size, _map.Root, _history.Root(_history.Size), _history.Size, _key);
    }
}
