namespace Quorate.Core.Map;

/// <summary>A block that a newer version replaced.</summary>
/// <param name="Newest">Its newest index, which tells the oldest version that has the block.</param>
readonly record struct RetiredBlock(uint Number, uint Newest);

/// <summary>
/// The open versions of a map, oldest first, and the replaced blocks that they still need: a block is free as soon as no open version has it. One writer;
/// <see cref="Find"/> is for anyone.
/// </summary>
sealed class MapVersions(MapArena arena, long budget)
{
    /// <summary>Versions that are kept open however little they hold back.</summary>
    const int MaxOpen = 256;

    // Each with the blocks that are in the version before it, but not in it.
    readonly List<(MapVersion Version, List<RetiredBlock> Gone)> _open = [];
    readonly Stack<List<RetiredBlock>> _lists = [];

    // A copy for readers, replaced whole.
    volatile MapVersion[] _shown = [];

    /// <summary>Replaced blocks that are not free.</summary>
    public long RetiredBlocks { get; private set; }

    public List<RetiredBlock> NewList() => _lists.TryPop(out var list) ? list : [];

    /// <param name="replaced">What the version before had and this one has not; the list changes hands.</param>
    public void Add(MapVersion version, List<RetiredBlock> replaced)
    {
        _open.Add((version, replaced));
        RetiredBlocks += replaced.Count;
        _shown = [.. _open.Select(o => o.Version)];
    }

    /// <summary>Closes versions, oldest first, until the rest holds back no more than the budget. The newest stays, and those with readers in them.</summary>
    public void Trim()
    {
        var closed = false;
        for (var i = 0; i < _open.Count - 1 && (RetiredBlocks * MapBlock.Size > budget || _open.Count > MaxOpen); )
        {
            if (_open[i].Version.TryClose())
            {
                Remove(i);
                closed = true;
            }
            else
            {
                i++;
            }
        }
        if (closed)
        {
            _shown = [.. _open.Select(o => o.Version)];
        }
    }

    public MapVersion? Find(ulong treeSize)
    {
        var shown = _shown;
        var (low, high) = (0, shown.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (shown[middle].TreeSize == treeSize)
            {
                return shown[middle];
            }
            (low, high) = shown[middle].TreeSize < treeSize ? (middle + 1, high) : (low, middle - 1);
        }
        return null;
    }

    public void CloseAll()
    {
        arena.Close();
        foreach (var (version, _) in _open)
        {
            arena.Hold();
            version.Close();
        }
        _open.Clear();
        _shown = [];
    }

    void Remove(int position)
    {
        var gone = _open[position].Gone;
        var (next, later) = _open[position + 1];
        // What the next version replaced stays only if the version before has it, too.
        var before = position == 0 ? default : _open[position - 1].Version.RootEdge;
        foreach (var block in later)
        {
            if (before.IsEmpty || block.Newest > before.Newest)
            {
                arena.Free(block.Number);
                RetiredBlocks--;
            }
            else
            {
                gone.Add(block);
            }
        }
        later.Clear();
        _lists.Push(later);
        _open[position + 1] = (next, gone);
        _open.RemoveAt(position);
    }
}
