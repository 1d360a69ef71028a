using System.Runtime.CompilerServices;
using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Core.Map;

/// <summary>Goes down one version of the map towards a path.</summary>
/// <remarks>Safety: whoever makes a walk is the writer, or a reader that has entered the version, so that its blocks stay as they are.</remarks>
readonly unsafe ref struct MapWalk(MapEdge root, MapBlocks blocks, IMapLeaves leaves)
{
    public bool TryFind(in Sha256Digest path, out ulong index)
    {
        index = 0;
        var start = root;
        var edge = &start;
        for (var depth = 0; edge->IsInner; depth++)
        {
            depth += edge->Steps;
            var block = blocks.At(edge->Block);
            edge = MapPath.Bit(in path, depth) ? &block->Right : &block->Left;
        }
        // The steps were not compared on the way: the leaf's path tells.
        if (!edge->IsLeaf || edge->PathWord != MapPath.Word(in path))
        {
            return false;
        }
        ReadLeaf(leaves, in *edge, out var found, out _);
        if (found != path)
        {
            return false;
        }
        index = edge->Newest;
        return true;
    }

    /// <param name="index">The log index stored under the path; null when it is absent.</param>
    [SkipLocalsInit]
    public MapProof Prove(in Sha256Digest path, out ulong? index)
    {
        Span<Sha256Digest> siblings = stackalloc Sha256Digest[SparseMap.MaxDepth];
        var start = root;
        var edge = &start;
        var depth = 0;
        index = null;
        while (edge->IsInner)
        {
            var taken = edge->StepsTaken(MapPath.Window(in path, depth));
            siblings.Slice(depth, taken).Clear();
            depth += taken;
            if (taken < edge->Steps)
            {
                // The path leaves a one-sided run: its own side is empty, and the rest of the run is the last sibling.
                siblings[depth++] = HashBelow(edge, taken + 1);
                return Proof(siblings[..depth], null);
            }
            var block = blocks.At(edge->Block);
            var right = MapPath.Bit(in path, depth);
            siblings[depth++] = right ? block->Left.Hash : block->Right.Hash;
            edge = right ? &block->Right : &block->Left;
        }
        if (edge->IsEmpty)
        {
            return Proof(siblings[..depth], null);
        }
        ReadLeaf(leaves, in *edge, out var found, out var valueHash);
        if (found == path)
        {
            index = edge->Newest;
            return Proof(siblings[..depth], null);
        }
        return Proof(siblings[..depth], SparseMapProof.LeafData(in found, in valueHash));
    }

    /// <summary>What the leaf stands for, from the log.</summary>
    /// <exception cref="MapDamagedException">The log does not give what the leaf hashes.</exception>
    public static void ReadLeaf(IMapLeaves leaves, in MapEdge leaf, out Sha256Digest path, out Sha256Digest valueHash)
    {
        leaves.Read(leaf.Newest, out path, out valueHash);
        if (MapPath.Word(in path) != leaf.PathWord || Sha256Lanes.HashPair(TreeHash.LeafPrefix, in path, in valueHash) != leaf.Hash)
        {
            throw new MapDamagedException($"entry {leaf.Newest} is not the one that the map holds under this index");
        }
    }

    /// <summary>The hash of the subtree <paramref name="count"/> steps below the edge's top.</summary>
    Sha256Digest HashBelow(MapEdge* edge, int count)
    {
        var block = blocks.At(edge->Block);
        var hash = TreeHash.Node(in block->Left.Hash, in block->Right.Hash);
        var empty = Sha256Digest.Zero;
        for (var step = edge->Steps - 1; step >= count; step--)
        {
            hash = edge->StepsRight(step) ? TreeHash.Node(in empty, in hash) : TreeHash.Node(in hash, in empty);
        }
        return hash;
    }

    /// <param name="siblings">From the top; zero where the sibling is empty.</param>
    static MapProof Proof(ReadOnlySpan<Sha256Digest> siblings, byte[]? otherLeaf)
    {
        var bitMask = new byte[(siblings.Length + 7) / 8];
        var given = 0;
        foreach (ref readonly var sibling in siblings)
        {
            given += sibling == Sha256Digest.Zero ? 0 : 1;
        }
        var sideNodes = new Sha256Digest[given];
        for (int i = 0, next = 0; i < siblings.Length; i++)
        {
            // From the leaf upward; an empty sibling is a bit of the mask.
            ref readonly var sibling = ref siblings[siblings.Length - 1 - i];
            if (sibling == Sha256Digest.Zero)
            {
                bitMask[i / 8] |= (byte)(0x80 >> (i % 8));
            }
            else
            {
                sideNodes[next++] = sibling;
            }
        }
        // The explicit type matters: a null array would become an empty leaf, which is not the same as none.
        return new MapProof(sideNodes, otherLeaf is null ? (ReadOnlyMemory<byte>?)null : otherLeaf, bitMask, siblings.Length);
    }
}
