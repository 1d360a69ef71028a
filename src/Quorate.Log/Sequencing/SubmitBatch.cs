using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Sequencing;

/// <summary>
/// The Submits that go into one head: decides of every item whether it is new, a duplicate, or a self-divergence. Where all claims of a key count, a later one is new, up to
/// the rule's limit; a Submit that goes beyond is refused whole. Nothing is changed outside the batch.
/// </summary>
sealed class SubmitBatch(LogState state, PublishedLogOptions options)
{
    const int ShownKey = 64;

    readonly List<SubmitRequest> _requests = [];
    readonly List<FrameEntry> _entries = [];
    readonly List<StagedEntry> _staged = [];

    // Keys that the batch adds entries for: position of the first one in the batch, and of further ones where there are any.
    readonly Dictionary<Sha256Digest, int> _inBatch = [];
    readonly Dictionary<Sha256Digest, List<int>> _furtherInBatch = [];

    Scratch<Sha256Digest> _paths;

    internal IReadOnlyList<SubmitRequest> Requests => _requests;
    internal List<FrameEntry> Entries => _entries;
    internal List<StagedEntry> Staged => _staged;

    /// <summary>No entry of the batch has a key that is logged, or that another one of the batch has.</summary>
    internal bool AreFirsts { get; private set; } = true;

    internal int Items { get; private set; }
    internal long Bytes { get; private set; }

    internal void Clear()
    {
        _requests.Clear();
        _entries.Clear();
        _staged.Clear();
        _inBatch.Clear();
        _furtherInBatch.Clear();
        (Items, Bytes, AreFirsts) = (0, 0, true);
    }

    internal void Take(SubmitRequest request)
    {
        _requests.Add(request);
        Items += request.Items.Length;
        Bytes += request.Bytes;
    }

    /// <summary>Sorts all items of the requests taken.</summary>
    internal async ValueTask JudgeAsync(CancellationToken cancellationToken)
    {
        var firsts = FindFirsts();
        var next = 0;
        foreach (var request in _requests)
        {
            var before = _staged.Count;
            for (var i = 0; i < request.Items.Length; i++, next++)
            {
                var isLogged = firsts[next] != SparseMap.Absent;
                if (request.Refusal is null && (isLogged || !TryAddNew(request, in request.Items[i])))
                {
                    await AddKnownAsync(request, request.Items[i], isLogged, firsts[next], cancellationToken);
                }
            }
            if (request.Refusal is not null)
            {
                TakeBack(request, before);
            }
        }
    }

    /// <summary>Of each item, the first logged entry of its key: all at once, because the map is slow to ask one by one.</summary>
    ulong[] FindFirsts()
    {
        var paths = _paths.Take(Items);
        var next = 0;
        foreach (var request in _requests)
        {
            for (var i = 0; i < request.Items.Length; i++)
            {
                paths[next++] = request.Items[i].Path;
            }
        }
        var firsts = new ulong[next];
        state.FindFirsts(paths, firsts);
        return firsts;
    }

    /// <summary>Adds an item whose key is not logged, unless the key is in the batch.</summary>
    bool TryAddNew(SubmitRequest request, in PreparedItem item)
    {
        if (!_inBatch.TryAdd(item.Path, _staged.Count))
        {
            return false;
        }
        Append(request, in item);
        return true;
    }

    /// <summary>Judges an item whose key is logged, or in the batch, or both.</summary>
    async ValueTask AddKnownAsync(SubmitRequest request, PreparedItem item, bool isLogged, ulong first, CancellationToken cancellationToken)
    {
        var isInBatch = _inBatch.TryGetValue(item.Path, out var firstInBatch);
        if (
            (isLogged && IsLogged(item, first))
            || (isInBatch && IsInBatch(item))
            || (options.Meaning is { } meaning && await IsSpelledOtherwiseAsync(item, meaning, isLogged ? first : null, cancellationToken))
        )
        {
            request.Duplicates++;
            return;
        }
        if (state.Rule.CountsAll)
        {
            AddClaim(request, in item, isLogged ? 1 + state.LaterOf(first).Length : 0);
            return;
        }
        var firstDigest = isLogged ? state.Reader.ValueDigest(first) : _staged[firstInBatch].Digest;
        ulong? index = null;
        if (options.Divergence == DivergencePolicy.Append)
        {
            index = state.StagedSize + (ulong)_staged.Count;
            AppendFurther(request, in item);
        }
        (request.Divergences ??= []).Add(new SelfDivergence(item.Key, firstDigest, item.Digest, index));
    }

    /// <summary>Adds another claim of a key, unless it has as many as count.</summary>
    void AddClaim(SubmitRequest request, in PreparedItem item, int logged)
    {
        if (logged + InBatch(item.Path).Count() < state.Rule.MaxClaims)
        {
            AppendFurther(request, in item);
            return;
        }
        var key = item.Key.Span[..Math.Min(item.Key.Length, ShownKey)];
        request.Refusal =
            $"the key {Convert.ToHexStringLower(key)}{(item.Key.Length > ShownKey ? "…" : "")} (hex) has {state.Rule.MaxClaims} claims, which is the limit";
    }

    /// <summary>Adds an item whose key is logged, or in the batch.</summary>
    void AppendFurther(SubmitRequest request, in PreparedItem item)
    {
        AreFirsts = false;
        if (!_inBatch.TryAdd(item.Path, _staged.Count))
        {
            ref var further = ref CollectionsMarshal.GetValueRefOrAddDefault(_furtherInBatch, item.Path, out _);
            (further ??= []).Add(_staged.Count);
        }
        Append(request, in item);
    }

    /// <summary>Forgets what the request added, from that position on.</summary>
    void TakeBack(SubmitRequest request, int from)
    {
        for (var i = from; i < _staged.Count; i++)
        {
            var path = _staged[i].Path;
            if (_inBatch.TryGetValue(path, out var first) && first >= from)
            {
                _inBatch.Remove(path);
                _furtherInBatch.Remove(path);
            }
            else if (_furtherInBatch.TryGetValue(path, out var further))
            {
                further.RemoveAll(f => f >= from);
            }
        }
        _staged.RemoveRange(from, _staged.Count - from);
        _entries.RemoveRange(from, _entries.Count - from);
        (request.Added, request.Duplicates) = (0, 0);
    }

    void Append(SubmitRequest request, in PreparedItem item)
    {
        var store = !state.HoldsValue(item.Digest);
        _entries.Add(new FrameEntry(item.Key, item.Digest, store ? item.Value : default(ReadOnlyMemory<byte>?)));
        _staged.Add(new StagedEntry(item.Key, item.Path, item.Digest, item.Leaf, store, store ? (uint)item.Value.Length : 0));
        request.Added++;
    }

    IEnumerable<int> InBatch(Sha256Digest path)
    {
        if (!_inBatch.TryGetValue(path, out var first))
        {
            yield break;
        }
        yield return first;
        foreach (var further in _furtherInBatch.GetValueOrDefault(path) ?? [])
        {
            yield return further;
        }
    }

    bool IsInBatch(PreparedItem item) => InBatch(item.Path).Any(i => _staged[i].Leaf == item.Leaf);

    // The leaf commits to key and digest, so equal leaves are equal entries and nothing needs to be read.
    bool IsLogged(in PreparedItem item, ulong first)
    {
        if (state.Tree.Leaf(first) == item.Leaf)
        {
            return true;
        }
        foreach (var later in state.LaterOf(first))
        {
            if (state.Tree.Leaf(later) == item.Leaf)
            {
                return true;
            }
        }
        return false;
    }

    async ValueTask<bool> IsSpelledOtherwiseAsync(
        PreparedItem item,
        IValueMeaning meaning,
        ulong? first,
        CancellationToken cancellationToken
    )
    {
        if (meaning.MeaningOf(item.Key.Span, item.Value.Span) is not { } wanted)
        {
            return false;
        }
        foreach (var i in InBatch(item.Path))
        {
            var value = _entries[i].Value ?? await state.ValueAsync(_entries[i].Digest, state.StagedSize, cancellationToken);
            if (value is { } bytes && meaning.MeaningOf(item.Key.Span, bytes.Span) == wanted)
            {
                return true;
            }
        }
        if (first is not { } index)
        {
            return false;
        }
        ulong[] logged = [index, .. state.LaterOf(index)];
        foreach (var earlier in logged)
        {
            var value = await state.ValueAsync(state.Reader.ValueDigest(earlier), state.StagedSize, cancellationToken);
            if (value is { } bytes && meaning.MeaningOf(item.Key.Span, bytes.Span) == wanted)
            {
                return true;
            }
        }
        return false;
    }
}
