using System.Buffers.Text;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Quorate.Sources.Control;

/// <summary>
/// The Nix hook's transport: one HTTP/1.1 exchange per connection over a plain socket, because loading an HTTP stack costs a short-lived
/// process more than all its other work. Only what a control listener answers is understood; anything else is a fault of the remote.
/// </summary>
public sealed class RawControlTransport(NodeAddress address) : IControlTransport
{
    const int MaxHeader = 32 << 10;
    const int MaxBody = 16 << 20;

    public async Task<ControlReply> SendAsync(string method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await ConnectAsync(cancellationToken);
            var head = new StringBuilder().Append(
                $"{method} {path} HTTP/1.1\r\nHost: {address.Origin.Authority}\r\nConnection: close\r\nAccept: application/json\r\n"
            );
            if (body is { } bytes)
            {
                head.Append($"Content-Type: application/json\r\nContent-Length: {bytes.Length}\r\n");
            }
            head.Append("\r\n");
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head.ToString()), cancellationToken);
            if (body is { } content)
            {
                await stream.WriteAsync(content, cancellationToken);
            }
            await stream.FlushAsync(cancellationToken);
            return Parse(await ReadToEndAsync(stream, cancellationToken));
        }
        catch (Exception e) when (e is SocketException or IOException or System.Security.Authentication.AuthenticationException)
        {
            throw new NodeUnreachableException(address, e);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = address.Socket is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp)
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (address.Socket is { } path)
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            }
            else
            {
                await socket.ConnectAsync(address.Origin.IdnHost, address.Origin.Port, cancellationToken);
            }
            var stream = new NetworkStream(socket, ownsSocket: true);
            if (address.Origin.Scheme != "https")
            {
                return stream;
            }
            var tls = new SslStream(stream);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = address.Origin.IdnHost },
                cancellationToken
            );
            return tls;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // The server closes after its one reply, so the end of the stream is the end of the message: no state machine is needed while reading.
    static async Task<byte[]> ReadToEndAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var all = new MemoryStream();
        var buffer = new byte[16 << 10];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (all.Length + read > MaxHeader + MaxBody)
            {
                throw new IOException("the reply is larger than a control listener's ever is");
            }
            all.Write(buffer, 0, read);
        }
        return all.ToArray();
    }

    /// <summary>Splits a whole HTTP/1.1 response. Bodies are delimited by Content-Length, by chunks, or by the end of the stream.</summary>
    /// <exception cref="IOException">The response is truncated or not HTTP/1.1.</exception>
    internal static ControlReply Parse(ReadOnlyMemory<byte> message)
    {
        var span = message.Span;
        var end = span.IndexOf("\r\n\r\n"u8);
        if (end < 0 || end > MaxHeader || !span.StartsWith("HTTP/1."u8) || span.Length < 12 || span[8] != (byte)' ')
        {
            throw new IOException("the reply is not HTTP/1.1, or was cut off");
        }
        if (!Utf8Parser.TryParse(span.Slice(9, 3), out int status, out var used) || used != 3 || status is < 200 or > 599)
        {
            throw new IOException("the reply has no usable status");
        }
        var body = message[(end + 4)..];
        var chunked = false;
        long? length = null;
        foreach (var line in Encoding.Latin1.GetString(span[..end]).Split("\r\n").Skip(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? line : line[..colon];
            var value = colon < 0 ? "" : line[(colon + 1)..].Trim();
            if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                length =
                    long.TryParse(value, System.Globalization.NumberStyles.None, null, out var n) && (length ?? n) == n
                        ? n
                        : throw new IOException("the reply's Content-Length is malformed");
            }
            else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            {
                chunked = value.Equals("chunked", StringComparison.OrdinalIgnoreCase)
                    ? true
                    : throw new IOException("the reply's transfer encoding is unknown");
            }
        }
        if (chunked)
        {
            return new ControlReply(status, Dechunk(body.Span));
        }
        if (length is { } expected)
        {
            return body.Length >= expected
                ? new ControlReply(status, body[..checked((int)expected)])
                : throw new IOException("the reply was cut off");
        }
        return new ControlReply(status, body);
    }

    static byte[] Dechunk(ReadOnlySpan<byte> rest)
    {
        using var body = new MemoryStream();
        while (true)
        {
            var line = rest.IndexOf("\r\n"u8);
            if (
                line is < 1 or > 256
                || !Utf8Parser.TryParse(rest[..line], out int size, out var used, 'x')
                || size < 0
                || (used != line && rest[used] != (byte)';')
            )
            {
                throw new IOException("the reply's chunks are malformed");
            }
            rest = rest[(line + 2)..];
            if (size == 0)
            {
                return body.ToArray();
            }
            if (rest.Length < size + 2L || rest[size] != (byte)'\r' || rest[size + 1] != (byte)'\n')
            {
                throw new IOException("the reply was cut off");
            }
            body.Write(rest[..size]);
            rest = rest[(size + 2)..];
        }
    }
}
