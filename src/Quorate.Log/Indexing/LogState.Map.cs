using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Map;

namespace Quorate.Log.Indexing;

/// <summary>The map of the log, by the rule of its protocol.</summary>
sealed partial class LogState : IMapLeaves
{
    readonly MapRule _rule;
    readonly RepeatedKeys _repeated;

    // The writer's.
    Scratch<Sha256Digest> _leaves;
    Scratch<MapInsertion> _insertions;

    internal MapRule Rule => _rule;

    /// <summary>The root of the map over published and staged entries. Writer only.</summary>
    internal Sha256Digest StagedMapRoot() => _map.StagedRoot;

    /// <summary>What the map over published and staged entries proves of a path. Writer only.</summary>
    internal MapProof ProveStaged(in Sha256Digest path) => _map.ProveStaged(path);

    /// <summary>The entries of a key that count, staged ones included; empty without any. Writer only.</summary>
    internal MapClaim[] FindClaims(in Sha256Digest path) => _map.TryFindStaged(path, out var named) ? Claims(named) : [];

    /// <summary>The first entries of many keys, staged ones included; <see cref="SparseMap.Absent"/> for keys without any. Writer only.</summary>
    internal void FindFirsts(ReadOnlySpan<Sha256Digest> paths, Span<ulong> firsts)
    {
        _map.FindStaged(paths, firsts);
        if (_rule.CountsAll)
        {
            foreach (ref var index in firsts)
            {
                index = _repeated.FirstOf(index);
            }
        }
    }

    /// <summary>The first entry of the key for which a version of the map names <paramref name="named"/>.</summary>
    internal ulong FirstOf(ulong named) => _repeated.FirstOf(named);

    /// <summary>Later, different entries of the key whose first entry is <paramref name="first"/>; may name some beyond the caller's snapshot.</summary>
    internal ReadOnlySpan<ulong> LaterOf(ulong first) => _repeated.LaterOf(first);

    /// <summary>What the map stores where it names the entry <paramref name="named"/>.</summary>
    internal byte[] MapValue(ulong named) => _rule.Write(Claims(named));

    /// <summary>The entries that count of the key for which a version of the map names <paramref name="named"/>.</summary>
    MapClaim[] Claims(ulong named) => [.. _repeated.Claims(named).Select(i => new MapClaim(Reader.ValueDigest(i), i))];

    /// <summary>Takes entries into tree and map, unpublished. <see cref="Place"/> must follow before anything reads them.</summary>
    /// <param name="areFirsts">The caller looked all keys up: none is in the map, and none occurs twice. Saves looking again.</param>
    internal void Stage(ReadOnlySpan<StagedEntry> entries, bool areFirsts = false)
    {
        var leaves = _leaves.Take(entries.Length);
        for (var i = 0; i < entries.Length; i++)
        {
            leaves[i] = entries[i].Leaf;
        }
        if (_rule.CountsAll)
        {
            PutClaims(entries);
        }
        else
        {
            PutFirsts(entries, areFirsts);
        }
        Tree.AppendRange(leaves);
    }

    void PutFirsts(ReadOnlySpan<StagedEntry> entries, bool areFirsts)
    {
        var insertions = _insertions.Take(entries.Length);
        var size = Tree.Size;
        for (var i = 0; i < entries.Length; i++)
        {
            ref readonly var entry = ref entries[i];
            var index = size + (ulong)i;
            insertions[i] = new MapInsertion(entry.Path, MapEntryJson.Hash(entry.Digest, index), index);
        }
        if (areFirsts)
        {
            _map.Insert(insertions);
            return;
        }
        var firsts = new ulong[entries.Length];
        _map.InsertMissing(insertions, firsts);
        for (var i = 0; i < firsts.Length; i++)
        {
            if (firsts[i] != size + (ulong)i)
            {
                _repeated.Add(firsts[i], size + (ulong)i);
            }
        }
    }

    /// <summary>
    /// Each key of the batch gets one new value, with what it had and what the batch adds. Entries beyond those that count stay in the log only; a log of ours takes none.
    /// </summary>
    void PutClaims(ReadOnlySpan<StagedEntry> entries)
    {
        var paths = new Sha256Digest[entries.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            paths[i] = entries[i].Path;
        }
        var named = new ulong[entries.Length];
        _map.FindStaged(paths, named);
        var changed = new Dictionary<Sha256Digest, List<MapClaim>>();
        for (var i = 0; i < entries.Length; i++)
        {
            if (!changed.TryGetValue(paths[i], out var claims))
            {
                claims = named[i] == SparseMap.Absent ? [] : [.. Claims(named[i])];
                changed.Add(paths[i], claims);
            }
            if (claims.Count < _rule.MaxClaims)
            {
                var index = Tree.Size + (ulong)i;
                claims.Add(new MapClaim(entries[i].Digest, index));
                if (claims.Count > 1)
                {
                    _repeated.Add(claims[0].Index, index);
                }
            }
        }
        var insertions = new List<MapInsertion>(changed.Count);
        foreach (var (path, claims) in changed)
        {
            // A full key stays as it is.
            if (claims[^1].Index >= Tree.Size)
            {
                insertions.Add(new MapInsertion(path, _rule.Hash(CollectionsMarshal.AsSpan(claims)), claims[^1].Index));
            }
        }
        _map.Put(CollectionsMarshal.AsSpan(insertions));
    }

    void IMapLeaves.Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash)
    {
        var entry = Reader.Entry(index);
        path = ShortSha256.Hash(entry.Key.Span);
        valueHash = _rule.CountsAll ? _rule.Hash(Claims(index)) : MapEntryJson.Hash(entry.ValueDigest, index);
    }

    // Under the first rule a key's leaf never changes.
    ulong? IMapLeaves.Before(ulong index, ulong treeSize) => _rule.CountsAll ? _repeated.Before(index, treeSize) : null;
}
