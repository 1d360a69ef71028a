using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Sources.Http;

namespace Quorate.Sources.Connect;

/// <summary>
/// Calls unary Connect procedures over HTTP/1.1 with binary protobuf, as Trustix's own client does. Every fault is an
/// <see cref="RpcException"/>, whose message leaves it to the caller to name <see cref="Address"/>; only the caller's own cancellation is not.
/// Thread-safe.
/// </summary>
public sealed class ConnectClient : IDisposable
{
    static readonly MediaTypeHeaderValue ProtoType = new("application/proto");

    readonly ConnectClientOptions _options;
    readonly HttpMessageInvoker _http;
    readonly ConcurrentDictionary<string, Uri> _targets = new(StringComparer.Ordinal);
    readonly string _timeoutMilliseconds;

    public ConnectClient(ConnectAddress address, ConnectClientOptions? options = null)
    {
        Address = address;
        _options = options ?? new ConnectClientOptions();
        _timeoutMilliseconds = ((long)_options.Timeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        _http = new HttpMessageInvoker(CreateHandler(address, _options));
    }

    public ConnectAddress Address { get; }

    /// <exception cref="RpcException">The call failed, for whatever reason.</exception>
    public Task<TResponse> CallAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method,
        TRequest request,
        CancellationToken cancellationToken
    )
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new() => CallAsync(method, request, CallLimits.Small, cancellationToken);

    /// <exception cref="RpcException">The call failed, for whatever reason.</exception>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method,
        TRequest request,
        CallLimits limits,
        CancellationToken cancellationToken
    )
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_options.Timeout);
        try
        {
            using var message = CreateRequest(method, request, limits);
            using var response = await _http.SendAsync(message, deadline.Token);
            return await ReadAsync(method, response, limits, deadline.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // Either our deadline or the connect time-out, which SocketsHttpHandler reports in the same way.
            throw new RpcException(RpcCode.DeadlineExceeded, "no answer in time", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new RpcException(RpcCode.Unavailable, Innermost(e).Message, e);
        }
        catch (MalformedException e)
        {
            throw new RpcException(RpcCode.Internal, $"{method.Procedure} was answered with garbage: {e.Message}", e);
        }
    }

    public void Dispose() => _http.Dispose();

    static SocketsHttpHandler CreateHandler(ConnectAddress address, ConnectClientOptions options)
    {
        var handler = OutboundHandler.Create(options.ConnectTimeout, options.MaxConnections, address.IsLocal);
        if (address.SocketPath is { } path)
        {
            handler.ConnectToSocket(path);
        }
        return handler;
    }

    HttpRequestMessage CreateRequest<TRequest>(RpcMethod method, TRequest request, CallLimits limits)
        where TRequest : IMessage
    {
        var content = new ByteArrayContent(MessageCodec.Proto.Encode(request));
        content.Headers.ContentType = ProtoType;
        var target = _targets.GetOrAdd(method.Procedure, static (procedure, address) => address.Resolve(procedure), Address);
        var message = new HttpRequestMessage(HttpMethod.Post, target) { Content = content };
        var headers = message.Headers;
        headers.Host = Address.Host;
        headers.TryAddWithoutValidation("Connect-Protocol-Version", "1");
        headers.TryAddWithoutValidation("Connect-Timeout-Ms", _timeoutMilliseconds);
        headers.TryAddWithoutValidation("User-Agent", "quorate");
        headers.TryAddWithoutValidation("Accept-Encoding", limits.AcceptGzip ? "gzip" : "identity");
        if (_options.Token?.Invoke(method) is { } token)
        {
            headers.TryAddWithoutValidation("Trustix-Token", token);
        }
        return message;
    }

    static async Task<TResponse> ReadAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method,
        HttpResponseMessage response,
        CallLimits limits,
        CancellationToken cancellationToken
    )
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        var ok = response.StatusCode == HttpStatusCode.OK;
        var maxBytes = ok ? limits.MaxBytes : ConnectError.MaxBytes;
        var mediaType = response.Content.Headers.ContentType?.MediaType;
        if (ok && mediaType != "application/proto")
        {
            throw new RpcException(RpcCode.Internal, $"the answer's type is '{mediaType}', not application/proto");
        }
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var body = await PooledBody.ReadAsync(stream, response.Content.Headers.ContentLength, maxBytes, cancellationToken);
        var plain = IsGzip(response.Content.Headers.ContentEncoding) ? Gzip.Decompress(body.Array, 0, body.Length, maxBytes) : body.Memory;
        return ok
            ? MessageCodec.Proto.Decode(
                new ReadOnlySequence<byte>(plain),
                method.ResponseParser,
                new MessageLimits(limits.MaxBytes, limits.MaxElements)
            )
            : throw ConnectError.Parse(plain.Span, mediaType, (int)response.StatusCode);
    }

    static bool IsGzip(ICollection<string> encodings) =>
        encodings.Count != 0
        && (
            encodings.Count == 1 && encodings.First() is "gzip" or "identity"
                ? encodings.First() == "gzip"
                : throw new RpcException(RpcCode.Internal, $"the answer is encoded as '{string.Join(", ", encodings)}'")
        );

    static Exception Innermost(Exception e) => e.InnerException is { } inner and (IOException or SocketException) ? Innermost(inner) : e;
}
