namespace Quorate.Core.Map;

/// <summary>
/// Leaves newer keys out of a version. Subtrees without newer keys are shared with it; the blocks above them are new and lie in an arena of their own.
/// </summary>
/// <remarks>Safety: the caller is inside the version; edges that are written to lie in the overlay, which nobody else knows yet.</remarks>
readonly unsafe ref struct MapPruner
{
    readonly MapBlocks _blocks;
    readonly MapArena _overlay;
    readonly ulong _treeSize;

    MapPruner(MapBlocks blocks, MapArena overlay, ulong treeSize)
    {
        (_blocks, _overlay, _treeSize) = (blocks with { Overlay = overlay }, overlay, treeSize);
    }

    /// <param name="version">Entered by the caller; the result leaves it when it is disposed of.</param>
    internal static HistoricMap At(MapVersion version, IMapLeaves leaves, ulong treeSize)
    {
        if (version is HistoricMap)
        {
            throw new InvalidOperationException("the map of an earlier size is made from a published one");
        }
        var overlay = new MapArena();
        try
        {
            var root = &overlay.At(overlay.Allocate())->Left;
            *root = version.RootEdge;
            var pruner = new MapPruner(version.Blocks, overlay, treeSize);
            var removed = 0;
            pruner.Prune(root, ref removed);
            new MapHasher(pruner._blocks).HashChanged(root);
            return new HistoricMap(version, overlay, leaves, *root, version.Count - removed, Math.Min(treeSize, version.TreeSize));
        }
        catch
        {
            overlay.Release();
            throw;
        }
    }

    /// <summary>Takes newer keys out of the subtree; a hash that is no longer true becomes zero.</summary>
    void Prune(MapEdge* edge, ref int removed)
    {
        if (edge->IsEmpty || edge->Newest < _treeSize)
        {
            return;
        }
        if (edge->IsLeaf)
        {
            *edge = default;
            removed++;
            return;
        }
        var number = _overlay.Allocate();
        var block = _overlay.At(number);
        *block = *_blocks.At(edge->Block);
        Prune(&block->Left, ref removed);
        Prune(&block->Right, ref removed);
        var (hasLeft, hasRight) = (!block->Left.IsEmpty, !block->Right.IsEmpty);
        if (hasLeft != hasRight && TryFold(edge, hasRight ? block->Right : block->Left, hasRight))
        {
            _overlay.Free(number);
        }
        else if (!hasLeft && !hasRight)
        {
            *edge = default;
            _overlay.Free(number);
        }
        else
        {
            edge->SetBlock(number | MapBlocks.InOverlay);
            edge->SetNewest(Math.Max(block->Left.Newest, block->Right.Newest));
            edge->Hash = Sha256Digest.Zero;
        }
    }

    /// <summary>A leaf that is alone in its subtree moves up to stand for it; a block that is alone makes the run above it longer.</summary>
    static bool TryFold(MapEdge* edge, MapEdge alone, bool isRight)
    {
        if (alone.IsLeaf)
        {
            *edge = alone;
            return true;
        }
        var steps = edge->Steps;
        if (steps + 1 + alone.Steps > MapEdge.MaxSteps)
        {
            return false;
        }
        var window =
            (edge->StepBits | (isRight ? 1u : 0) << (MapEdge.MaxSteps - 1 - steps) | alone.StepBits >> (steps + 1))
            << (32 - MapEdge.MaxSteps);
        *edge = MapEdge.Inner(alone.Block, steps + 1 + alone.Steps, window, alone.Newest);
        return true;
    }
}
