using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Quorate.Testing.Rpc;

/// <summary>One HTTP/1.1 message as bytes: for tests that must control or see what is on the wire.</summary>
/// <param name="StartLine">Request or status line.</param>
/// <param name="Body">Without chunk framing, still compressed.</param>
public sealed record RawMessage(string StartLine, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public int Status => int.Parse(StartLine.Split(' ')[1], CultureInfo.InvariantCulture);

    public string Path => StartLine.Split(' ')[1];

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public byte[] PlainBody()
    {
        if (Header("Content-Encoding") != "gzip")
        {
            return Body;
        }
        using var gzip = new GZipStream(new MemoryStream(Body), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}

/// <summary>Reads HTTP/1.1 messages off a stream, with content length or chunked. Trusts its peer: a test.</summary>
public sealed class RawReader(Stream stream)
{
    readonly byte[] _buffer = new byte[64 << 10];
    int _start;
    int _end;

    /// <summary>The next message, or null at the end of the stream.</summary>
    /// <param name="hasBody">False for answers to HEAD.</param>
    public async Task<RawMessage?> ReadAsync(CancellationToken cancellationToken, bool hasBody = true)
    {
        if (await LineAsync(cancellationToken) is not { } startLine)
        {
            return null;
        }
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await LineAsync(cancellationToken) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
        var body = new MemoryStream();
        if (!hasBody)
        {
            return new RawMessage(startLine, headers, []);
        }
        if (headers.GetValueOrDefault("Transfer-Encoding") == "chunked")
        {
            while (
                int.Parse((await LineAsync(cancellationToken))!, NumberStyles.HexNumber, CultureInfo.InvariantCulture) is > 0 and var size
            )
            {
                await CopyAsync(body, size, cancellationToken);
                await LineAsync(cancellationToken);
            }
            await LineAsync(cancellationToken);
        }
        else if (headers.TryGetValue("Content-Length", out var length))
        {
            await CopyAsync(body, int.Parse(length, CultureInfo.InvariantCulture), cancellationToken);
        }
        return new RawMessage(startLine, headers, body.ToArray());
    }

    async Task CopyAsync(MemoryStream body, int count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (_start == _end && !await FillAsync(cancellationToken))
            {
                throw new EndOfStreamException("the message ends in its body");
            }
            var part = Math.Min(count, _end - _start);
            body.Write(_buffer, _start, part);
            _start += part;
            count -= part;
        }
    }

    async Task<string?> LineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        while (_start < _end || await FillAsync(cancellationToken))
        {
            var c = (char)_buffer[_start++];
            if (c == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }
            line.Append(c);
        }
        return line.Length == 0 ? null : throw new EndOfStreamException("the message ends in its head");
    }

    async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        _start = 0;
        _end = await stream.ReadAsync(_buffer, cancellationToken);
        return _end > 0;
    }
}

public static class RawHttp
{
    /// <summary>Sends bytes over a new TCP connection and reads so many answers.</summary>
    public static async Task<IReadOnlyList<RawMessage>> ExchangeAsync(
        Uri server,
        ReadOnlyMemory<byte> bytes,
        int answers,
        bool hasBody = true
    )
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port, limit.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(bytes, limit.Token);
        var reader = new RawReader(stream);
        var messages = new List<RawMessage>();
        while (messages.Count < answers)
        {
            messages.Add(
                await reader.ReadAsync(limit.Token, hasBody)
                    ?? throw new EndOfStreamException($"{messages.Count} answers instead of {answers}")
            );
        }
        return messages;
    }

    /// <summary>All messages of a recorded stream. The last one may be cut off.</summary>
    public static async Task<IReadOnlyList<RawMessage>> ParseAsync(byte[] bytes)
    {
        var reader = new RawReader(new MemoryStream(bytes));
        var messages = new List<RawMessage>();
        try
        {
            while (await reader.ReadAsync(CancellationToken.None) is { } message)
            {
                messages.Add(message);
            }
        }
        catch (EndOfStreamException)
        {
            return messages;
        }
        return messages;
    }

    /// <summary>A request with a content length.</summary>
    public static byte[] Post(string path, string contentType, ReadOnlySpan<byte> body, params string[] headers)
    {
        var head = $"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {contentType}\r\nContent-Length: {body.Length}\r\n";
        return [.. Encoding.Latin1.GetBytes(head + string.Concat(headers.Select(h => h + "\r\n")) + "\r\n"), .. body];
    }
}
