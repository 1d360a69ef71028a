using System.Diagnostics.CodeAnalysis;

namespace Quorate.Sources.Control;

/// <summary>Where a node's control listener is: a unix socket or an HTTP origin.</summary>
public sealed record NodeAddress
{
    NodeAddress() { }

    /// <summary>Path of the unix socket; null for HTTP.</summary>
    public string? Socket { get; private init; }

    /// <summary>The origin that requests name; <c>http://localhost/</c> for unix sockets.</summary>
    public Uri Origin { get; private init; } = new("http://localhost/");

    /// <summary>Reads <c>http://host:port</c>, <c>https://host:port</c>, <c>unix:///path</c> or <c>unix:path</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out NodeAddress? address, out string error)
    {
        address = null;
        error = "";
        if (text.StartsWith("unix:", StringComparison.Ordinal))
        {
            var path = text[5..];
            path = path.StartsWith("///", StringComparison.Ordinal) ? path[2..] : path;
            if (path.Length < 2 || path[0] != '/' || path[1] == '/')
            {
                error = $"'{text}': a unix address is unix:///absolute/path";
                return false;
            }
            // sun_path holds 108 bytes with its terminator.
            if (System.Text.Encoding.UTF8.GetByteCount(path) > 107)
            {
                error = $"'{path}' is longer than the 107 bytes that a unix socket path may have";
                return false;
            }
            address = new NodeAddress { Socket = path };
            return true;
        }
        if (
            Uri.TryCreate(text, UriKind.Absolute, out var uri)
            && uri.Scheme is "http" or "https"
            && uri.AbsolutePath == "/"
            && uri.Query.Length == 0
            && uri.Fragment.Length == 0
            && uri.UserInfo.Length == 0
        )
        {
            address = new NodeAddress { Origin = uri };
            return true;
        }
        error = $"'{text}' is not a node address: use unix:///path/control.socket, http://host:port or https://host:port";
        return false;
    }

    /// <summary>
    /// Finds the node: <paramref name="given"/>, <c>$QUORATE_NODE</c>, <c>/run/quorate/control.socket</c>, then the user's runtime directory.
    /// What is named explicitly is taken as it is; the two default sockets only when they exist.
    /// </summary>
    /// <exception cref="NodeUnreachableException">An address is malformed, or nothing was named and neither socket exists.</exception>
    public static NodeAddress Locate(string? given, Func<string, string?> environment)
    {
        var (named, source) = !string.IsNullOrEmpty(given) ? (given, "--node") : (environment("QUORATE_NODE"), "$QUORATE_NODE");
        if (!string.IsNullOrEmpty(named))
        {
            return TryParse(named, out var address, out var error) ? address : throw new NodeUnreachableException($"{source}: {error}");
        }
        var sockets = DefaultSockets(environment);
        var found = sockets.FirstOrDefault(File.Exists);
        return found is not null
            ? new NodeAddress { Socket = found }
            : throw new NodeUnreachableException(
                "no node found. Tried: --node (not given), $QUORATE_NODE (not set), "
                    + string.Join(", ", sockets.Select(s => s + " (no such socket)"))
                    + ".\nStart one with `quorated --config FILE`, or name it: --node unix:///path/control.socket"
            );
    }

    public static IReadOnlyList<string> DefaultSockets(Func<string, string?> environment)
    {
        var sockets = new List<string> { "/run/quorate/control.socket" };
        if (environment("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
        {
            sockets.Add(Path.Combine(runtime, "quorate", "control.socket"));
        }
        return sockets;
    }

    public override string ToString() => Socket is null ? Origin.ToString().TrimEnd('/') : "unix://" + Socket;
}

/// <summary>No node could be talked to. The message is for people and says what was tried.</summary>
public sealed class NodeUnreachableException : IOException
{
    public NodeUnreachableException(string message)
        : base(message) { }

    public NodeUnreachableException(NodeAddress address, Exception inner)
        : base(Explain(address, inner), inner) { }

    static string Explain(NodeAddress address, Exception inner)
    {
        var detail = inner.InnerException?.Message ?? inner.Message;
        if (address.Socket is not { } socket)
        {
            return $"the node at {address} does not answer: {detail}";
        }
        return Path.Exists(socket)
            ? $"the node at {address} does not answer: {detail}. Is it running, and may you open the socket?"
            : $"the node at {address} does not answer: there is no such socket. Is quorated running?";
    }
}

/// <summary>The node answered with an error.</summary>
/// <param name="code">Connect code: <c>not_found</c>, <c>failed_precondition</c> …</param>
public sealed class ControlException(int status, string code, string message) : IOException(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;
}
