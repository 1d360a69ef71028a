using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Map;
using Quorate.Log.Indexing;

namespace Quorate.Log.Mirroring;

/// <summary>
/// A signed head has another map root than its entries give: looks for one key of which the signed map says what the log refutes. The remotes prove answers
/// of the signed map; where such a proof has another sibling than our own map, the maps differ below that sibling, and a key from there is asked for
/// next. Remotes that give no such proofs leave nothing to show: then the log is unavailable, and not caught.
/// </summary>
sealed class MapDescent(LogState state, LogHead head, IReadOnlyList<ILogSource> remotes, LogId log, Action<RemoteFault> report)
{
    /// <summary>Each question leads one step down, or to a part of the map that has only keys which no entry has.</summary>
    const int MaxQuestions = 1024;

    /// <summary>Bits of a path that the index of keys holds. No one finds two keys that share more.</summary>
    const int IndexedBits = 64;

    const int Block = 1000;

    readonly List<ILogSource> _asked = [.. remotes];
    ulong[]? _paths;
    ulong[]? _indexes;

    /// <summary>Null when nothing could be shown. Every entry under the head must be staged.</summary>
    internal async Task<MapContradiction?> FindAsync(CancellationToken cancellationToken)
    {
        // Parts of the map in which the signed one differs from ours, as the index of an entry whose key lies there and the depth of the part.
        var parts = new Stack<(ulong Entry, int Depth)>();
        parts.Push((0, 0));
        for (var questions = 0; parts.TryPop(out var part) && questions < MaxQuestions; questions++)
        {
            var entry = state.Reader.Entry(part.Entry);
            if (await AskAsync(entry.Key, cancellationToken) is not { } answer)
            {
                return null;
            }
            if (Contradiction(entry.Key, answer) is { } found)
            {
                return found.IsPortable ? found : null;
            }
            AddParts(parts, ShortSha256.Hash(entry.Key.Span), answer.Proof, part.Depth);
        }
        return null;
    }

    /// <summary>A proven answer of the signed map; null when no remote gives one.</summary>
    async Task<MapAnswer?> AskAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        if (head.MapRoot == Sha256Digest.Zero)
        {
            // The empty map proves that it has nothing by its root alone.
            return new MapAnswer(ReadOnlyMemory<byte>.Empty, new MapProof([], null, ReadOnlyMemory<byte>.Empty, 0));
        }
        while (_asked.Count > 0)
        {
            try
            {
                var answer = await _asked[0].MapValueAsync(log, key, head.MapRoot, cancellationToken);
                if (answer is not null && SparseMapProof.Verify(answer.Proof, head.MapRoot, key.Span, answer.Value.Span).IsVerified)
                {
                    return answer;
                }
                report(new RemoteFault(_asked[0].Remote, "withheld-map", $"no proof for the map of its head of size {head.TreeSize}"));
            }
            catch (LogSourceException e)
            {
                report(new RemoteFault(_asked[0].Remote, "withheld-map", e.Message));
            }
            _asked.RemoveAt(0);
        }
        return null;
    }

    MapContradiction? Contradiction(ReadOnlyMemory<byte> key, MapAnswer answer)
    {
        var ours = state.FindClaims(ShortSha256.Hash(key.Span));
        if (answer.Value.IsEmpty)
        {
            return With(ours[0].Index);
        }
        if (!state.Rule.TryParse(answer.Value.Span, out var theirs) || theirs[^1].Index >= head.TreeSize)
        {
            return new MapContradiction(key, answer.Value, answer.Proof, null);
        }
        // The first difference: whatever comes first there must be in both.
        var same = ours.AsSpan().CommonPrefixLength(theirs);
        return same == ours.Length && same == theirs.Length ? null
            : same == theirs.Length || (same < ours.Length && ours[same].Index < theirs[same].Index) ? With(ours[same].Index)
            : With(theirs[same].Index);

        MapContradiction With(ulong index)
        {
            var entry = state.Reader.Entry(index);
            return new MapContradiction(
                key,
                answer.Value,
                answer.Proof,
                new ProvenEntry(index, entry.Key, entry.ValueDigest, state.Tree.InclusionProof(index, head.TreeSize))
            );
        }
    }

    /// <summary>Siblings at or below <paramref name="depth"/> that differ, the deepest last, so that it is looked into first: it has the fewest keys.</summary>
    void AddParts(Stack<(ulong Entry, int Depth)> parts, in Sha256Digest path, MapProof signed, int depth)
    {
        var (theirs, ours) = (Siblings(signed), Siblings(state.ProveStaged(path)));
        for (var d = depth; d < Math.Min(Math.Max(theirs.Length, ours.Length), IndexedBits); d++)
        {
            var own = d < ours.Length ? ours[d] : Sha256Digest.Zero;
            if (own != (d < theirs.Length ? theirs[d] : Sha256Digest.Zero) && own != Sha256Digest.Zero && EntryBeside(path, d) is { } entry)
            {
                parts.Push((entry, d + 1));
            }
        }
    }

    /// <summary>The siblings of a path from the root downward, empty ones included.</summary>
    static Sha256Digest[] Siblings(MapProof proof)
    {
        var siblings = new Sha256Digest[proof.NumSideNodes];
        var next = 0;
        for (var i = 0; i < siblings.Length; i++)
        {
            var isEmpty = (proof.BitMask.Span[i / 8] & (0x80 >> (i % 8))) != 0;
            siblings[siblings.Length - 1 - i] = isEmpty ? Sha256Digest.Zero : proof.SideNodes[next++];
        }
        return siblings;
    }

    /// <summary>An entry whose key's path shares the first <paramref name="depth"/> bits, and differs in the next one.</summary>
    ulong? EntryBeside(in Sha256Digest path, int depth)
    {
        IndexKeys();
        var mask = depth == IndexedBits - 1 ? ulong.MaxValue : ~(ulong.MaxValue >> (depth + 1));
        var prefix = (Top(path) ^ (1UL << (IndexedBits - 1 - depth))) & mask;
        var at = Array.BinarySearch(_paths!, prefix);
        at = at < 0 ? ~at : at;
        return at < _paths!.Length && (_paths[at] & mask) == prefix ? _indexes![at] : null;
    }

    /// <summary>All keys by their path. Sixteen bytes an entry for as long as the search lasts, which a log can cause only by signing a wrong map.</summary>
    void IndexKeys()
    {
        if (_paths is not null)
        {
            return;
        }
        var count = checked((int)head.TreeSize);
        (_paths, _indexes) = (new ulong[count], new ulong[count]);
        for (var start = 0; start < count; start += Block)
        {
            foreach (var entry in state.Reader.Range((ulong)start, (ulong)Math.Min(start + Block, count) - 1))
            {
                _paths[(int)entry.Index] = Top(ShortSha256.Hash(entry.Key.Span));
                _indexes[(int)entry.Index] = entry.Index;
            }
        }
        Array.Sort(_paths, _indexes);
    }

    static ulong Top(in Sha256Digest path) => System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(path.AsSpan());
}
