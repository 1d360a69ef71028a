using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Tests.Crypto.Notes;
using Xunit;

namespace Quorate.Tests.Log.Tiles;

public sealed class TlogPolicyTests
{
    static readonly Ed25519PrivateKey[] s_keys = [.. Enumerable.Range(2, 4).Select(i => Ed25519PrivateKey.FromSeed(Seed(i)))];

    static readonly NoteCosigner[] s_witnesses = [.. s_keys.Select((k, i) => new NoteCosigner($"w{i}.example", k))];

    static string Witness(int i) => $"witness W{i} {s_witnesses[i].VerifierKey}\n";

    [Fact]
    public void Check_with_enough_witnesses_is_accepted()
    {
        var policy = Policy(
            $"# two of the first three, and the last\n\nlog {GoldenNote.LogKey} https://log.example/\n{Witness(0)}{Witness(1)}{Witness(2)}{Witness(3)}"
                + " group\tfirst 2 W0 W1 W2\ngroup both all first W3\nquorum both\n"
        );
        var check = policy.Check(Cosigned(0, 2, 3));
        Assert.Equal(Verification.Ok, check.Result);
        Assert.Equal(70_000UL, check.Checkpoint!.Size);
        Assert.Equal(3, check.Cosignatures.Count);
        Assert.False(policy.Check(Cosigned(0, 1, 2)).Result.IsVerified);
        Assert.False(policy.Check(Cosigned(0, 3)).Result.IsVerified);
    }

    [Fact]
    public void Check_without_a_quorum_needs_only_the_log() =>
        Assert.Equal(GoldenNote.Log, Policy($"log {GoldenNote.LogKey}\nquorum none\n").Check(SignedNote.Parse(GoldenNote.Bytes)).Log);

    [Fact]
    public void Check_never_counts_the_key_of_the_log_itself()
    {
        var policy = Policy($"log {GoldenNote.LogKey}\nwitness self {GoldenNote.WitnessKey}\nquorum self\n");
        var check = policy.Check(SignedNote.Parse(GoldenNote.Bytes));
        Assert.Equal("no-quorum", Assert.IsType<Verification.Rejected>(check.Result).Code);
    }

    [Fact]
    public void Check_of_another_logs_origin_is_rejected()
    {
        var signer = new NoteSigner("example.com/other", GoldenNote.Key);
        var note = SignedNote.Create(GoldenNote.Text, [signer.Sign(GoldenNote.Text)]);
        var check = Policy($"log {signer.VerifierKey}\nquorum none\n").Check(note);
        Assert.Equal("unknown-log", Assert.IsType<Verification.Rejected>(check.Result).Code);
    }

    [Fact]
    public void Check_with_cosignatures_alone_is_rejected()
    {
        var note = SignedNote.Create(GoldenNote.Text, [s_witnesses[0].Cosign(GoldenNote.Text, 1)]);
        Assert.False(Policy($"log {GoldenNote.LogKey}\n{Witness(0)}quorum W0\n").Check(note).Result.IsVerified);
    }

    [Theory]
    [InlineData("")]
    [InlineData("quorum none")]
    [InlineData("quorum none\nquorum none\n")]
    [InlineData("quorum W0\n")]
    [InlineData("log nonsense\nquorum none\n")]
    [InlineData("log " + GoldenNote.WitnessKey + "\nquorum none\n")]
    [InlineData("log " + GoldenNote.LogKey + "\nlog " + GoldenNote.LogKey + "\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.LogKey + "\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\nwitness b " + GoldenNote.WitnessKey + "\nquorum none\n")]
    [InlineData("witness none " + GoldenNote.WitnessKey + "\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup a any a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g any a a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g any a\ngroup h any a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g 2 a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g 0 a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g 01 a\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g any b\nquorum none\n")]
    [InlineData("witness a " + GoldenNote.WitnessKey + "\ngroup g any\nquorum none\n")]
    [InlineData("group g any none\nquorum none\n")]
    [InlineData("quorum none\r\n")]
    [InlineData("quorum none x\n")]
    [InlineData("something\nquorum none\n")]
    public void TryParse_of_a_wrong_policy_is_refused(string text) =>
        Assert.False(TlogPolicy.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));

    [Fact]
    public void TryParse_names_the_line()
    {
        Assert.False(TlogPolicy.TryParse("# one\n\nquorum W0\n"u8, out _, out var error));
        Assert.StartsWith("line 3: ", error, StringComparison.Ordinal);
    }

    internal static SignedNote Cosigned(params int[] witnesses) =>
        SignedNote
            .Create(GoldenNote.Text, [new NoteSigner("example.com/golden", GoldenNote.Key).Sign(GoldenNote.Text)])
            .With(witnesses.Select(w => s_witnesses[w].Cosign(GoldenNote.Text, GoldenNote.Time)));

    static TlogPolicy Policy(string text) => TlogPolicy.Parse(Encoding.UTF8.GetBytes(text));

    static byte[] Seed(int i) => Enumerable.Repeat((byte)i, 32).ToArray();
}
