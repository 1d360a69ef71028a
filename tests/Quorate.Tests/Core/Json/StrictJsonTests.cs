using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core.Json;
using Xunit;

namespace Quorate.Tests.Core.Json;

public sealed class StrictJsonTests
{
    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":{"b":[{"c":1,"c":1}]}}""")]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{"a":1} {}""")]
    [InlineData("""{"a":1}//""")]
    [InlineData("\ufeff{}")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("""{"\uDC00":1}""")]
    [InlineData("""["\ud83d\ud83d"]""")]
    [InlineData("")]
    public void TryParse_of_ambiguous_text_is_refused(string text)
    {
        Assert.False(StrictJson.TryParse(Encoding.UTF8.GetBytes(text), out var document, out var problem));
        Assert.Null(document);
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void TryParse_of_bytes_that_are_not_UTF8_is_refused() =>
        Assert.False(StrictJson.TryParse(new byte[] { (byte)'"', 0xff, (byte)'"' }, out _, out _));

    [Fact]
    public void TryParse_of_nesting_over_the_limit_is_refused()
    {
        Assert.True(StrictJson.TryParse(Nested(StrictJson.MaxDepth), out var document, out _));
        document.Dispose();
        Assert.False(StrictJson.TryParse(Nested(StrictJson.MaxDepth + 1), out _, out _));
    }

    [Theory]
    [InlineData("""{"a":"\ud83d\ude00"}""", "\U0001f600")]
    [InlineData("""{"a":"\\ud800"}""", "\\ud800")]
    [InlineData("""{"a":"a\/b"}""", "a/b")]
    public void TryText_gives_the_decoded_text(string json, string expected)
    {
        Assert.True(StrictJson.TryParse(Encoding.UTF8.GetBytes(json), out var document, out _));
        using (document)
        {
            Assert.True(document.RootElement.TryText("a"u8, out var text));
            Assert.Equal(expected, text);
            Assert.True(document.RootElement.GetProperty("a").TryUtf8(out var bytes));
            Assert.Equal(expected, Encoding.UTF8.GetString(bytes));
        }
    }

    [Fact]
    public void TryParse_accepts_whatever_a_writer_prints() =>
        Prop.ForAll<Dictionary<NonNull<string>, NonNull<string>>>(map =>
            {
                var texts = map.ToDictionary(pair => Whole(pair.Key.Get), pair => Whole(pair.Value.Get), StringComparer.Ordinal);
                if (!StrictJson.TryParse(JsonSerializer.SerializeToUtf8Bytes(texts), out var document, out _))
                {
                    return false;
                }
                using (document)
                {
                    return texts.All(pair =>
                        document.RootElement.TryText(Encoding.UTF8.GetBytes(pair.Key), out var text) && text == pair.Value
                    );
                }
            })
            .QuickCheckThrowOnFailure();

    static byte[] Nested(int depth) => Encoding.ASCII.GetBytes(new string('[', depth) + new string(']', depth));

    /// <summary>Without halves of surrogate pairs, which a writer replaces; numbered, so that no two become equal.</summary>
    static string Whole(string text) =>
        Convert.ToHexString(Encoding.Unicode.GetBytes(text)) + Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
