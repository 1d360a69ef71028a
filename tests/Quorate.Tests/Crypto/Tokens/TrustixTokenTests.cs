using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto.Tokens;
using Xunit;

namespace Quorate.Tests.Crypto.Tokens;

public sealed class TrustixTokenTests : IDisposable
{
    // Trustix's public development token; it protects nothing.
    const string Private = "default:ZwJHsfPwLuZxLK/dBgTLvVh4wc4X/qgplFXoimZSSjdoemqXXHLTScJ5VjikkB3fGEDYf4VJbVwPk8ULtMFqLA==";
    const string Public = "default:aHpql1xy00nCeVY4pJAd3xhA2H+FSW1cD5PFC7TBaiw=";
    const string Submit = "/trustix_rpc.v1.LogRPC/Submit";
    const string SubmitHeader =
        """{"name":"default","sig":"kTKV/+2UmzQWGXsoAOsHD1f7hZ2omFuaroWxRAGbj2C/a9HUSp6MZfRDNsMa/3MthqwXdhHdT4H+lnCHy7T7BA=="}""";
    const string FlushHeader =
        """{"name":"default","sig":"537FeTZgR17o/NuqppNFTOxoe/kiuWcAjAK3ORWB2R7VoRvOUxHaqJEFoDiYILM/mFdPP/gQKtwlEFpwhd3RDg=="}""";

    readonly string _folder = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(Submit, SubmitHeader)]
    [InlineData("/trustix_rpc.v1.LogRPC/Flush", FlushHeader)]
    public void Header_of_the_development_token_is_known(string procedure, string header)
    {
        using var token = TrustixToken.Parse(Encoding.ASCII.GetBytes(Private));
        Assert.Equal(Public, token.PublicToken.ToString());
        Assert.Equal(header, token.Header(procedure));
        Assert.True(TrustixPublicToken.TryParse(Public, out var publicToken));
        Assert.True(TrustixPublicToken.Check(header, procedure, [publicToken], out var accepted).IsVerified);
        Assert.Equal(publicToken, accepted);
    }

    [Fact]
    public void Check_of_a_header_for_another_procedure_is_rejected() => AssertRejected("bad-token-signature", FlushHeader);

    [Fact]
    public void Check_of_an_unknown_name_is_rejected() =>
        AssertRejected("unknown-token", SubmitHeader.Replace("default", "other", StringComparison.Ordinal));

    [Fact]
    public void Check_of_another_key_with_the_name_is_rejected()
    {
        using var other = TrustixToken.Generate("default");
        AssertRejected("bad-token-signature", other.Header(Submit));
    }

    [Fact]
    public void Check_with_two_tokens_of_one_name_finds_the_right_one()
    {
        using var one = TrustixToken.Generate("default");
        using var two = TrustixToken.Generate("default");
        Assert.True(TrustixPublicToken.Check(two.Header(Submit), Submit, [one.PublicToken, two.PublicToken], out var token).IsVerified);
        Assert.Equal(two.PublicToken, token);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"name":"default"}""")]
    [InlineData("""{"name":"default","sig":null}""")]
    [InlineData("""{"name":"default","sig":""}""")]
    [InlineData("""{"name":"default","sig":"AAAA"}""")]
    [InlineData("""{"name":{"name":"default"},"sig":"AAAA"}""")]
    [InlineData("""{"name":"\ud800","sig":"AAAA"}""")]
    [InlineData(SubmitHeader + SubmitHeader)]
    [InlineData(SubmitHeader + "x")]
    public void Check_of_a_malformed_header_is_rejected(string header) => AssertRejected("malformed-token", header);

    [Fact]
    public void Check_of_headers_with_extra_doubled_or_long_fields_is_rejected()
    {
        AssertRejected("malformed-token", SubmitHeader[..^1] + ""","more":1}""");
        AssertRejected("malformed-token", SubmitHeader[..^1] + ""","name":"default"}""");
        AssertRejected("malformed-token", SubmitHeader + new string(' ', 2000));
        AssertRejected("malformed-token", SubmitHeader.Replace("default", "a b", StringComparison.Ordinal));
        AssertRejected("malformed-token", SubmitHeader.Replace("==", "", StringComparison.Ordinal));
    }

    [Fact]
    public void TryParse_of_a_header_of_another_client_is_accepted() =>
        Assert.True(TrustixTokenHeader.TryParse($$"""{ "sig": "{{Convert.ToBase64String(new byte[64])}}", "name": "default" }""", out _));

    [Fact]
    public void Tokens_come_back_from_their_files()
    {
        using var token = TrustixToken.Generate("ci");
        var path = Path.Combine(_folder, "token");
        token.Write(path);
        Assert.Equal(DurableFile.Private, File.GetUnixFileMode(path));
        using var read = TrustixToken.Read(path, out var readableByOthers);
        Assert.False(readableByOthers);
        Assert.Equal(token.PublicToken, read.PublicToken);
        Assert.Throws<IOException>(() => token.Write(path));
    }

    [Fact]
    public void Every_header_is_accepted_for_its_own_procedure_only() =>
        Prop.ForAll<NonNull<string>, NonNull<string>>(
                (mine, other) =>
                {
                    using var token = TrustixToken.Generate("t");
                    var header = token.Header(mine.Get);
                    return TrustixPublicToken.Check(header, mine.Get, [token.PublicToken], out _).IsVerified
                        && (
                            Encoding.UTF8.GetBytes(mine.Get).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(other.Get))
                            || !TrustixPublicToken.Check(header, other.Get, [token.PublicToken], out _).IsVerified
                        );
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("")]
    [InlineData("default")]
    [InlineData(":aHpql1xy00nCeVY4pJAd3xhA2H+FSW1cD5PFC7TBaiw=")]
    [InlineData("de\"fault:aHpql1xy00nCeVY4pJAd3xhA2H+FSW1cD5PFC7TBaiw=")]
    [InlineData(Private)]
    public void TryParse_of_another_form_is_refused(string text) => Assert.False(TrustixPublicToken.TryParse(text, out _));

    [Theory]
    [InlineData("")]
    [InlineData("default")]
    [InlineData(Public)]
    [InlineData("default:default:ZwJHsfPwLuZxLK/dBgTLvVh4wc4X/qgplFXoimZSSjdoemqXXHLTScJ5VjikkB3fGEDYf4VJbVwPk8ULtMFqLA==")]
    public void Parse_of_another_form_is_malformed(string text)
    {
        var fault = Assert.Throws<MalformedException>(() => TrustixToken.Parse(Encoding.ASCII.GetBytes(text)));
        Assert.DoesNotContain("ZwJHsf", fault.Message, StringComparison.Ordinal);
    }

    static void AssertRejected(string code, string header)
    {
        Assert.True(TrustixPublicToken.TryParse(Public, out var token));
        var result = TrustixPublicToken.Check(header, Submit, [token], out var accepted);
        Assert.Equal(code, Assert.IsType<Verification.Rejected>(result).Code);
        Assert.Null(accepted);
    }
}
