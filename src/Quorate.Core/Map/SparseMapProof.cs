using System.Numerics;
using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Core.Map;

/// <summary>
/// Checks compact proofs of the sparse map as Celestia's <c>VerifyCompactProof</c> does, and no less strictly: a membership proof carries no
/// foreign leaf, an omitted placeholder is the only spelling of an empty sibling, and the leaf of a non-membership proof must lie where the
/// proof says (agree with the key's path on the proven bits), which every well-formed map guarantees.
/// </summary>
public static class SparseMapProof
{
    const int LeafDataLength = 1 + 2 * Sha256Digest.Size;

    /// <param name="key">The key itself, not its hash.</param>
    /// <param name="value">The <see cref="MapEntryJson"/> stored under the key; empty to check that the key is absent.</param>
    public static Verification Verify(MapProof proof, in Sha256Digest root, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (Shape(proof) is { } fault)
        {
            return Verification.Reject("malformed-proof", fault);
        }
        var path = ShortSha256.Hash(key);
        Sha256Digest hash;
        if (!value.IsEmpty)
        {
            if (proof.NonMembershipLeaf is not null)
            {
                return Verification.Reject("malformed-proof", "a proof of presence carries the leaf of another key");
            }
            hash = Sha256Lanes.HashPair(TreeHash.LeafPrefix, in path, ShortSha256.Hash(value));
        }
        else if (proof.NonMembershipLeaf is { } leaf)
        {
            var otherPath = new Sha256Digest(leaf.Span.Slice(1, Sha256Digest.Size));
            if (otherPath == path)
            {
                return Verification.Reject("key-present", "the proof of absence carries the leaf of the key itself");
            }
            if (MapPath.CommonBits(in path, in otherPath) < proof.NumSideNodes)
            {
                return Verification.Reject("misplaced-leaf", "the leaf of the proof of absence does not lie on the key's path");
            }
            hash = ShortSha256.Hash(leaf.Span);
        }
        else
        {
            hash = Sha256Digest.Zero;
        }

        var next = 0;
        var mask = proof.BitMask.Span;
        for (var i = 0; i < proof.NumSideNodes; i++)
        {
            var sibling = MaskBit(mask, i) ? Sha256Digest.Zero : proof.SideNodes[next++];
            hash = MapPath.Bit(in path, proof.NumSideNodes - 1 - i)
                ? TreeHash.Node(in sibling, in hash)
                : TreeHash.Node(in hash, in sibling);
        }
        return hash == root ? Verification.Ok : Verification.Reject("root-mismatch", "the map proof gives another root");
    }

    /// <summary>0x00 ‖ path ‖ value hash: what a leaf hashes.</summary>
    internal static byte[] LeafData(in Sha256Digest path, in Sha256Digest valueHash)
    {
        var data = new byte[LeafDataLength];
        path.CopyTo(data.AsSpan(1));
        valueHash.CopyTo(data.AsSpan(1 + Sha256Digest.Size));
        return data;
    }

    /// <summary>What is wrong with the proof's lengths, or null.</summary>
    static string? Shape(MapProof proof)
    {
        if (proof.NumSideNodes is < 0 or > SparseMap.MaxDepth)
        {
            return $"{proof.NumSideNodes} side nodes";
        }
        if (proof.BitMask.Length != (proof.NumSideNodes + 7) / 8)
        {
            return $"a mask of {proof.BitMask.Length} bytes for {proof.NumSideNodes} side nodes";
        }
        var mask = proof.BitMask.Span;
        var padding = 8 * mask.Length - proof.NumSideNodes;
        if (padding != 0 && (mask[^1] & ((1 << padding) - 1)) != 0)
        {
            return "padding bits of the mask are set";
        }
        var omitted = 0;
        foreach (var bits in mask)
        {
            omitted += BitOperations.PopCount(bits);
        }
        if (proof.SideNodes.Count != proof.NumSideNodes - omitted)
        {
            return $"{proof.SideNodes.Count} side nodes are given where the mask names {proof.NumSideNodes - omitted}";
        }
        for (var i = 0; i < proof.SideNodes.Count; i++)
        {
            if (proof.SideNodes[i] == Sha256Digest.Zero)
            {
                return "an empty side node is written out";
            }
        }
        // Both hash preimages have 65 bytes; the prefix keeps an inner node from posing as a leaf.
        return proof.NonMembershipLeaf is { } leaf && (leaf.Length != LeafDataLength || leaf.Span[0] != TreeHash.LeafPrefix)
            ? "the other key's leaf is not 65 bytes that begin with zero"
            : null;
    }

    static bool MaskBit(ReadOnlySpan<byte> mask, int bit) => (mask[bit / 8] & (0x80 >> (bit % 8))) != 0;
}
