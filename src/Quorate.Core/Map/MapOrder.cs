namespace Quorate.Core.Map;

/// <summary>Sorts a batch by path.</summary>
static class MapOrder
{
    /// <summary>The first words of the paths in order, and the positions in the batch that they came from.</summary>
    /// <exception cref="ArgumentException">A path occurs twice.</exception>
    public static (ulong[] Words, int[] Order) Sort(ReadOnlySpan<MapInsertion> batch)
    {
        // Paths are hashes, so their first eight bytes nearly always decide, and words sort far faster than structures.
        var words = new ulong[batch.Length];
        var order = new int[batch.Length];
        for (var i = 0; i < batch.Length; i++)
        {
            words[i] = MapPath.Word(in batch[i].PathField);
            order[i] = i;
        }
        Array.Sort(words, order);
        for (var start = 0; start < words.Length; )
        {
            var end = start + 1;
            while (end < words.Length && words[end] == words[start])
            {
                end++;
            }
            if (end - start > 1)
            {
                SortRun(batch, order.AsSpan(start, end - start));
            }
            start = end;
        }
        return (words, order);
    }

    static void SortRun(ReadOnlySpan<MapInsertion> batch, Span<int> run)
    {
        var paths = new Sha256Digest[run.Length];
        for (var i = 0; i < run.Length; i++)
        {
            paths[i] = batch[run[i]].Path;
        }
        paths.AsSpan().Sort(run);
        for (var i = 1; i < paths.Length; i++)
        {
            if (paths[i] == paths[i - 1])
            {
                throw new ArgumentException($"the path {paths[i]} occurs twice in the batch", nameof(batch));
            }
        }
    }
}
