using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Quorate.Node.Configuration;

namespace Quorate.Node.Hosting;

/// <summary>
/// Listening sockets that systemd opened for us (sd_listen_fds(3)): <c>$LISTEN_FDS</c> descriptors from 3 on. They are matched to the
/// configured listeners by address, so their order does not matter and a socket that nothing claims is reported.
/// </summary>
sealed class InheritedSockets
{
    const int FirstDescriptor = 3;
    const int Most = 32;

    readonly Dictionary<string, ulong> _byAddress = new(StringComparer.Ordinal);

    InheritedSockets() { }

    public static InheritedSockets None { get; } = new();

    /// <summary>Addresses of sockets that <see cref="Take"/> has not handed out.</summary>
    public IEnumerable<string> Unclaimed => _byAddress.Keys;

    public static InheritedSockets FromEnvironment()
    {
        var sockets = new InheritedSockets();
        if (
            Environment.GetEnvironmentVariable("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(
                Environment.GetEnvironmentVariable("LISTEN_FDS"),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var count
            )
        )
        {
            return sockets;
        }
        for (var descriptor = FirstDescriptor; descriptor < FirstDescriptor + Math.Min(count, Most); descriptor++)
        {
            // The handle is not owned here: Kestrel adopts the descriptor by its number.
            using var handle = new SafeSocketHandle(descriptor, ownsHandle: false);
            using var socket = new Socket(handle);
            var address = socket.LocalEndPoint switch
            {
                IPEndPoint ip => new ListenAddress(Tls: false, ip, SocketPath: null).ToString(),
                UnixDomainSocketEndPoint unix => $"unix://{unix}",
                _ => $"descriptor {descriptor}",
            };
            sockets._byAddress[address] = (ulong)descriptor;
        }
        return sockets;
    }

    /// <summary>The descriptor of the socket at this address, once.</summary>
    public ulong? Take(ListenAddress address) =>
        _byAddress.Remove((address with { Tls = false }).ToString(), out var descriptor) ? descriptor : null;
}
