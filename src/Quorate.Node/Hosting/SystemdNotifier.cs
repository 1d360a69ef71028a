using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Quorate.Node.Hosting;

/// <summary>
/// Tells systemd how the service is (sd_notify(3)): datagrams to <c>$NOTIFY_SOCKET</c>. Does nothing where there is none. Being unable to
/// tell is never a reason to fail.
/// </summary>
sealed class SystemdNotifier(string? notifySocket)
{
    public static SystemdNotifier FromEnvironment() => new(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));

    /// <summary>Half of <c>$WATCHDOG_USEC</c>, how often the watchdog wants to hear of us; null when it does not.</summary>
    public static TimeSpan? WatchdogInterval()
    {
        var pid = Environment.GetEnvironmentVariable("WATCHDOG_PID");
        var isOurs = pid is null || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return
            isOurs
            && long.TryParse(
                Environment.GetEnvironmentVariable("WATCHDOG_USEC"),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var usec
            )
            && usec is > 0 and < 86_400_000_000
            ? TimeSpan.FromMicroseconds(usec / 2)
            : null;
    }

    public void Ready() => Send("READY=1");

    /// <summary>Type=notify-reload asks for the monotonic time of the reload's start.</summary>
    public void Reloading() =>
        Send($"RELOADING=1\nMONOTONIC_USEC={(Environment.TickCount64 * 1000).ToString(CultureInfo.InvariantCulture)}");

    public void Stopping() => Send("STOPPING=1");

    public void Alive() => Send("WATCHDOG=1");

    public void Status(string text) => Send($"STATUS={text.ReplaceLineEndings(" ")}");

    void Send(string message)
    {
        if (string.IsNullOrEmpty(notifySocket) || notifySocket[0] is not ('/' or '@'))
        {
            return;
        }
        try
        {
            // '@' names a socket of the abstract namespace, whose address begins with a zero byte.
            var address = notifySocket[0] == '@' ? '\0' + notifySocket[1..] : notifySocket;
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(address));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // The service manager is gone or was never there; the service itself is not affected.
            return;
        }
    }
}
