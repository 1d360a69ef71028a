using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Xunit;

namespace Quorate.Tests.Crypto.Envelopes;

public sealed class CompactJwsTests
{
    // RFC 8037 appendix A.4.
    const string Published =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        + "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    static Ed25519PrivateKey PublishedKey() =>
        Ed25519PrivateKey.FromSeed(Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));

    [Fact]
    public void Sign_of_the_published_example_is_exact()
    {
        using var key = PublishedKey();
        var text = CompactJws.Sign("""{"alg":"EdDSA"}"""u8, "Example of Ed25519 signing"u8, key);
        Assert.Equal(Published, Encoding.ASCII.GetString(text));
    }

    [Fact]
    public void Verify_of_the_published_example_holds()
    {
        using var key = PublishedKey();
        Assert.True(CompactJws.TryRead(Encoding.ASCII.GetBytes(Published), 100, out var jws, out _));
        Assert.True(jws.Verify(key.PublicKey));
        Assert.Equal("Example of Ed25519 signing"u8, jws.Payload.Span);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("YQ.YQ.YQ")]
    public void TryRead_of_a_wrong_shape_is_refused(string text) =>
        Assert.False(CompactJws.TryRead(Encoding.ASCII.GetBytes(text), 100, out _, out _));

    [Theory]
    [InlineData(".")]
    [InlineData("=")]
    [InlineData(".YQ")]
    public void TryRead_of_anything_behind_the_signature_is_refused(string tail) =>
        Assert.False(CompactJws.TryRead(Encoding.ASCII.GetBytes(Published + tail), 100, out _, out _));

    [Fact]
    public void TryRead_of_a_payload_over_the_limit_is_refused() =>
        Assert.False(CompactJws.TryRead(Encoding.ASCII.GetBytes(Published), 25, out _, out _));

    [Fact]
    public void Verify_accepts_what_Sign_made_and_no_change_of_it() =>
        Prop.ForAll<byte[], byte[], int>(
                (header, payload, at) =>
                {
                    using var key = PublishedKey();
                    var text = CompactJws.Sign(header, payload, key);
                    if (!CompactJws.TryRead(text, payload.Length, out var jws, out _) || !jws.Verify(key.PublicKey))
                    {
                        return false;
                    }
                    text[Math.Abs(at % text.Length)] ^= 1;
                    return !CompactJws.TryRead(text, payload.Length + 4, out jws, out _) || !jws.Verify(key.PublicKey);
                }
            )
            .QuickCheckThrowOnFailure();
}
