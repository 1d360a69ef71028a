using System.Net;
using System.Net.Http.Headers;
using Quorate.Crypto.Tokens;
using Quorate.Sources.Http;

namespace Quorate.Sources.Traces;

/// <summary>
/// Trace objects over HTTP. 404 and 410 say that there is no object; everything but 200 besides says nothing. Redirects are not followed:
/// who asks for traces of a cache wants that cache's.
/// </summary>
sealed class TraceHttp : ITraceStorage
{
    readonly HttpMessageInvoker _http;
    readonly TraceCacheOptions _options;
    readonly TimeProvider _time;

    public TraceHttp(TraceCacheAddress address, TraceCacheOptions options, TimeProvider time)
    {
        _http = new HttpMessageInvoker(OutboundHandler.Create(options.ConnectTimeout, options.MaxConnections, address.IsLoopback));
        _options = options;
        _time = time;
    }

    public Task<StoredTrace?> ReadAsync(Uri name, int maxBytes, CancellationToken cancellationToken) =>
        GuardAsync(
            name,
            async deadline =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, name);
                request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
                request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
                using var response = await _http.SendAsync(request, deadline);
                if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
                {
                    return null;
                }
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    throw new TraceCacheException($"{name} answers with status {(int)response.StatusCode}");
                }
                if (response.Content.Headers.ContentEncoding.Any(encoding => encoding != "identity"))
                {
                    throw new TraceCacheException($"{name} answers with a content encoding that was not asked for");
                }
                var bytes = await BodyAsync(name, response.Content, maxBytes, deadline);
                // A weak tag never matches a condition (RFC 9110 §13.1.1).
                return new StoredTrace(bytes, response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : null);
            },
            cancellationToken
        );

    public void Prepare()
    {
        // Only its owner can.
    }

    public Task<bool> TryWriteAsync(Uri name, byte[] bytes, StoredTrace? read, CancellationToken cancellationToken) =>
        GuardAsync(
            name,
            async deadline =>
            {
                if (read is { Tag: null })
                {
                    throw new TraceCacheException($"{name} has no strong ETag, so adding to it could undo what others add");
                }
                using var request = new HttpRequestMessage(HttpMethod.Put, name) { Content = new ByteArrayContent(bytes) };
                request.Headers.TryAddWithoutValidation("User-Agent", "quorate");
                request.Headers.TryAddWithoutValidation(read is null ? "If-None-Match" : "If-Match", read?.Tag ?? "*");
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                if (_options.WriteToken is { } token)
                {
                    if (name.Scheme != Uri.UriSchemeHttps && !name.IsLoopback)
                    {
                        throw new TraceCacheException(
                            $"{name}: a write token is not sent over an unencrypted connection to another machine"
                        );
                    }
                    request.Headers.TryAddWithoutValidation(TrustixToken.HeaderName, token);
                }
                using var response = await _http.SendAsync(request, deadline);
                return response.StatusCode switch
                {
                    HttpStatusCode.OK or HttpStatusCode.Created or HttpStatusCode.NoContent => true,
                    HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict => false,
                    _ => throw new TraceCacheException($"{name} refuses an upload with status {(int)response.StatusCode}"),
                };
            },
            cancellationToken
        );

    public void Dispose() => _http.Dispose();

    static async Task<byte[]> BodyAsync(Uri name, HttpContent content, int maxBytes, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > maxBytes)
        {
            throw new TraceCacheException($"{name} sends {content.Headers.ContentLength} bytes, over the limit of {maxBytes}");
        }
        await using var body = await content.ReadAsStreamAsync(cancellationToken);
        // The stated length is a hint and no reason to take that much memory at once.
        using var buffer = new MemoryStream((int)Math.Min(content.Headers.ContentLength ?? 4096, 64 << 10));
        var chunk = new byte[16 << 10];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > maxBytes)
            {
                throw new TraceCacheException($"{name} sends more than {maxBytes} bytes");
            }
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }

    /// <summary>Turns every way in which a cache can fail into one exception; only the caller's own cancellation passes.</summary>
    async Task<T> GuardAsync<T>(Uri name, Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.Timeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return await action(linked.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TraceCacheException($"{name} did not answer within {_options.Timeout.TotalSeconds:0} s", e);
        }
        catch (Exception e) when (e is HttpRequestException or (IOException and not TraceCacheException))
        {
            throw new TraceCacheException($"{name}: {e.Message}", e);
        }
    }
}
