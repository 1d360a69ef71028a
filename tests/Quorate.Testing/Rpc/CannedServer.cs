using System.Net;
using System.Net.Sockets;

namespace Quorate.Testing.Rpc;

/// <summary>A TCP server that answers the n-th request with the n-th given bytes, whatever it was, and then closes the connection.</summary>
public sealed class CannedServer : IAsyncDisposable
{
    readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(30));
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly Queue<byte[]> _answers;
    readonly List<RawMessage> _requests = [];
    readonly Task _run;
    bool _disposed;

    public CannedServer(params byte[][] answers)
    {
        _answers = new Queue<byte[]>(answers);
        _listener.Start();
        _run = RunAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>What came in so far.</summary>
    public IReadOnlyList<RawMessage> Requests => _requests;

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        await _stop.CancelAsync();
        _listener.Stop();
        await _run;
        _stop.Dispose();
    }

    async Task RunAsync()
    {
        try
        {
            while (_answers.Count > 0)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                await ServeAsync(client.GetStream());
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException or InvalidOperationException)
        {
            // The test is over, or its client has gone.
        }
    }

    async Task ServeAsync(NetworkStream stream)
    {
        var reader = new RawReader(stream);
        while (_answers.Count > 0 && await reader.ReadAsync(_stop.Token) is { } request)
        {
            _requests.Add(request);
            var answer = _answers.Dequeue();
            await stream.WriteAsync(answer, _stop.Token);
        }
    }
}
