using System.Numerics;

namespace Quorate.Core.Map;

public sealed unsafe partial class SparseMap
{
    /// <summary>
    /// Adds one batch to the staged trie. The batch is sorted by path, so that every subtree gets a run of it and is visited once. Recursion is at
    /// most <see cref="MaxDepth"/> deep.
    /// </summary>
    /// <remarks>
    /// Safety: every edge that is written to is the staged root or lies in a block that staging took, which no reader knows. Blocks do not move,
    /// so edges stay valid while others are allocated.
    /// </remarks>
    readonly ref struct MapInserter
    {
        readonly SparseMap _map;
        readonly MapArena _arena;
        readonly ReadOnlySpan<MapInsertion> _batch;
        readonly ReadOnlySpan<ulong> _words;
        readonly ReadOnlySpan<int> _order;
        readonly ulong _firstStaged;
        readonly MapHasher? _hasher;
        readonly bool _replaces;

        /// <param name="hasher">Takes note of changed edges; null when others were changed before and not hashed yet.</param>
        /// <param name="replaces">Whether paths may be in the map already.</param>
        internal MapInserter(SparseMap map, ReadOnlySpan<MapInsertion> batch, MapOrder order, MapHasher? hasher, bool replaces)
        {
            (_hasher, _replaces) = (hasher, replaces);
            _map = map;
            _arena = map._arena;
            _batch = batch;
            _words = order.Words;
            _order = order.Positions;
            _firstStaged = map.FirstStaged;
        }

        internal void Run() => Insert(_map.Root, 0, 0, _batch.Length);

        /// <summary>Adds the run of the sorted batch, all of it below the edge, whose topmost node has that depth.</summary>
        void Insert(MapEdge* edge, int depth, int start, int end)
        {
            if (edge->IsInner)
            {
                var taken = Math.Min(
                    edge->StepsTaken(MapPath.Window(in Path(start), depth)),
                    edge->StepsTaken(MapPath.Window(in Path(end - 1), depth))
                );
                if (taken < edge->Steps)
                {
                    SplitSteps(edge, depth, taken, start, end);
                    return;
                }
                if (edge->Newest < _firstStaged)
                {
                    CopyBlock(edge);
                }
                Fill(edge, depth, start, end);
            }
            else if (edge->IsLeaf)
            {
                SplitLeaf(edge, depth, start, end);
            }
            else if (end - start == 1)
            {
                SetLeaf(edge, start);
            }
            else
            {
                *edge = NewBranching(depth, Common(start, end), start);
                Fill(edge, depth, start, end);
            }
        }

        void SetLeaf(MapEdge* edge, int position)
        {
            ref readonly var only = ref _batch[_order[position]];
            *edge = MapEdge.Leaf(_words[position], (uint)only.Index);
            _map._hasher.AddLeaf(edge, in only.PathField, in only.ValueHashField);
        }

        /// <summary>Divides the run between the two sides of the edge's block, which staging took.</summary>
        void Fill(MapEdge* edge, int depth, int start, int end)
        {
            var below = depth + edge->Steps + 1;
            var middle = FirstOnTheRight(start, end, below - 1);
            var block = _arena.At(edge->Block);
            if (middle > start)
            {
                Insert(&block->Left, below, start, middle);
            }
            if (middle < end)
            {
                Insert(&block->Right, below, middle, end);
            }
            edge->SetNewest(Math.Max(block->Left.Newest, block->Right.Newest));
            edge->Hash = Sha256Digest.Zero;
            _hasher?.Add(edge, depth);
        }

        /// <summary>Some of the run leave the edge's steps after the first <paramref name="taken"/>: a branching comes in there.</summary>
        void SplitSteps(MapEdge* edge, int depth, int taken, int start, int end)
        {
            var old = *edge;
            *edge = NewBranching(depth, depth + taken, start);
            var block = _arena.At(edge->Block);
            var isRight = old.StepsRight(taken);
            var moved = isRight ? &block->Right : &block->Left;
            *moved = old.Below(taken + 1);
            var middle = FirstOnTheRight(start, end, depth + taken);
            if (isRight ? middle == end : middle == start)
            {
                // Nothing is inserted there, but the hash was that of the nodes above, too.
                _hasher?.Add(moved, depth + taken + 1);
            }
            Fill(edge, depth, start, end);
        }

        void SplitLeaf(MapEdge* edge, int depth, int start, int end)
        {
            var leaf = *edge;
            var common = Math.Min(BitOperations.LeadingZeroCount(leaf.PathWord ^ _words[start]), Common(start, end));
            bool isRight;
            if (common < 64)
            {
                var branching = Math.Min(common, depth + MapEdge.MaxSteps);
                isRight = (leaf.PathWord >> (63 - branching) & 1) != 0;
            }
            else
            {
                // The leaf knows 64 bits of its path only; a builder can make two keys that share them.
                MapWalk.ReadLeaf(_map._leaves, in leaf, out var path, out _);
                common = Math.Min(MapPath.CommonBits(in path, in Path(start)), Common(start, end));
                if (common == MaxDepth)
                {
                    if (!_replaces)
                    {
                        throw new ArgumentException($"the path {path} is in the map already");
                    }
                    SetLeaf(edge, start);
                    _map._replaced++;
                    return;
                }
                isRight = MapPath.Bit(in path, Math.Min(common, depth + MapEdge.MaxSteps));
            }
            if (common < depth)
            {
                throw new MapDamagedException($"the leaf of entry {leaf.Newest} is not where its path leads");
            }
            *edge = NewBranching(depth, common, start);
            var block = _arena.At(edge->Block);
            *(isRight ? &block->Right : &block->Left) = leaf;
            Fill(edge, depth, start, end);
        }

        /// <summary>An edge to a new block with two empty sides, at a depth or as far down towards it as steps reach.</summary>
        MapEdge NewBranching(int depth, int branching, int start)
        {
            var block = Take();
            _map._stagedBlocks++;
            *_arena.At(block) = default;
            return MapEdge.Inner(block, Math.Min(branching - depth, MapEdge.MaxSteps), MapPath.Window(in Path(start), depth), 0);
        }

        void CopyBlock(MapEdge* edge)
        {
            var copy = Take();
            *_arena.At(copy) = *_arena.At(edge->Block);
            _map._retired.Add(new RetiredBlock(edge->Block, edge->Newest));
            edge->SetBlock(copy);
        }

        uint Take()
        {
            var block = _arena.Allocate();
            _map._taken.Add(block);
            return block;
        }

        /// <summary>Leading bits that the whole run shares; 256 for a run of one.</summary>
        int Common(int start, int end)
        {
            var common = BitOperations.LeadingZeroCount(_words[start] ^ _words[end - 1]);
            return common < 64 ? common : MapPath.CommonBits(in Path(start), in Path(end - 1));
        }

        /// <summary>Position of the first path in the run that has the bit set; all of them agree on the bits before.</summary>
        int FirstOnTheRight(int start, int end, int depth)
        {
            while (start < end)
            {
                var middle = (start + end) >>> 1;
                var isRight = depth < 64 ? (_words[middle] >> (63 - depth) & 1) != 0 : MapPath.Bit(in Path(middle), depth);
                (start, end) = isRight ? (start, middle) : (middle + 1, end);
            }
            return start;
        }

        ref readonly Sha256Digest Path(int position) => ref _batch[_order[position]].PathField;
    }
}
