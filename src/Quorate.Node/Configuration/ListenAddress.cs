using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Quorate.Node.Configuration;

/// <summary>Where a listener waits: <c>http://ADDRESS:PORT</c>, <c>https://ADDRESS:PORT</c> or <c>unix:///PATH</c>.</summary>
/// <param name="EndPoint">Null for unix sockets. Port 0 takes a free port.</param>
/// <param name="SocketPath">Absolute; null for TCP.</param>
public sealed record ListenAddress(bool Tls, IPEndPoint? EndPoint, string? SocketPath)
{
    public const string Form =
        "http://ADDRESS:PORT, https://ADDRESS:PORT (ADDRESS: an IP address, localhost, or * for all) or unix:///PATH";

    /// <summary>The kernel's limit on a socket's path (sun_path), without its terminator.</summary>
    public const int LongestSocketPath = 107;

    public bool IsLoopback => EndPoint is null || IPAddress.IsLoopback(EndPoint.Address);

    public static bool TryParse(string text, [NotNullWhen(true)] out ListenAddress? address)
    {
        address = null;
        if (text.StartsWith("unix://", StringComparison.Ordinal))
        {
            var path = text["unix://".Length..];
            if (path.StartsWith('/') && path.Length > 1 && !path.Contains('\0', StringComparison.Ordinal))
            {
                address = new ListenAddress(Tls: false, EndPoint: null, path);
            }
            return address is not null;
        }
        var tls = text.StartsWith("https://", StringComparison.Ordinal);
        if (!tls && !text.StartsWith("http://", StringComparison.Ordinal))
        {
            return false;
        }
        var rest = text[(tls ? "https://" : "http://").Length..].TrimEnd('/');
        var colon = rest.LastIndexOf(':');
        if (colon <= 0 || !TryPort(rest[(colon + 1)..], out var port) || !TryHost(rest[..colon], out var host))
        {
            return false;
        }
        address = new ListenAddress(tls, new IPEndPoint(host, port), SocketPath: null);
        return true;
    }

    public override string ToString() => SocketPath is not null ? $"unix://{SocketPath}" : $"{(Tls ? "https" : "http")}://{EndPoint}";

    static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= IPEndPoint.MaxPort;

    static bool TryHost(string text, [NotNullWhen(true)] out IPAddress? host)
    {
        host = null;
        if (text is "localhost")
        {
            host = IPAddress.Loopback;
        }
        else if (text is "*")
        {
            host = IPAddress.IPv6Any;
        }
        else if (text.StartsWith('[') && text.EndsWith(']'))
        {
            _ = IPAddress.TryParse(text.AsSpan(1, text.Length - 2), out host);
        }
        else if (text.Count(c => c == '.') == 3 && IPAddress.TryParse(text, out var v4))
        {
            host = v4;
        }
        return host is not null;
    }
}
