namespace Quorate.Core.Map;

/// <summary>A batch in order of path.</summary>
readonly ref struct MapOrder
{
    /// <summary>The first words of the paths, ascending.</summary>
    public readonly ReadOnlySpan<ulong> Words;

    /// <summary>Where in the batch each of them is.</summary>
    public readonly ReadOnlySpan<int> Positions;

    /// <summary>A path occurs more than once.</summary>
    public readonly bool HasDuplicates;

    public MapOrder(ReadOnlySpan<MapInsertion> batch)
    {
        // Paths are hashes, so their first eight bytes nearly always decide, and words sort far faster than structures.
        var words = new ulong[batch.Length];
        var positions = new int[batch.Length];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = MapPath.Word(in batch[i].PathField);
            positions[i] = i;
        }
        Array.Sort(words, positions);
        for (var start = 0; start < words.Length; )
        {
            var end = start + 1;
            while (end < words.Length && words[end] == words[start])
            {
                end++;
            }
            if (end - start > 1)
            {
                HasDuplicates |= SortRun(batch, positions.AsSpan(start, end - start));
            }
            start = end;
        }
        Words = words;
        Positions = positions;
    }

    static bool SortRun(ReadOnlySpan<MapInsertion> batch, Span<int> run)
    {
        var paths = new Sha256Digest[run.Length];
        for (var i = 0; i < run.Length; i++)
        {
            paths[i] = batch[run[i]].PathField;
        }
        paths.AsSpan().Sort(run);
        var hasDuplicates = false;
        for (var i = 1; i < paths.Length; i++)
        {
            hasDuplicates |= paths[i] == paths[i - 1];
        }
        return hasDuplicates;
    }
}
