using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class SparseMapProofTests : IDisposable
{
    readonly SparseMap _map = SparseMap.Build(SparseMapTests.Keys(0, 500));

    [Fact]
    public void Verify_of_every_present_key_succeeds_with_its_value_only()
    {
        for (var i = 0; i < 500; i++)
        {
            var proof = _map.Prove(PathOf(i));
            Assert.True(SparseMapProof.Verify(proof, _map.Root(), Key(i), Value(i)).IsVerified);
            Assert.False(SparseMapProof.Verify(proof, _map.Root(), Key(i), Value(i + 1)).IsVerified);
            Assert.False(SparseMapProof.Verify(proof, _map.Root(), Key(i), []).IsVerified);
            Assert.False(SparseMapProof.Verify(proof, _map.Root(), Key(i + 1), Value(i)).IsVerified);
        }
    }

    [Fact]
    public void Verify_of_absent_keys_succeeds_as_absence_only()
    {
        for (var i = 500; i < 1000; i++)
        {
            var proof = _map.Prove(PathOf(i));
            Assert.True(SparseMapProof.Verify(proof, _map.Root(), Key(i), []).IsVerified);
            Assert.False(SparseMapProof.Verify(proof, _map.Root(), Key(i), Value(i)).IsVerified);
        }
    }

    [Fact]
    public void Verify_of_absence_with_the_keys_own_leaf_is_rejected()
    {
        var leaf = new byte[65];
        PathOf(1).CopyTo(leaf.AsSpan(1));
        Sha256Digest.HashData(Value(1)).CopyTo(leaf.AsSpan(33));
        var forged = _map.Prove(PathOf(1)) with { NonMembershipLeaf = leaf };
        AssertRejected("key-present", forged, Key(1), []);
    }

    [Fact]
    public void Verify_of_absence_with_a_leaf_from_elsewhere_is_rejected()
    {
        var proof = _map.Prove(PathOf(1));
        var leaf = new byte[65];
        var elsewhere = PathOf(1).ToArray();
        elsewhere[0] ^= 0x80;
        elsewhere.CopyTo(leaf.AsSpan(1));
        AssertRejected("misplaced-leaf", proof with { NonMembershipLeaf = leaf }, Key(1), []);
    }

    [Fact]
    public void Verify_of_absence_with_an_inner_node_as_leaf_is_rejected()
    {
        var proof = _map.Prove(PathOf(1));
        AssertRejected("malformed-proof", proof with { NonMembershipLeaf = (byte[])[1, .. new byte[64]] }, Key(1), []);
    }

    [Fact]
    public void Verify_of_damaged_proofs_is_rejected()
    {
        var proof = _map.Prove(PathOf(7));
        AssertRejected("malformed-proof", proof with { NumSideNodes = proof.NumSideNodes + 1 }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { NumSideNodes = -1 }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { NumSideNodes = 257 }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { BitMask = (byte[])[.. proof.BitMask.Span, 0] }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { SideNodes = [.. proof.SideNodes, TreeHash.EmptyRoot] }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { SideNodes = [.. proof.SideNodes.Skip(1)] }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { NonMembershipLeaf = new byte[65] }, Key(7), Value(7));
        AssertRejected("malformed-proof", proof with { NonMembershipLeaf = Array.Empty<byte>() }, Key(7), []);
        AssertRejected("root-mismatch", proof with { SideNodes = [.. proof.SideNodes.Reverse()] }, Key(7), Value(7));
        Assert.False(SparseMapProof.Verify(proof, TreeHash.EmptyRoot, Key(7), Value(7)).IsVerified);
    }

    [Fact]
    public void Verify_with_padding_bits_set_is_rejected()
    {
        var proof = Enumerable
            .Range(0, 500)
            .Select(i => (Number: i, Proof: _map.Prove(PathOf(i))))
            .First(p => p.Proof.NumSideNodes % 8 != 0);
        var mask = proof.Proof.BitMask.ToArray();
        mask[^1] |= 1;
        AssertRejected("malformed-proof", proof.Proof with { BitMask = mask }, Key(proof.Number), Value(proof.Number));
    }

    [Fact]
    public void Verify_with_a_written_out_placeholder_is_rejected()
    {
        // Two keys whose paths share their first bit leave the other half of the map empty.
        var first = SparseMapTests.Keys(0, 1)[0];
        var second = SparseMapTests.Keys(1, 50).First(key => (key.Path.AsSpan()[0] ^ first.Path.AsSpan()[0]) < 0x80);
        using var map = SparseMap.Build([first, second]);
        var proof = map.Prove(first.Path);
        Assert.True(SparseMapProof.Verify(proof, map.Root(), Key(0), Value(0)).IsVerified);
        var expanded = proof with
        {
            BitMask = new byte[proof.BitMask.Length],
            SideNodes = [.. proof.SideNodes, .. Enumerable.Repeat(Sha256Digest.Zero, proof.NumSideNodes - 1)],
        };
        Assert.Equal("malformed-proof", Code(SparseMapProof.Verify(expanded, map.Root(), Key(0), Value(0))));
    }

    public void Dispose() => _map.Dispose();

    void AssertRejected(string code, MapProof proof, byte[] key, byte[] value) =>
        Assert.Equal(code, Code(SparseMapProof.Verify(proof, _map.Root(), key, value)));

    static string Code(Verification verification) => Assert.IsType<Verification.Rejected>(verification).Code;

    static byte[] Key(int i) => Encoding.ASCII.GetBytes($"k{i}");

    static Sha256Digest PathOf(int i) => Sha256Digest.HashData(Key(i));

    static byte[] Value(int i) => MapEntryJson.Write(Sha256Digest.HashData(BitConverter.GetBytes(i)), (ulong)i);
}
