using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Tests.Crypto.Notes;
using Xunit;

namespace Quorate.Tests.Log.Tiles;

public sealed class TlogProofTests
{
    const ulong Size = 1000;
    const ulong Index = 777;

    static readonly MerkleTree s_tree = Tree();
    static readonly NoteSigner s_signer = new("example.com/log", GoldenNote.Key);

    static TlogPolicy Policy => TlogPolicy.Parse(Encoding.UTF8.GetBytes($"log {s_signer.VerifierKey}\nquorum none\n"));

    [Fact]
    public void Verify_of_a_true_proof_accepts_it_after_a_round_trip()
    {
        var proof = TlogProof.Parse(Proof("extra"u8.ToArray()).ToBytes());
        Assert.Equal("extra"u8.ToArray(), proof.Extra!.Value.ToArray());
        Assert.Equal(Verification.Ok, proof.Verify(s_tree.Leaf(Index), Policy).Result);
    }

    [Fact]
    public void Verify_for_another_leaf_is_rejected() => Assert.False(Proof(null).Verify(s_tree.Leaf(Index + 1), Policy).Result.IsVerified);

    [Fact]
    public void Any_single_byte_change_is_refused_or_does_not_verify()
    {
        var bytes = Proof(null).ToBytes();
        Prop.ForAll(
                Gen.Choose(0, bytes.Length - 1).ToArbitrary(),
                Gen.Choose(1, 255).ToArbitrary(),
                (position, change) =>
                {
                    var changed = bytes.ToArray();
                    changed[position] ^= (byte)change;
                    return !TlogProof.TryParse(changed, out var proof, out _)
                        || !proof.Verify(s_tree.Leaf(Index), Policy).Result.IsVerified;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 0\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 00\n\na\n\n— n AAAAAAA=\n")]
    [InlineData("c2sp.org/tlog-proof@v2\nindex 0\n\na\n\n— n AAAAAAA=\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nextra AB==\nindex 0\n\na\n\n— n AAAAAAA=\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\na\n\n— n AAAAAAA=\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 0\n\na\n\n— n AAAAAAA=")]
    public void TryParse_of_a_malformed_file_is_refused(string text) =>
        Assert.False(TlogProof.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));

    [Fact]
    public void TryParse_takes_63_hashes_and_no_more()
    {
        string Text(int count) =>
            "c2sp.org/tlog-proof@v1\nindex 0\n"
            + string.Concat(Enumerable.Repeat(new string('A', 43) + "=\n", count))
            + "\na\n\n— n AAAAAAA=\n";
        Assert.True(TlogProof.TryParse(Encoding.UTF8.GetBytes(Text(63)), out _, out _));
        Assert.False(TlogProof.TryParse(Encoding.UTF8.GetBytes(Text(64)), out _, out _));
    }

    static TlogProof Proof(byte[]? extra)
    {
        var text = new Checkpoint("example.com/log", Size, s_tree.Root(Size)).ToText();
        return new TlogProof(
            extra is null ? default(ReadOnlyMemory<byte>?) : extra,
            Index,
            s_tree.InclusionProof(Index, Size),
            SignedNote.Create(text, [s_signer.Sign(text)])
        );
    }

    static MerkleTree Tree()
    {
        var tree = new MerkleTree();
        for (var i = 0; i < (int)Size; i++)
        {
            tree.Append(TreeHash.Leaf(BitConverter.GetBytes(i)));
        }
        return tree;
    }
}
