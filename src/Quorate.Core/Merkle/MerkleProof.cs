using System.Numerics;

namespace Quorate.Core.Merkle;

/// <summary>Checks of RFC 6962 proofs by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2. A proof has exactly one right length.</summary>
public static class MerkleProof
{
    /// <summary>Whether leaf <paramref name="index"/> of the tree of <paramref name="size"/> leaves with that root is <paramref name="leafHash"/>.</summary>
    public static Verification VerifyInclusion(
        ulong index,
        ulong size,
        in Sha256Digest leafHash,
        IReadOnlyList<Sha256Digest> proof,
        in Sha256Digest root
    )
    {
        if (index >= size)
        {
            return Verification.Reject("out-of-range", $"leaf {index} is not in a tree of {size}");
        }
        var (inner, border) = Lengths(index, size);
        if (proof.Count != inner + border)
        {
            return WrongLength(inner + border, proof.Count);
        }
        var hash = ChainInner(leafHash, proof, 0, inner, index);
        hash = ChainBorder(hash, proof, inner);
        return hash == root ? Verification.Ok : Verification.Reject("root-mismatch", $"the proof of leaf {index} gives another root");
    }

    /// <summary>
    /// Whether the tree of <paramref name="second"/> leaves extends the tree of <paramref name="first"/>. Nothing can be proved of an empty
    /// tree: <paramref name="first"/> = 0 is rejected.
    /// </summary>
    public static Verification VerifyConsistency(
        ulong first,
        ulong second,
        in Sha256Digest firstRoot,
        in Sha256Digest secondRoot,
        IReadOnlyList<Sha256Digest> proof
    )
    {
        if (first == 0 || first > second)
        {
            return Verification.Reject("out-of-range", $"no proof leads from a tree of {first} to a tree of {second}");
        }
        if (first == second)
        {
            return proof.Count != 0 ? WrongLength(0, proof.Count)
                : firstRoot == secondRoot ? Verification.Ok
                : Verification.Reject("root-mismatch", $"two different roots for size {first}");
        }
        var (inner, border) = Lengths(first - 1, second);
        var shift = BitOperations.TrailingZeroCount(first);
        inner -= shift;
        // The proof starts at the last complete subtree of the old tree; that is the old root itself when first is a power of two.
        var start = BitOperations.IsPow2(first) ? 0 : 1;
        if (proof.Count != start + inner + border)
        {
            return WrongLength(start + inner + border, proof.Count);
        }
        var seed = start == 0 ? firstRoot : proof[0];
        var mask = (first - 1) >> shift;

        var old = ChainInnerRight(seed, proof, start, inner, mask);
        old = ChainBorder(old, proof, start + inner);
        if (old != firstRoot)
        {
            return Verification.Reject("root-mismatch", $"the proof does not contain the tree of {first}");
        }
        var extended = ChainInner(seed, proof, start, inner, mask);
        extended = ChainBorder(extended, proof, start + inner);
        return extended == secondRoot
            ? Verification.Ok
            : Verification.Reject("root-mismatch", $"the proof does not lead to the tree of {second}");
    }

    /// <summary>Siblings below and above the level where the path of a leaf joins the right border of the tree.</summary>
    static (int Inner, int Border) Lengths(ulong index, ulong size)
    {
        var inner = 64 - BitOperations.LeadingZeroCount(index ^ (size - 1));
        return (inner, inner == 64 ? 0 : BitOperations.PopCount(index >> inner));
    }

    static Sha256Digest ChainInner(Sha256Digest hash, IReadOnlyList<Sha256Digest> proof, int start, int count, ulong index)
    {
        for (var i = 0; i < count; i++)
        {
            hash = (index >> i & 1) == 0 ? TreeHash.Node(hash, proof[start + i]) : TreeHash.Node(proof[start + i], hash);
        }
        return hash;
    }

    static Sha256Digest ChainInnerRight(Sha256Digest hash, IReadOnlyList<Sha256Digest> proof, int start, int count, ulong index)
    {
        for (var i = 0; i < count; i++)
        {
            if ((index >> i & 1) == 1)
            {
                hash = TreeHash.Node(proof[start + i], hash);
            }
        }
        return hash;
    }

    static Sha256Digest ChainBorder(Sha256Digest hash, IReadOnlyList<Sha256Digest> proof, int start)
    {
        for (var i = start; i < proof.Count; i++)
        {
            hash = TreeHash.Node(proof[i], hash);
        }
        return hash;
    }

    static Verification WrongLength(int expected, int actual) =>
        Verification.Reject("proof-length", $"the proof has {actual} hashes where {expected} belong");
}
