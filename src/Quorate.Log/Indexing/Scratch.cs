using System.Numerics;

namespace Quorate.Log.Indexing;

/// <summary>
/// Memory that a writer uses again for each batch: an array for every batch is too large for the collector's young generations, and its pages are taken from the
/// system and cleared each time. Used by one thread.
/// </summary>
struct Scratch<T>
    where T : struct
{
    // Longer arrays are not kept: only a large import needs them.
    const int MaxKept = 1 << 14;

    T[]? _kept;

    /// <summary>So many elements, with what was in them before. They are whoever asked last's.</summary>
    internal Span<T> Take(int count)
    {
        if (count > MaxKept)
        {
            return new T[count];
        }
        if (_kept is null || _kept.Length < count)
        {
            _kept = new T[BitOperations.RoundUpToPowerOf2((uint)count)];
        }
        return _kept.AsSpan(0, count);
    }
}
