using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Quorate.Bench;

/// <summary>
/// Keeps many HTTP/1.1 connections busy from one thread: requests are made beforehand, answers are only counted and checked for their status, and
/// the kernel is asked directly (<c>epoll(7)</c>), because the generator shares two processors with what it measures.
/// </summary>
sealed unsafe partial class LoadGenerator : IDisposable
{
    const int ControlAdd = 1;
    const uint Readable = 1;
    const int MaxEvents = 256;
    const int NoSignal = 0x4000;

    readonly int _epoll;
    readonly Connection[] _connections;

    public LoadGenerator(EndPoint server, int connections)
    {
        _epoll = Checked(EpollCreate(0));
        _connections = new Connection[connections];
        for (var i = 0; i < connections; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(server);
            socket.Blocking = false;
            _connections[i] = new Connection(socket);
            var interest = new EpollEvent { Events = Readable, Data = (ulong)i };
            Checked(EpollControl(_epoll, ControlAdd, _connections[i].Descriptor, &interest));
        }
    }

    /// <summary>
    /// Sends every request once, each connection its next one as soon as it has the answer to the one before.
    /// </summary>
    /// <returns>How long each took, in the order of the answers, in microseconds.</returns>
    /// <exception cref="InvalidOperationException">An answer was not <c>200</c>.</exception>
    public double[] Run(IReadOnlyList<byte[]> requests)
    {
        var latencies = new double[requests.Count];
        var (next, done) = (0, 0);
        foreach (var connection in _connections)
        {
            if (next < requests.Count)
            {
                connection.Send(requests[next++]);
            }
        }
        var events = stackalloc EpollEvent[MaxEvents];
        while (done < requests.Count)
        {
            var ready = EpollWait(_epoll, events, MaxEvents, 30_000);
            if (ready <= 0)
            {
                throw new InvalidOperationException($"no answer for 30 s, after {done} of {requests.Count} requests");
            }
            for (var i = 0; i < ready; i++)
            {
                var connection = _connections[(int)events[i].Data];
                if (!connection.Receive())
                {
                    continue;
                }
                latencies[done++] = Stopwatch.GetElapsedTime(connection.SentAt).TotalMicroseconds;
                if (next < requests.Count)
                {
                    connection.Send(requests[next++]);
                }
            }
        }
        return latencies;
    }

    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }
        _ = Close(_epoll);
    }

    static int Checked(int result) => result >= 0 ? result : throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());

    sealed class Connection(Socket socket) : IDisposable
    {
        // An answer has a few headers and two bytes.
        readonly byte[] _answer = new byte[4096];
        int _length;

        public int Descriptor { get; } = (int)socket.Handle;

        public long SentAt { get; private set; }

        public void Send(byte[] request)
        {
            SentAt = Stopwatch.GetTimestamp();
            fixed (byte* bytes = request)
            {
                // Small beside any send buffer, which is empty: the answer to everything before has come.
                if (SendBytes(Descriptor, bytes, (nuint)request.Length, NoSignal) != request.Length)
                {
                    throw new InvalidOperationException("a request did not fit the send buffer");
                }
            }
        }

        /// <summary>Takes what came; true when an answer is whole.</summary>
        public bool Receive()
        {
            fixed (byte* bytes = &_answer[_length])
            {
                var read = ReceiveBytes(Descriptor, bytes, (nuint)(_answer.Length - _length), 0);
                if (read <= 0)
                {
                    throw new InvalidOperationException("the node closed a connection");
                }
                _length += (int)read;
            }
            var answer = _answer.AsSpan(0, _length);
            var head = answer.IndexOf("\r\n\r\n"u8);
            if (head < 0)
            {
                return false;
            }
            if (!answer.StartsWith("HTTP/1.1 200 "u8))
            {
                throw new InvalidOperationException("not accepted: " + Encoding.ASCII.GetString(answer));
            }
            if (_length < head + 4 + ContentLength(answer[..head]))
            {
                return false;
            }
            _length = 0;
            return true;
        }

        static int ContentLength(ReadOnlySpan<byte> head)
        {
            var name = "\r\nContent-Length: "u8;
            var at = head.IndexOf(name);
            if (at < 0)
            {
                throw new InvalidOperationException("an answer without a length");
            }
            var length = 0;
            for (var i = at + name.Length; i < head.Length && head[i] is >= (byte)'0' and <= (byte)'9'; i++)
            {
                length = 10 * length + head[i] - '0';
            }
            return length;
        }

        public void Dispose() => socket.Dispose();
    }

    // epoll_event is packed on x86-64 only; elsewhere the 64-bit member is aligned.
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    struct EpollEvent
    {
        public uint Events;
        public ulong Data;
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int epoll, int operation, int descriptor, EpollEvent* interest);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(int epoll, EpollEvent* events, int count, int timeout);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendBytes(int descriptor, byte* bytes, nuint count, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveBytes(int descriptor, byte* bytes, nuint count, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
