using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Core.Merkle;

namespace Quorate.Fuzz.Targets;

/// <summary>
/// Mutated tree proofs never verify anything but the truth. Input: index or first size (8 bytes, little-endian), size (8), hashes (32 each).
/// </summary>
sealed class MerkleProofTarget : IFuzzTarget
{
    const int Leaves = 37;

    static readonly MerkleTree s_tree = Build();

    public string Name => "merkle-proof";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            for (var i = 0UL; i < Leaves; i++)
            {
                yield return Serialize(i, s_tree.InclusionProof(i, Leaves));
                yield return Serialize(i, s_tree.ConsistencyProof(i, Leaves));
            }
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.Length < 16)
        {
            return;
        }
        var first = BinaryPrimitives.ReadUInt64LittleEndian(input);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(input[8..]);
        var proof = new List<Sha256Digest>();
        for (var rest = input[16..]; rest.Length >= Sha256Digest.Size; rest = rest[Sha256Digest.Size..])
        {
            proof.Add(new Sha256Digest(rest[..Sha256Digest.Size]));
        }
        var root = s_tree.Root(Leaves);
        for (var leaf = 0UL; leaf < Leaves; leaf += 5)
        {
            var verified = MerkleProof.VerifyInclusion(first, size, s_tree.Leaf(leaf), proof, root).IsVerified;
            // A smaller claimed size can share a leaf's path, but the leaf must be where the proof says for the true size.
            FuzzException.ThrowUnless(!verified || size != Leaves || first == leaf, "a leaf was proved at a wrong index");
        }
        var old = first is > 0 and <= Leaves ? s_tree.Root(first) : TreeHash.EmptyRoot;
        var consistent = MerkleProof.VerifyConsistency(first, size, old, root, proof).IsVerified;
        FuzzException.ThrowUnless(!consistent || first is > 0 and <= Leaves, "an unknown tree was proved to be extended");
    }

    static byte[] Serialize(ulong first, IReadOnlyList<Sha256Digest> proof)
    {
        var bytes = new byte[16 + Sha256Digest.Size * proof.Count];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, first);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), Leaves);
        for (var i = 0; i < proof.Count; i++)
        {
            proof[i].CopyTo(bytes.AsSpan(16 + Sha256Digest.Size * i));
        }
        return bytes;
    }

    static MerkleTree Build()
    {
        var tree = new MerkleTree();
        for (var i = 0; i < Leaves; i++)
        {
            tree.Append(TreeHash.Leaf([(byte)i]));
        }
        return tree;
    }
}
