using Quorate.Crypto.Notes;
using Xunit;

namespace Quorate.Tests.Crypto.Notes;

public sealed class NoteVerifierKeyTests
{
    [Fact]
    public void Key_of_a_log_prints_as_published() =>
        Assert.Equal(GoldenNote.LogKey, NoteVerifierKey.Ed25519("example.com/golden", GoldenNote.Key.PublicKey).ToString());

    [Fact]
    public void Key_of_a_witness_prints_as_published() =>
        Assert.Equal(GoldenNote.WitnessKey, NoteVerifierKey.Cosignature("witness.example/w", GoldenNote.Key.PublicKey).ToString());

    [Fact]
    public void IsSameKey_looks_past_name_and_type() => Assert.True(GoldenNote.Log.IsSameKey(GoldenNote.Witness));

    [Theory]
    [InlineData("")]
    [InlineData("example.com/golden")]
    [InlineData("+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c")]
    [InlineData("example.com/golden+639579fb+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c")]
    [InlineData("example.com/golden+639579FA+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c")]
    [InlineData("example.com/golden+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c ")]
    [InlineData("example.com/golden+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29")]
    [InlineData("example.com/g olden+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c")]
    [InlineData("n+00000000+AQ==")]
    [InlineData("n+00000000+BAAA")]
    public void TryParse_of_a_malformed_key_is_refused(string text) => Assert.False(NoteVerifierKey.TryParse(text, out _, out _));

    [Fact]
    public void TryParse_of_an_unknown_type_gives_a_key_that_verifies_nothing()
    {
        Assert.True(NoteVerifierKey.TryParse("n+00000000+AgAA", out var key, out _));
        Assert.Null(key.Key);
        Assert.False(key.Verify("a\n"u8, new NoteSignature("n", 0, new byte[64]), out _));
    }
}
