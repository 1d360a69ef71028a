using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto;
using Xunit;

namespace Quorate.Tests.Crypto.Ed25519;

public sealed class Ed25519Tests
{
    // L, the order of the base point (RFC 8032 §5.1).
    internal static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493");

    // RFC 8032 §7.1, tests 1 to 3 and SHA(abc).
    [Theory]
    [InlineData(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )]
    [InlineData(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )]
    [InlineData(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )]
    public void Sign_of_published_vectors_gives_their_signatures(string seed, string publicKey, string message, string signature)
    {
        using var key = Ed25519PrivateKey.FromSeed(Convert.FromHexString(seed));
        Assert.Equal(publicKey, Convert.ToHexStringLower(key.PublicKey.AsSpan()));
        var signed = key.Sign(Convert.FromHexString(message));
        Assert.Equal(signature, Convert.ToHexStringLower(signed));
        Assert.True(key.PublicKey.Verify(Convert.FromHexString(message), signed));
    }

    [Fact]
    public void Verify_accepts_what_Sign_made_and_no_change_of_it() =>
        Prop.ForAll<byte[], int, byte[]>(
                (message, bit, seed) =>
                {
                    using var key = Ed25519PrivateKey.FromSeed(System.Security.Cryptography.SHA256.HashData(seed));
                    var signature = key.Sign(message);
                    if (!key.PublicKey.Verify(message, signature))
                    {
                        return false;
                    }
                    var at = Math.Abs(bit % 512);
                    signature[at / 8] ^= (byte)(1 << (at % 8));
                    return !key.PublicKey.Verify(message, signature);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Verify_of_an_empty_message_is_exact()
    {
        using var key = Ed25519PrivateKey.Generate();
        var signature = key.Sign([]);
        Assert.True(key.PublicKey.Verify([], signature));
        Assert.True(key.PublicKey.Verify(default, signature));
        Assert.False(key.PublicKey.Verify("\0"u8, signature));
    }

    [Fact]
    public void Verify_with_S_of_L_or_more_is_refused()
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
        var good = key.Sign("message"u8);
        for (var multiple = 1; multiple <= 15; multiple++)
        {
            var s = new BigInteger(good.AsSpan(32), isUnsigned: true) + multiple * Order;
            if (s.GetByteCount(isUnsigned: true) > 32)
            {
                break;
            }
            // Satisfies the equation as well as S itself does.
            byte[] forged = [.. good.AsSpan(0, 32), .. new byte[32]];
            s.TryWriteBytes(forged.AsSpan(32), out _, isUnsigned: true);
            Assert.False(key.PublicKey.Verify("message"u8, forged), $"S + {multiple}·L was accepted");
        }
    }

    // The eight points of small order, and encodings of them that are not canonical (y ≥ p, or x = 0 with the sign bit).
    public static TheoryData<string> SmallOrderPoints =>
        [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ];

    [Theory]
    [MemberData(nameof(SmallOrderPoints))]
    public void Verify_under_a_key_of_small_order_is_refused(string point)
    {
        Assert.True(Ed25519PublicKey.TryCreate(Convert.FromHexString(point), out var key));
        // With S = 0 and R of small order the equation 8·S·B = 8·R + 8·k·A holds for every message.
        foreach (var r in SmallOrderPoints.Select(row => row.Data))
        {
            byte[] signature = [.. Convert.FromHexString(r), .. new byte[32]];
            Assert.False(key.Verify("message"u8, signature));
        }
    }

    [Theory]
    [MemberData(nameof(SmallOrderPoints))]
    public void Verify_with_R_of_small_order_is_refused(string point)
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[32]);
        var signature = key.Sign("message"u8);
        Convert.FromHexString(point).CopyTo(signature, 0);
        Assert.False(key.PublicKey.Verify("message"u8, signature));
    }

    // y = 2 + p is the point of y = 3 … written with y ≥ p: only nineteen such y exist.
    [Fact]
    public void Verify_under_a_key_that_is_not_canonical_is_refused()
    {
        using var signer = Ed25519PrivateKey.FromSeed(new byte[32]);
        var signature = signer.Sign("message"u8);
        for (var y = 0xed; y <= 0xff; y++)
        {
            foreach (var sign in (byte[])[0x7f, 0xff])
            {
                byte[] encoded = [(byte)y, .. Enumerable.Repeat((byte)0xff, 30), sign];
                Assert.True(Ed25519PublicKey.TryCreate(encoded, out var key));
                Assert.False(key.Verify("message"u8, signature));
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(65)]
    public void Verify_of_a_signature_of_another_length_is_refused(int length)
    {
        using var key = Ed25519PrivateKey.Generate();
        Assert.False(key.PublicKey.Verify("m"u8, new byte[length]));
    }

    [Fact]
    public void Use_after_disposal_is_an_error()
    {
        var key = Ed25519PrivateKey.Generate();
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.Sign([]));
        Assert.Throws<ObjectDisposedException>(() => key.CopySeed(new byte[32]));
    }

    [Fact]
    public void TryCreate_and_FromSeed_of_other_lengths_are_refused()
    {
        Assert.False(Ed25519PublicKey.TryCreate(new byte[31], out _));
        Assert.False(Ed25519PublicKey.TryCreate(new byte[33], out _));
        Assert.False(Ed25519PublicKey.TryParse("", out _));
        Assert.Throws<ArgumentException>(() => Ed25519PrivateKey.FromSeed(new byte[31]));
    }
}
