using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Core.Map;

/// <summary>
/// Leaves what is newer out of a version: keys, and later values of keys. Subtrees without any are shared with it; the blocks above them are new and lie in an arena of their own.
/// </summary>
/// <remarks>Safety: the caller is inside the version; edges that are written to lie in the overlay, which nobody else knows yet.</remarks>
readonly unsafe ref struct MapPruner
{
    readonly MapBlocks _blocks;
    readonly MapArena _overlay;
    readonly IMapLeaves _leaves;
    readonly ulong _treeSize;

    MapPruner(MapBlocks blocks, MapArena overlay, IMapLeaves leaves, ulong treeSize)
    {
        (_blocks, _overlay, _leaves, _treeSize) = (blocks with { Overlay = overlay }, overlay, leaves, treeSize);
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
            var pruner = new MapPruner(version.Blocks, overlay, leaves, treeSize);
            var newer = new Newer();
            pruner.Prune(root, ref newer);
            new MapHasher(pruner._blocks).HashChanged(root);
            return new HistoricMap(version, overlay, leaves, *root, version.Count - newer.Removed, Math.Min(treeSize, version.TreeSize))
            {
                NewerKeys = newer.Removed + newer.Changed,
            };
        }
        catch
        {
            overlay.Release();
            throw;
        }
    }

    /// <summary>Takes what is newer out of the subtree; a hash that is no longer true becomes zero.</summary>
    void Prune(MapEdge* edge, ref Newer newer)
    {
        if (edge->IsEmpty || edge->Newest < _treeSize)
        {
            return;
        }
        if (edge->IsLeaf)
        {
            PruneLeaf(edge, ref newer);
            return;
        }
        var number = _overlay.Allocate();
        var block = _overlay.At(number);
        *block = *_blocks.At(edge->Block);
        Prune(&block->Left, ref newer);
        Prune(&block->Right, ref newer);
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

    void PruneLeaf(MapEdge* edge, ref Newer newer)
    {
        if (_leaves.Before(edge->Newest, _treeSize) is not { } earlier)
        {
            *edge = default;
            newer.Removed++;
            return;
        }
        _leaves.Read(earlier, out var path, out var valueHash);
        // Nothing was kept of the earlier leaf to compare with but the path, and whoever looks it up compares the root that comes of it.
        if (earlier >= _treeSize || MapPath.Word(in path) != edge->PathWord)
        {
            throw new MapDamagedException($"entry {earlier} is not one of the key of entry {edge->Newest}");
        }
        *edge = MapEdge.Leaf(edge->PathWord, (uint)earlier);
        edge->Hash = Sha256Lanes.HashPair(TreeHash.LeafPrefix, in path, in valueHash);
        newer.Changed++;
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

    struct Newer
    {
        public int Removed;
        public int Changed;
    }
}
