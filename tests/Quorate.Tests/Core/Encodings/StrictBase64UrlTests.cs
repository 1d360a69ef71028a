using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core.Encodings;
using Xunit;

namespace Quorate.Tests.Core.Encodings;

public sealed class StrictBase64UrlTests
{
    [Fact]
    public void TryDecode_reads_what_Encode_prints() =>
        Prop.ForAll<byte[]>(bytes =>
                StrictBase64Url.TryDecode(Encoding.ASCII.GetBytes(StrictBase64Url.Encode(bytes)), bytes.Length, out var again)
                && again.AsSpan().SequenceEqual(bytes)
            )
            .QuickCheckThrowOnFailure();

    // Padding, white space, the other alphabet, unused bits, and a length that no bytes have.
    [Theory]
    [InlineData("-_8=")]
    [InlineData("-_ 8")]
    [InlineData("-_8\n")]
    [InlineData("+/8")]
    [InlineData("-_9")]
    [InlineData("_x")]
    [InlineData("a")]
    [InlineData("aaaaa")]
    public void TryDecode_of_other_spellings_is_refused(string text) =>
        Assert.False(StrictBase64Url.TryDecode(Encoding.ASCII.GetBytes(text), 100, out _));

    [Fact]
    public void TryDecode_of_more_than_the_limit_is_refused()
    {
        Assert.True(StrictBase64Url.TryDecode("-_8"u8, 2, out var bytes));
        Assert.Equal([0xfb, 0xff], bytes);
        Assert.False(StrictBase64Url.TryDecode("-_8"u8, 1, out _));
    }
}
