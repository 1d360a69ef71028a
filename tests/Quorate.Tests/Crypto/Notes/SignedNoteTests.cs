using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Xunit;

namespace Quorate.Tests.Crypto.Notes;

public sealed class SignedNoteTests
{
    [Fact]
    public void Sign_and_Cosign_give_the_golden_checkpoint()
    {
        NoteSignature[] signatures =
        [
            new NoteSigner("example.com/golden", GoldenNote.Key).Sign(GoldenNote.Text),
            new NoteCosigner("witness.example/w", GoldenNote.Key).Cosign(GoldenNote.Text, GoldenNote.Time),
        ];
        Assert.Equal(GoldenNote.Bytes, SignedNote.Create(GoldenNote.Text, signatures).Bytes.ToArray());
    }

    [Fact]
    public void Check_of_the_golden_checkpoint_verifies_both_signatures()
    {
        var check = NoteCheck.Of(SignedNote.Parse(GoldenNote.Bytes), [GoldenNote.Log, GoldenNote.Witness]);
        Assert.Equal(Verification.Ok, check.Result);
        Assert.Equal([null, GoldenNote.Time], check.Signatures.Select(s => s.Time));
    }

    [Fact]
    public void Check_passes_over_unknown_keys()
    {
        var check = NoteCheck.Of(SignedNote.Parse(GoldenNote.Bytes), [GoldenNote.Witness]);
        Assert.Equal(GoldenNote.Witness, Assert.Single(check.Signatures).Key);
    }

    [Fact]
    public void Check_without_a_known_signature_is_rejected()
    {
        using var other = Ed25519PrivateKey.Generate();
        var check = NoteCheck.Of(SignedNote.Parse(GoldenNote.Bytes), [NoteVerifierKey.Ed25519("example.com/golden", other.PublicKey)]);
        Assert.Equal("no-known-signature", Assert.IsType<Verification.Rejected>(check.Result).Code);
    }

    [Fact]
    public void Check_with_one_bad_signature_of_a_known_key_rejects_the_whole_note()
    {
        var note = SignedNote.Parse(GoldenNote.Bytes);
        var bad = new NoteSignature(GoldenNote.Witness.Name, GoldenNote.Witness.Id, new byte[72]);
        var check = NoteCheck.Of(note.With([bad]), [GoldenNote.Log, GoldenNote.Witness]);
        Assert.Equal("bad-signature", Assert.IsType<Verification.Rejected>(check.Result).Code);
        Assert.Empty(check.Signatures);
    }

    [Fact]
    public void Check_with_a_cosignature_of_another_time_is_rejected()
    {
        var signature = SignedNote.Parse(GoldenNote.Bytes).Signatures[1];
        var later = signature.Bytes.ToArray();
        later[7]++;
        var note = SignedNote.Create(GoldenNote.Text, [new NoteSignature(signature.Name, signature.KeyId, later)]);
        Assert.False(NoteCheck.Of(note, [GoldenNote.Witness]).Result.IsVerified);
    }

    [Fact]
    public void Check_with_an_ml_dsa_key_passes_over_its_signature()
    {
        var name = "pq.example/w";
        byte[] encoded = [6, .. new byte[1312]];
        var id = Sha256Digest.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', .. encoded]).ToString()[..8];
        var key = NoteVerifierKey.Parse($"{name}+{id}+{Convert.ToBase64String(encoded)}");
        Assert.Equal(NoteKeyType.MlDsa44Cosignature, key.Type);
        var note = SignedNote.Parse(GoldenNote.Bytes).With([new NoteSignature(name, key.Id, new byte[8 + 2420])]);
        Assert.Single(NoteCheck.Of(note, [GoldenNote.Log, key]).Signatures);
    }

    [Theory]
    [InlineData("a\n\n")]
    [InlineData("a\n\n— n AAAAAAA=")]
    [InlineData("a\n— n AAAAAAA=\n")]
    [InlineData("a\r\n\n— n AAAAAAA=\n")]
    [InlineData("a\n\n— n\u00a0m AAAAAAA=\n")]
    [InlineData("a\n\n— n+m AAAAAAA=\n")]
    [InlineData("a\n\n—  AAAAAAA=\n")]
    [InlineData("a\n\n— n AAAAAA==\n")]
    [InlineData("a\n\n— n AAAAAAB=\n")]
    [InlineData("a\n\n— n AAAAAAA\n")]
    [InlineData("a\n\n- n AAAAAAA=\n")]
    [InlineData("a\n\n— n AAAAAAA= \n")]
    [InlineData("a\n\n— n AAAAAAA=\nb\n")]
    public void TryParse_of_a_malformed_note_is_refused(string note) =>
        Assert.False(SignedNote.TryParse(Encoding.UTF8.GetBytes(note), out _, out _));

    [Fact]
    public void TryParse_splits_at_the_last_empty_line()
    {
        var note = SignedNote.Parse("a\n\nb\n\n— n AAAAAAA=\n"u8);
        Assert.Equal("a\n\nb\n"u8.ToArray(), note.Text.ToArray());
    }

    [Fact]
    public void TryParse_takes_as_many_signatures_as_the_limit_and_no_more()
    {
        string Note(int count) => "a\n\n" + string.Concat(Enumerable.Repeat("— n AAAAAAA=\n", count));
        Assert.True(SignedNote.TryParse(Encoding.UTF8.GetBytes(Note(SignedNote.MaxSignatures)), out _, out _));
        Assert.False(SignedNote.TryParse(Encoding.UTF8.GetBytes(Note(SignedNote.MaxSignatures + 1)), out _, out _));
    }

    [Fact]
    public void Create_with_a_text_that_no_note_has_is_refused() =>
        Assert.Throws<ArgumentException>(() => SignedNote.Create("no newline"u8, [new NoteSignature("n", 1, new byte[1])]));

    [Fact]
    public void TryParse_of_any_change_of_the_golden_note_never_verifies_as_the_same_statement()
    {
        var positions = Gen.Choose(0, GoldenNote.Bytes.Length - 1).ToArbitrary();
        var values = Gen.Choose(1, 255).ToArbitrary();
        Prop.ForAll(
                positions,
                values,
                (position, change) =>
                {
                    var bytes = GoldenNote.Bytes;
                    bytes[position] ^= (byte)change;
                    return !SignedNote.TryParse(bytes, out var note, out _)
                        || NoteCheck.Of(note, [GoldenNote.Log, GoldenNote.Witness]).Signatures.Count < 2;
                }
            )
            .QuickCheckThrowOnFailure();
    }
}
