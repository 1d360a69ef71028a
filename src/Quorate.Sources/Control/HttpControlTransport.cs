using System.Net.Http.Headers;
using Quorate.Sources.Http;

namespace Quorate.Sources.Control;

/// <summary>The ordinary transport, over a unix socket or TCP, with connections kept alive. Thread-safe.</summary>
public sealed class HttpControlTransport : IControlTransport
{
    const int MaxReply = 256 << 20;

    readonly NodeAddress _address;
    readonly HttpClient _client;

    public HttpControlTransport(NodeAddress address, TimeSpan timeout)
    {
        _address = address;
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        if (address.Socket is { } path)
        {
            handler.ConnectToSocket(path);
        }
        _client = new HttpClient(handler)
        {
            BaseAddress = address.Origin,
            Timeout = timeout,
            MaxResponseContentBufferSize = MaxReply,
        };
    }

    public async Task<ControlReply> SendAsync(string method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        try
        {
            using var response = await _client.SendAsync(request, cancellationToken);
            return new ControlReply((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (HttpRequestException e)
        {
            throw new NodeUnreachableException(_address, e);
        }
        catch (TaskCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NodeUnreachableException(_address, new TimeoutException($"no reply within {_client.Timeout.TotalSeconds:0} s", e));
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
