using FsCheck;
using FsCheck.Fluent;
using Quorate.Core.Encodings;
using Xunit;

namespace Quorate.Tests.Core.Encodings;

public sealed class EncodingTests
{
    [Fact]
    public void Every_encoding_gives_its_bytes_back() =>
        Prop.ForAll<byte[]>(bytes =>
            {
                var hex = new byte[bytes.Length];
                var nix = new byte[bytes.Length];
                return Hex.TryDecode(Hex.Encode(bytes), hex)
                    && hex.AsSpan().SequenceEqual(bytes)
                    && Hex.TryDecode(Hex.Encode(bytes), bytes.Length, out var anyHex)
                    && anyHex.AsSpan().SequenceEqual(bytes)
                    && Nix32.TryDecode(Nix32.Encode(bytes), nix)
                    && nix.AsSpan().SequenceEqual(bytes)
                    && StrictBase64.TryDecode(StrictBase64.Encode(bytes), bytes.Length, out var base64)
                    && base64.AsSpan().SequenceEqual(bytes);
            })
            .QuickCheckThrowOnFailure();

    [Fact]
    public void What_any_encoding_accepts_is_what_it_prints() =>
        Prop.ForAll<string>(text =>
            {
                text ??= "";
                var nix = new byte[text.Length * 5 / 8];
                return (!Hex.TryDecode(text, 1000, out var hex) || Hex.Encode(hex) == text)
                    && (!StrictBase64.TryDecode(text, 1000, out var base64) || StrictBase64.Encode(base64) == text)
                    && (!Nix32.TryDecode(text, nix) || Nix32.Encode(nix) == text);
            })
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("0")]
    [InlineData("0g")]
    [InlineData("AB")]
    [InlineData(" 00")]
    [InlineData("0x")]
    [InlineData("００")]
    public void Hex_of_another_form_is_refused(string text) => Assert.False(Hex.TryDecode(text, 10, out _));

    [Fact]
    public void Hex_of_another_length_is_refused()
    {
        Assert.False(Hex.TryDecode("0000", new byte[1]));
        Assert.False(Hex.TryDecode("000000", 2, out _));
        Assert.False(Hex.TryDecode("000", new byte[1]));
    }

    [Theory]
    [InlineData("aGVsbG8")]
    [InlineData("aGVsbG8=\n")]
    [InlineData("aGVs bG8=")]
    [InlineData("aGVsbG9=")]
    [InlineData("aGVsbG8==")]
    [InlineData("aGVsbG8-")]
    [InlineData("====")]
    [InlineData("aGVs\nbG8")]
    public void Base64_of_another_form_is_refused(string text) => Assert.False(StrictBase64.TryDecode(text, 100, out _));

    [Fact]
    public void Base64_beyond_the_limit_is_refused()
    {
        Assert.True(StrictBase64.TryDecode(StrictBase64.Encode(new byte[32]), 32, out _));
        Assert.False(StrictBase64.TryDecode(StrictBase64.Encode(new byte[33]), 32, out _));
        Assert.False(StrictBase64.TryDecode(StrictBase64.Encode(new byte[3000]), 32, out _));
        Assert.True(StrictBase64.TryDecode("", 0, out var empty));
        Assert.Empty(empty);
    }
}
