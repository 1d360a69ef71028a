using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Quorate.Sources.Connect;

/// <summary>
/// Base URL of a Connect server: <c>http://host:port</c>, <c>https://host[/prefix]</c> or <c>unix:///path.socket[/prefix]</c>. In a unix URL
/// everything up to the first <c>.socket</c> is the file, as Trustix has it.
/// </summary>
public sealed class ConnectAddress
{
    const string SocketSuffix = ".socket";

    readonly string _text;

    ConnectAddress(string text, Uri baseUri, string? socketPath)
    {
        _text = text;
        BaseUri = baseUri;
        SocketPath = socketPath;
        Host = socketPath is null ? null : Base64Url.EncodeToString(Encoding.UTF8.GetBytes(socketPath));
    }

    /// <summary>The file of a unix socket; null over TCP.</summary>
    public string? SocketPath { get; }

    /// <summary>True when no network lies between: a unix socket or a loopback address.</summary>
    public bool IsLocal => SocketPath is not null || BaseUri.IsLoopback;

    /// <summary>Scheme, host, port and prefix, without a slash at the end.</summary>
    internal Uri BaseUri { get; }

    /// <summary>The Host header where it is not the URL's: base64url of the socket's path, as Trustix clients send.</summary>
    internal string? Host { get; }

    public static bool TryParse(string url, [NotNullWhen(true)] out ConnectAddress? address)
    {
        address = null;
        if (url.Length > 2048 || !Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0)
        {
            return false;
        }
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            return false;
        }
        if (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        {
            address = new ConnectAddress(url, new Uri(uri.GetLeftPart(UriPartial.Path).TrimEnd('/')), socketPath: null);
            return true;
        }
        if (uri.Scheme != "unix" || uri.Host.Length > 0)
        {
            return false;
        }
        var path = Uri.UnescapeDataString(uri.AbsolutePath);
        var end = path.IndexOf(SocketSuffix, StringComparison.Ordinal);
        if (end < 0 || path.Contains('\0'))
        {
            return false;
        }
        end += SocketSuffix.Length;
        var prefix = path[end..].TrimEnd('/');
        if (prefix.Length > 0 && prefix[0] != '/')
        {
            return false;
        }
        address = new ConnectAddress(url, new Uri("http://localhost" + prefix), path[..end]);
        return true;
    }

    /// <exception cref="FormatException">Not one of the three forms.</exception>
    public static ConnectAddress Parse(string url) =>
        TryParse(url, out var address)
            ? address
            : throw new FormatException($"'{url}' is not http://host:port, https://host[/prefix] or unix:///path.socket[/prefix]");

    internal Uri Resolve(string procedure) => new(BaseUri.AbsoluteUri.TrimEnd('/') + procedure);

    public override string ToString() => _text;
}
