using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Quorate.Core.Map;

/// <summary>
/// Looks many paths up at once. A map is larger than the processor's caches, so every step down waits for memory: here one path's wait is another one's
/// step. The blocks on the way are in the cache afterwards, which an insertion makes use of.
/// </summary>
/// <remarks>Safety: as for <see cref="MapWalk"/>. Prefetching an address does not access it.</remarks>
readonly unsafe ref struct MapSearch(MapEdge* root, MapBlocks blocks, IMapLeaves leaves)
{
    const int Lanes = 12;

    /// <param name="found">For each path the log index stored under it, or <see cref="SparseMap.Absent"/>.</param>
    [SkipLocalsInit]
    public void Find(ReadOnlySpan<Sha256Digest> paths, Span<ulong> found)
    {
        var lanes = stackalloc Lane[Lanes];
        var active = Math.Min(Lanes, paths.Length);
        for (var i = 0; i < active; i++)
        {
            lanes[i] = new Lane(root, i);
        }
        for (var next = active; active > 0; )
        {
            for (var i = 0; i < active; i++)
            {
                var lane = lanes + i;
                ref readonly var path = ref paths[lane->Item];
                if (lane->Edge->IsInner)
                {
                    Step(lane, in path);
                    continue;
                }
                found[lane->Item] = End(lane->Edge, in path);
                if (next < paths.Length)
                {
                    *lane = new Lane(root, next++);
                }
                else
                {
                    *lane = lanes[--active];
                    i--;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Step(Lane* lane, in Sha256Digest path)
    {
        var depth = lane->Depth + lane->Edge->Steps;
        var block = blocks.At(lane->Edge->Block);
        if (Sse.IsSupported)
        {
            // A block lies in two or three lines of 64 bytes.
            Sse.Prefetch0(block);
            Sse.Prefetch0((byte*)block + MapBlock.Size / 2);
            Sse.Prefetch0((byte*)block + MapBlock.Size - 1);
        }
        lane->Edge = MapPath.Bit(in path, depth) ? &block->Right : &block->Left;
        lane->Depth = depth + 1;
    }

    ulong End(MapEdge* edge, in Sha256Digest path)
    {
        // Steps were not compared on the way: the leaf's path tells.
        if (!edge->IsLeaf || edge->PathWord != MapPath.Word(in path))
        {
            return SparseMap.Absent;
        }
        MapWalk.ReadLeaf(leaves, in *edge, out var leaf, out _);
        return leaf == path ? edge->Newest : SparseMap.Absent;
    }

    struct Lane(MapEdge* edge, int item)
    {
        public MapEdge* Edge = edge;
        public readonly int Item = item;
        public int Depth;
    }
}
