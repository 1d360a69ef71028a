using System.Text;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Xunit;

namespace Quorate.Tests.Crypto.Envelopes;

public sealed class DsseTests
{
    const string Good = """{"payloadType":"t","payload":"aGk=","signatures":[{"keyid":"k","sig":"+/8="}]}""";

    // The example of the DSSE specification.
    [Fact]
    public void PreAuthenticationEncoding_of_the_published_example_is_exact() =>
        Assert.Equal(
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
            Encoding.UTF8.GetString(DsseEnvelope.PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"u8))
        );

    [Fact]
    public void PreAuthenticationEncoding_counts_bytes_not_characters() =>
        Assert.Equal("DSSEv1 2 é 0 ", Encoding.UTF8.GetString(DsseEnvelope.PreAuthenticationEncoding("é", [])));

    [Theory]
    [InlineData("+/8=")]
    [InlineData("-_8=")]
    [InlineData("+/8")]
    [InlineData("-_8")]
    [InlineData("-/8")]
    public void TryDecode_accepts_both_alphabets_padded_or_not(string text)
    {
        Assert.True(DsseBase64.TryDecode(Encoding.ASCII.GetBytes(text), 2, out var bytes));
        Assert.Equal([0xfb, 0xff], bytes);
    }

    [Theory]
    [InlineData("+/9=")]
    [InlineData("+/8==")]
    [InlineData("+/8====")]
    [InlineData("+/=8")]
    [InlineData("+/ 8=")]
    [InlineData("a===")]
    [InlineData("aGVs=")]
    [InlineData("=")]
    public void TryDecode_of_anything_else_is_refused(string text) =>
        Assert.False(DsseBase64.TryDecode(Encoding.ASCII.GetBytes(text), 100, out _));

    [Fact]
    public void TryRead_gives_payload_and_signatures()
    {
        var envelope = Read(Good)!;
        Assert.Equal("t", envelope.PayloadType);
        Assert.Equal("hi"u8, envelope.Payload.Span);
        Assert.Equal("k", Assert.Single(envelope.Signatures).KeyId);
        Assert.Equal([0xfb, 0xff], envelope.Signatures[0].Signature.ToArray());
    }

    [Fact]
    public void TryRead_without_a_keyid_gives_the_empty_name() =>
        Assert.Equal("", Read(Good.Replace("\"keyid\":\"k\",", "", StringComparison.Ordinal))!.Signatures[0].KeyId);

    [Theory]
    [InlineData("\"t\"", "null")]
    [InlineData("\"aGk=\"", "7")]
    [InlineData("\"aGk=\"", "\"aGl=\"")]
    [InlineData("[{\"keyid\":\"k\",\"sig\":\"+/8=\"}]", "[]")]
    [InlineData("[{\"keyid\":\"k\",\"sig\":\"+/8=\"}]", "{}")]
    [InlineData("\"k\"", "null")]
    [InlineData(",\"sig\":\"+/8=\"", "")]
    public void TryRead_of_a_wrong_shape_is_refused(string from, string to) =>
        Assert.Null(Read(Good.Replace(from, to, StringComparison.Ordinal)));

    static DsseEnvelope? Read(string json)
    {
        Assert.True(StrictJson.TryParse(Encoding.UTF8.GetBytes(json), out var document, out _));
        using (document)
        {
            var ok = DsseEnvelope.TryRead(document.RootElement, 1000, out var envelope, out var problem);
            Assert.Equal(ok, problem.Length == 0);
            return envelope;
        }
    }
}
