using System.Text;
using System.Text.Json;
using Quorate.Core.Encodings;
using Quorate.Crypto;
using Quorate.Node.Configuration;
using Quorate.Rpc;

namespace Quorate.Node.Rpc;

/// <summary>
/// Trustix's write token: <c>{"name":"…","sig":"…"}</c>, where the signature covers <c>name:procedure</c> and nothing else, so that the
/// header is a constant bearer string for each procedure.
/// </summary>
static class TokenHeader
{
    public const string Name = "Trustix-Token";
    const int MaxLength = 1024;

    /// <exception cref="RpcException"><see cref="RpcCode.Unauthenticated"/>: malformed, unknown, or a signature over something else.</exception>
    public static TokenSection Verify(string header, string procedure, IReadOnlyList<TokenSection> tokens)
    {
        if (header.Length > MaxLength || !TryParse(header, out var name, out var signature))
        {
            throw new RpcException(RpcCode.Unauthenticated, "error decoding auth header");
        }
        var token = tokens.FirstOrDefault(t => t.Name == name);
        if (token is null || !token.Key.Verify(Encoding.UTF8.GetBytes($"{name}:{procedure}"), signature))
        {
            // One message for both: names of tokens are nobody's business.
            throw new RpcException(RpcCode.Unauthenticated, "signature verification failed");
        }
        return token;
    }

    static bool TryParse(string header, out string name, out byte[] signature)
    {
        name = "";
        signature = [];
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(header), new JsonReaderOptions { MaxDepth = 2 });
            using var document = JsonDocument.ParseValue(ref reader);
            if (
                reader.BytesConsumed != Encoding.UTF8.GetByteCount(header)
                || document.RootElement.ValueKind != JsonValueKind.Object
                || document.RootElement.GetPropertyCount() != 2
                || !document.RootElement.TryGetProperty("name", out var first)
                || !document.RootElement.TryGetProperty("sig", out var second)
                || first.ValueKind != JsonValueKind.String
                || second.ValueKind != JsonValueKind.String
            )
            {
                return false;
            }
            name = first.GetString()!;
            return StrictBase64.TryDecode(second.GetString()!, Ed25519PublicKey.SignatureSize, out signature);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
