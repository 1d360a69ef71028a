using System.Collections.Concurrent;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>A decision with what it rests on.</summary>
sealed record CachedDecision(Decision Decision, SourceStamp[] Stamps, DateTimeOffset? Expires);

/// <summary>
/// Decisions of one protocol's model. Two generations bound it without bookkeeping per hit: when the young one is full it becomes the old
/// one and the old one goes; a hit in the old one moves to the young one. Safe for concurrent use.
/// </summary>
sealed class DecisionCache(int capacity)
{
    // Decisions keep the builders' raw values alive; large ones are made anew rather than held.
    public const int LargestKept = 64 << 10;

    readonly Lock _turnover = new();
    volatile ConcurrentDictionary<BuildInput, CachedDecision> _young = new();
    volatile ConcurrentDictionary<BuildInput, CachedDecision> _old = new();

    public int Count => _young.Count + _old.Count;

    public CachedDecision? Find(BuildInput input)
    {
        if (_young.TryGetValue(input, out var found))
        {
            return found;
        }
        if (_old.TryRemove(input, out found))
        {
            Add(input, found);
            return found;
        }
        return null;
    }

    public void Add(BuildInput input, CachedDecision decision)
    {
        _young[input] = decision;
        if (_young.Count <= capacity / 2)
        {
            return;
        }
        lock (_turnover)
        {
            if (_young.Count > capacity / 2)
            {
                _old = _young;
                _young = new();
            }
        }
    }

    public void Remove(BuildInput input)
    {
        _young.TryRemove(input, out _);
        _old.TryRemove(input, out _);
    }

    public static bool Fits(Decision decision)
    {
        long size = 0;
        foreach (var testimony in decision.Testimonies)
        {
            if (testimony is Testimony.Given given)
            {
                size += given.Evidence.Claim.Raw.Bytes.Length;
                foreach (var later in given.Evidence.SelfDivergences)
                {
                    size += later.Raw.Bytes.Length;
                }
            }
        }
        return size <= LargestKept;
    }
}
