using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Map;

namespace Quorate.Log.Checking;

/// <summary>The map of a log as it is recomputed from its entries, by the rule of its protocol.</summary>
sealed class CheckedMap : IDisposable
{
    const int Batch = 1 << 15;

    // Paths of pending insertions, or of keys whose claims changed.
    readonly HashSet<Sha256Digest> _pendingPaths = [];
    readonly List<MapInsertion> _pending = [];
    readonly Dictionary<Sha256Digest, List<MapClaim>> _claims = [];
    readonly MapRule _rule;
    readonly MapLeafList _leaves = new();
    readonly SparseMap _map;

    // Nobody reads older versions.
    internal CheckedMap(MapRule rule) => (_rule, _map) = (rule, new SparseMap(_leaves, budget: 0));

    /// <summary>Takes the next entry of the log.</summary>
    internal void Add(in Sha256Digest path, in Sha256Digest valueDigest, ulong index)
    {
        if (_rule.CountsAll)
        {
            AddClaim(path, new MapClaim(valueDigest, index));
        }
        else if (!_map.TryFindStaged(path, out _) && _pendingPaths.Add(path))
        {
            _pending.Add(new MapInsertion(path, MapEntryJson.Hash(valueDigest, index), index));
        }
        if (_pendingPaths.Count >= Batch)
        {
            Flush();
        }
    }

    internal Sha256Digest Root()
    {
        Flush();
        return _map.StagedRoot;
    }

    public void Dispose() => _map.Dispose();

    void AddClaim(in Sha256Digest path, MapClaim claim)
    {
        ref var claims = ref CollectionsMarshal.GetValueRefOrAddDefault(_claims, path, out _);
        claims ??= [];
        if (claims.Count < _rule.MaxClaims)
        {
            claims.Add(claim);
            _pendingPaths.Add(path);
        }
    }

    void Flush()
    {
        if (_rule.CountsAll)
        {
            foreach (var path in _pendingPaths)
            {
                var claims = _claims[path];
                _pending.Add(new MapInsertion(path, _rule.Hash(CollectionsMarshal.AsSpan(claims)), claims[^1].Index));
            }
            _pending.Sort((a, b) => a.Index.CompareTo(b.Index));
        }
        foreach (var insertion in _pending)
        {
            _leaves.Add(insertion);
        }
        _map.Put(CollectionsMarshal.AsSpan(_pending));
        _pending.Clear();
        _pendingPaths.Clear();
    }
}
