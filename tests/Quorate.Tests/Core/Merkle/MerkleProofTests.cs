using Quorate.Core;
using Quorate.Core.Merkle;
using Xunit;

namespace Quorate.Tests.Core.Merkle;

public sealed class MerkleProofTests
{
    const ulong Size = 21;

    readonly MerkleTree _tree = new();

    public MerkleProofTests()
    {
        for (var i = 0; i < (int)Size; i++)
        {
            _tree.Append(TreeHash.Leaf([(byte)i]));
        }
    }

    [Fact]
    public void VerifyInclusion_with_another_index_or_size_is_rejected()
    {
        for (var index = 0UL; index < Size; index++)
        {
            var proof = _tree.InclusionProof(index, Size);
            for (var other = 0UL; other <= Size + 1; other++)
            {
                var result = MerkleProof.VerifyInclusion(other, Size, _tree.Leaf(index), proof, _tree.Root(Size));
                Assert.Equal(other == index, result.IsVerified);
            }
        }
    }

    [Fact]
    public void VerifyInclusion_with_any_hash_missing_added_or_changed_is_rejected()
    {
        for (var index = 0UL; index < Size; index++)
        {
            var proof = _tree.InclusionProof(index, Size);
            foreach (var wrong in Damaged(proof))
            {
                Assert.False(MerkleProof.VerifyInclusion(index, Size, _tree.Leaf(index), wrong, _tree.Root(Size)).IsVerified);
            }
        }
    }

    [Fact]
    public void VerifyConsistency_with_any_hash_missing_added_or_changed_is_rejected()
    {
        for (var first = 1UL; first <= Size; first++)
        {
            var proof = _tree.ConsistencyProof(first, Size);
            foreach (var wrong in Damaged(proof))
            {
                Assert.False(MerkleProof.VerifyConsistency(first, Size, _tree.Root(first), _tree.Root(Size), wrong).IsVerified);
            }
        }
    }

    [Fact]
    public void VerifyConsistency_of_a_forked_tree_is_rejected()
    {
        var fork = new MerkleTree();
        for (var i = 0; i < (int)Size; i++)
        {
            fork.Append(TreeHash.Leaf([(byte)(i == 3 ? 99 : i)]));
        }
        for (var first = 1UL; first < Size; first++)
        {
            var proof = fork.ConsistencyProof(first, Size);
            var result = MerkleProof.VerifyConsistency(first, Size, _tree.Root(first), fork.Root(Size), proof);
            Assert.Equal(first <= 3, result.IsVerified);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 5)]
    [InlineData(6, 5)]
    [InlineData(ulong.MaxValue, 5)]
    public void VerifyConsistency_of_impossible_sizes_is_rejected(ulong first, ulong second)
    {
        var root = TreeHash.EmptyRoot;
        Assert.False(MerkleProof.VerifyConsistency(first, second, root, root, []).IsVerified);
    }

    [Fact]
    public void Verify_of_the_largest_sizes_is_a_rejection_and_not_an_overflow()
    {
        var root = TreeHash.EmptyRoot;
        Assert.False(MerkleProof.VerifyInclusion(ulong.MaxValue - 1, ulong.MaxValue, root, [root], root).IsVerified);
        Assert.False(MerkleProof.VerifyInclusion(0, ulong.MaxValue, root, [.. Enumerable.Repeat(root, 64)], root).IsVerified);
        Assert.False(MerkleProof.VerifyConsistency(1UL << 63, ulong.MaxValue, root, root, [root]).IsVerified);
        Assert.False(MerkleProof.VerifyConsistency(1, ulong.MaxValue, root, root, [.. Enumerable.Repeat(root, 64)]).IsVerified);
    }

    static IEnumerable<IReadOnlyList<Sha256Digest>> Damaged(IReadOnlyList<Sha256Digest> proof)
    {
        yield return [.. proof, Sha256Digest.Zero];
        yield return [Sha256Digest.Zero, .. proof];
        for (var i = 0; i < proof.Count; i++)
        {
            yield return [.. proof.Take(i), .. proof.Skip(i + 1)];
            yield return [.. proof.Take(i), TreeHash.Leaf(proof[i].AsSpan()), .. proof.Skip(i + 1)];
        }
    }
}
