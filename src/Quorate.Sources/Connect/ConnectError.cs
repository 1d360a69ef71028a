using System.Text.Json;
using Quorate.Rpc;

namespace Quorate.Sources.Connect;

/// <summary>Reads the JSON body of a failed Connect call.</summary>
static class ConnectError
{
    public const int MaxBytes = 64 << 10;
    const int MaxMessage = 1000;

    /// <summary>Never throws for the body's content: what is no Connect error becomes one by its HTTP status.</summary>
    public static RpcException Parse(ReadOnlySpan<byte> body, string? mediaType, int status)
    {
        if (mediaType == "application/json" && TryParse(body, out var code, out var message))
        {
            return new RpcException(code, message) { FromRemote = true };
        }
        return new RpcException(RpcCodes.FromHttpStatus(status), $"HTTP status {status} without a Connect error");
    }

    static bool TryParse(ReadOnlySpan<byte> body, out RpcCode code, out string message)
    {
        code = default;
        message = "";
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 16 });
        try
        {
            using var document = JsonDocument.ParseValue(ref reader);
            if (
                document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("code", out var name)
                || name.ValueKind != JsonValueKind.String
                || !RpcCodes.TryParse(name.GetString()!, out code)
            )
            {
                return false;
            }
            message =
                document.RootElement.TryGetProperty("message", out var text) && text.ValueKind == JsonValueKind.String
                    ? Printable(text.GetString()!)
                    : "";
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not valid UTF-16.
            return false;
        }
    }

    /// <summary>Foreign text ends in terminals and log files: no control characters, no novels.</summary>
    static string Printable(string text)
    {
        var cut = text.Length > MaxMessage ? text[..MaxMessage] + "…" : text;
        return string.Create(
            cut.Length,
            cut,
            (span, source) =>
            {
                for (var i = 0; i < span.Length; i++)
                {
                    span[i] = char.IsControl(source[i]) ? '\uFFFD' : source[i];
                }
            }
        );
    }
}
