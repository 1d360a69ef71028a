using System.Buffers;
using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;

namespace Quorate.Node.Rpc;

/// <summary>The request half of the Connect unary protocol.</summary>
static class ConnectRequest
{
    /// <summary>Refuses what is not a unary Connect call of this procedure, and finds its codec.</summary>
    public static MessageCodec FindCodec(HttpContext context, string procedure)
    {
        var request = context.Request;
        // Routing ignores case, Connect does not.
        if (request.Path.Value != procedure)
        {
            throw new RpcException(RpcCode.Unimplemented, $"{request.Path.Value} is not served here");
        }
        if (!HttpMethods.IsPost(request.Method))
        {
            context.Response.Headers.Allow = HttpMethods.Post;
            throw new RpcException(RpcCode.Unimplemented, "procedures are called with POST")
            {
                HttpStatus = StatusCodes.Status405MethodNotAllowed,
            };
        }
        if (!MessageCodec.TryFind(request.ContentType, out var codec))
        {
            context.Response.Headers["Accept-Post"] = "application/json, application/json; charset=utf-8, application/proto";
            throw new RpcException(
                RpcCode.Unimplemented,
                request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true
                    ? "gRPC is not spoken here; use the Connect protocol with application/proto or application/json"
                    : "the content type must be application/proto or application/json"
            )
            {
                HttpStatus = StatusCodes.Status415UnsupportedMediaType,
            };
        }
        if (request.Headers["Connect-Protocol-Version"] is { Count: > 0 } version && version != "1")
        {
            throw new RpcException(RpcCode.InvalidArgument, "Connect-Protocol-Version must be 1");
        }
        return codec;
    }

    /// <summary>What the client asks for, but never more than the configured time.</summary>
    public static TimeSpan Timeout(HttpContext context, TimeSpan maximum)
    {
        var header = context.Request.Headers["Connect-Timeout-Ms"];
        if (header.Count == 0)
        {
            return maximum;
        }
        // At most ten digits (Connect specification).
        if (
            header.Count > 1
            || header[0] is not { Length: > 0 and <= 10 } text
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
        )
        {
            throw new RpcException(RpcCode.InvalidArgument, "Connect-Timeout-Ms must be a number of at most ten digits");
        }
        return milliseconds < maximum.TotalMilliseconds ? TimeSpan.FromMilliseconds(milliseconds) : maximum;
    }

    public static async ValueTask<T> ReadAsync<T>(
        HttpContext context,
        MessageParser<T> parser,
        MessageCodec codec,
        MessageLimits limits,
        CancellationToken cancellationToken
    )
        where T : class, IMessage<T>, new()
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // The limit here is ours, so that it is answered in Connect's way.
            size.MaxRequestBodySize = null;
        }
        if (context.Request.ContentLength > limits.MaxBytes)
        {
            throw TooLarge(limits);
        }
        var gzip = IsGzip(context.Request);
        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            if (!result.IsCompleted && buffer.Length <= limits.MaxBytes)
            {
                reader.AdvanceTo(buffer.Start, buffer.End);
                continue;
            }
            try
            {
                return buffer.Length > limits.MaxBytes
                    ? throw TooLarge(limits)
                    : codec.Decode(gzip ? Decompress(buffer, limits) : buffer, parser, limits);
            }
            finally
            {
                reader.AdvanceTo(buffer.End);
            }
        }
    }

    static bool IsGzip(HttpRequest request) =>
        request.Headers.ContentEncoding.ToString() switch
        {
            "" or "identity" => false,
            "gzip" => true,
            var other => throw new RpcException(
                RpcCode.Unimplemented,
                $"unknown compression '{RpcText.Shorten(other)}': supported encodings are gzip and identity"
            ),
        };

    static ReadOnlySequence<byte> Decompress(in ReadOnlySequence<byte> body, MessageLimits limits)
    {
        var length = (int)body.Length;
        // An empty body is an empty message, compressed or not (connect-go sends it so).
        if (length == 0)
        {
            return body;
        }
        var compressed = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            body.CopyTo(compressed);
            return new ReadOnlySequence<byte>(Gzip.Decompress(compressed, 0, length, limits.MaxBytes));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(compressed);
        }
    }

    static RpcException TooLarge(MessageLimits limits) =>
        new(RpcCode.ResourceExhausted, $"message is larger than the limit of {limits.MaxBytes} bytes");
}
