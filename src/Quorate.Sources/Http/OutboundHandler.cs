using System.Net;
using System.Net.Sockets;

namespace Quorate.Sources.Http;

/// <summary>How this program talks HTTP to strangers: no redirects, cookies or decompression behind its back, and little patience for headers.</summary>
static class OutboundHandler
{
    /// <param name="local">Loopback or a unix socket: never through a proxy.</param>
    public static SocketsHttpHandler Create(TimeSpan connectTimeout, int maxConnections, bool local) =>
        new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = connectTimeout,
            MaxConnectionsPerServer = maxConnections,
            MaxResponseDrainSize = 16 << 10,
            MaxResponseHeadersLength = 16,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90),
            // Names may move to other addresses.
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            ActivityHeadersPropagator = null,
            UseCookies = false,
            UseProxy = !local,
        };

    /// <summary>Sends every connection of the handler to a unix socket, whatever host its requests name.</summary>
    public static void ConnectToSocket(this SocketsHttpHandler handler, string path) =>
        handler.ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        };
}
