using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;

namespace Quorate.Node.Rpc;

/// <summary>The response half of the Connect unary protocol.</summary>
static class ConnectReply
{
    public static async Task SendAsync(HttpContext context, MessageCodec codec, IMessage message, CancellationToken cancellationToken)
    {
        var plain = codec.Encode(message);
        var body = new ArraySegment<byte>(plain);
        var response = context.Response;
        if (plain.Length >= Gzip.Threshold && AcceptsGzip(context.Request))
        {
            var compressed = Gzip.Compress(plain);
            if (compressed.Count < plain.Length)
            {
                body = compressed;
                response.Headers.ContentEncoding = "gzip";
            }
        }
        response.Headers.AcceptEncoding = "gzip";
        response.ContentType = codec.ContentType;
        response.ContentLength = body.Count;
        await response.Body.WriteAsync(body, cancellationToken);
    }

    /// <summary>Connect's error body; the HTTP status is the code's unless the exception names one.</summary>
    public static async Task ErrorAsync(HttpContext context, RpcException error)
    {
        var json = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("code", error.Code.Name());
            writer.WriteString("message", error.Message);
            writer.WriteEndObject();
        }
        var response = context.Response;
        response.StatusCode = error.HttpStatus ?? error.Code.HttpStatus();
        response.ContentType = "application/json";
        response.ContentLength = json.WrittenCount;
        if (error.RetryAfter is { } delay)
        {
            response.Headers.RetryAfter = ((long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(json.WrittenMemory, context.RequestAborted);
        }
    }

    static bool AcceptsGzip(HttpRequest request)
    {
        foreach (var header in request.Headers.AcceptEncoding)
        {
            foreach (var item in (header ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                if (item == "gzip" || (item.StartsWith("gzip;", StringComparison.Ordinal) && !IsZero(item)))
                {
                    return true;
                }
            }
        }
        return false;
    }

    static bool IsZero(string item) =>
        item.Replace(" ", "", StringComparison.Ordinal) is "gzip;q=0" or "gzip;q=0.0" or "gzip;q=0.00" or "gzip;q=0.000";
}
