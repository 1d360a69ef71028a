namespace Quorate.Log.Indexing;

/// <summary>
/// Ascending indexes of the later, different values of one key. One writer; readers get what was there when they asked, without locks. Grows by
/// doubling: a hostile log may consist of nothing but one key.
/// </summary>
sealed class LaterEntries
{
    volatile ArraySegment<ulong>[] _published;

    /// <param name="indexes">Ascending; used as it is.</param>
    internal LaterEntries(params ulong[] indexes) => _published = [new ArraySegment<ulong>(indexes)];

    internal ReadOnlySpan<ulong> AsSpan() => _published[0];

    internal void Add(ulong index)
    {
        var (array, count) = (_published[0].Array!, _published[0].Count);
        if (count == array.Length)
        {
            Array.Resize(ref array, Math.Max(1, 2 * count));
        }
        array[count] = index;
        _published = [new ArraySegment<ulong>(array, 0, count + 1)];
    }

    internal void TruncateTo(ulong size)
    {
        var kept = _published[0];
        while (kept.Count > 0 && kept[^1] >= size)
        {
            kept = kept[..^1];
        }
        // A copy: what follows must not overwrite what a reader still looks at.
        _published = [new ArraySegment<ulong>(kept.ToArray())];
    }
}
