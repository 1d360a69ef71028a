using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto;
using Xunit;

namespace Quorate.Tests.Crypto.Ed25519;

public sealed class Ed25519PrehashTests
{
    // RFC 8032 §7.3.
    const string Seed = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42";
    const string Signature =
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";

    [Theory]
    [InlineData("abc", "")]
    [InlineData("", "abc")]
    [InlineData("a", "bc")]
    public void SignPrehashed_of_the_published_vector_gives_its_signature(string head, string rest)
    {
        using var key = Ed25519PrivateKey.FromSeed(Convert.FromHexString(Seed));
        var (first, second) = (System.Text.Encoding.ASCII.GetBytes(head), System.Text.Encoding.ASCII.GetBytes(rest));
        var signature = key.SignPrehashed(first, second);
        Assert.Equal(Signature, Convert.ToHexStringLower(signature));
        Assert.True(key.PublicKey.VerifyPrehashed(first, second, signature));
    }

    [Fact]
    public void VerifyPrehashed_of_a_pure_signature_is_refused_and_the_other_way_round()
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
        Assert.False(key.PublicKey.VerifyPrehashed("message"u8, default, key.Sign("message"u8)));
        Assert.False(key.PublicKey.Verify("message"u8, key.SignPrehashed("message"u8, default)));
    }

    [Fact]
    public void VerifyPrehashed_accepts_what_SignPrehashed_made_and_no_change_of_it() =>
        Prop.ForAll<byte[], byte[], int>(
                (head, rest, bit) =>
                {
                    using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
                    var signature = key.SignPrehashed(head, rest);
                    if (!key.PublicKey.VerifyPrehashed([.. head, .. rest], default, signature))
                    {
                        return false;
                    }
                    var at = Math.Abs(bit % 512);
                    signature[at / 8] ^= (byte)(1 << (at % 8));
                    return !key.PublicKey.VerifyPrehashed(head, rest, signature);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void VerifyPrehashed_with_S_of_L_or_more_is_refused()
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
        var good = key.SignPrehashed("message"u8, default);
        for (var multiple = 1; multiple <= 15; multiple++)
        {
            var s = new BigInteger(good.AsSpan(32), isUnsigned: true) + multiple * Ed25519Tests.Order;
            if (s.GetByteCount(isUnsigned: true) > 32)
            {
                break;
            }
            byte[] forged = [.. good.AsSpan(0, 32), .. new byte[32]];
            s.TryWriteBytes(forged.AsSpan(32), out _, isUnsigned: true);
            Assert.False(key.PublicKey.VerifyPrehashed("message"u8, default, forged), $"S + {multiple}·L was accepted");
        }
    }

    [Theory]
    [MemberData(nameof(Ed25519Tests.SmallOrderPoints), MemberType = typeof(Ed25519Tests))]
    public void VerifyPrehashed_with_a_key_or_R_of_small_order_is_refused(string point)
    {
        Assert.True(Ed25519PublicKey.TryCreate(Convert.FromHexString(point), out var weak));
        foreach (var r in Ed25519Tests.SmallOrderPoints.Select(row => row.Data))
        {
            byte[] signature = [.. Convert.FromHexString(r), .. new byte[32]];
            Assert.False(weak.VerifyPrehashed("message"u8, default, signature));
        }
        using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
        var changed = key.SignPrehashed("message"u8, default);
        Convert.FromHexString(point).CopyTo(changed, 0);
        Assert.False(key.PublicKey.VerifyPrehashed("message"u8, default, changed));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(65)]
    public void VerifyPrehashed_of_a_signature_of_another_length_is_refused(int length)
    {
        using var key = Ed25519PrivateKey.Generate();
        Assert.False(key.PublicKey.VerifyPrehashed("m"u8, default, new byte[length]));
    }
}
