using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Xunit;

namespace Quorate.Tests.Crypto.Ecdsa;

public sealed class P256PublicKeyTests
{
    // RFC 6979 A.2.5, SHA-256 over "sample".
    const string Key =
        "3059301306072a8648ce3d020106082a8648ce3d030107034200"
        + "04"
        + "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        + "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const string Signature =
        "3046"
        + "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        + "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

    [Fact]
    public void Verify_of_the_published_signature_is_true()
    {
        Assert.True(P256PublicKey.TryReadInfo(Convert.FromHexString(Key), out var key));
        Assert.True(key.Verify("sample"u8, Convert.FromHexString(Signature)));
        Assert.False(key.Verify("simple"u8, Convert.FromHexString(Signature)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData(Signature + "00")]
    [InlineData(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )]
    public void Verify_of_what_is_no_DER_signature_is_false(string signature)
    {
        Assert.True(P256PublicKey.TryReadInfo(Convert.FromHexString(Key), out var key));
        Assert.False(key.Verify("sample"u8, Convert.FromHexString(signature)));
    }

    [Fact]
    public void TryReadInfo_takes_one_spelling_of_points_on_the_curve_only()
    {
        var other = Convert.FromHexString(Key);
        other[^1] ^= 1;
        Assert.False(P256PublicKey.TryReadInfo(other, out _));
        Assert.False(P256PublicKey.TryReadInfo(Convert.FromHexString(Key + "00"), out _));
        Assert.False(P256PublicKey.TryReadInfo(Convert.FromHexString(Key).AsSpan(..^1), out _));
        using var ed25519 = Ed25519PrivateKey.Generate();
        Assert.False(P256PublicKey.TryReadInfo(PublicKeyInfo.Of(ed25519.PublicKey), out _));
    }

    [Fact]
    public void TryRead_of_an_Ed25519_key_gives_it_back()
    {
        using var ed25519 = Ed25519PrivateKey.Generate();
        var info = PublicKeyInfo.Of(ed25519.PublicKey);
        Assert.True(PublicKeyInfo.TryRead(info, out var key));
        Assert.Equal(ed25519.PublicKey, key);
        Assert.False(PublicKeyInfo.TryRead([.. info, 0], out _));
        Assert.False(PublicKeyInfo.TryRead(info.AsSpan(1), out _));
        Assert.False(PublicKeyInfo.TryRead(Convert.FromHexString(Key), out _));
    }
}
