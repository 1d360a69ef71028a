using System.Text;
using Quorate.Sources.Control;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class RawControlTransportTests
{
    static ControlReply Parse(string text) => RawControlTransport.Parse(Encoding.Latin1.GetBytes(text));

    static string Body(string text) => Encoding.Latin1.GetString(Parse(text).Body.Span);

    [Fact]
    public void Parse_reads_a_body_of_stated_length() => Assert.Equal("{}", Body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));

    [Fact]
    public void Parse_reads_chunks() =>
        Assert.Equal("{\"a\":1}", Body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"));

    [Fact]
    public void Parse_reads_to_the_end_without_a_length() => Assert.Equal("{}", Body("HTTP/1.0 200 OK\r\n\r\n{}"));

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\n")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n")]
    [InlineData("HTTP/1.1 999 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n{}")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n{}")]
    public void Parse_refuses_what_is_cut_off_or_malformed(string text) => Assert.Throws<IOException>(() => Parse(text));
}
