using System.Net.Sockets;

namespace Quorate.Node.Hosting;

/// <summary>A socket file outlives a process that was killed. It may be removed only if nobody answers on it.</summary>
static class StaleSocket
{
    /// <exception cref="StartException">Somebody answers, or the path is no socket.</exception>
    public static async Task RemoveAsync(string path, CancellationToken cancellationToken)
    {
        if (!Path.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            return;
        }
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Refused: a socket without a listener. A plain file is refused, too, and must not be deleted.
            if (IsSocket(path))
            {
                File.Delete(path);
                return;
            }
            throw new StartException($"{path} is in the way: it is not a socket", e);
        }
        throw new StartException($"another process already listens on {path}");
    }

    static bool IsSocket(string path)
    {
        // .NET shows a socket as a file of length 0 that is no normal file; opening one for reading fails with ENXIO.
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
