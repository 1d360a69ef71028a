using System.Text;
using System.Text.Json;
using Quorate.Core.Encodings;
using Quorate.Crypto.Keys;

namespace Quorate.Crypto.Tokens;

/// <summary>The value of a <c>Trustix-Token</c> header: <c>{"name":"…","sig":"…"}</c>.</summary>
/// <param name="Signature">64 bytes.</param>
public readonly record struct TrustixTokenHeader(string Name, ReadOnlyMemory<byte> Signature)
{
    const int MaxLength = 1024;

    /// <summary>
    /// False unless the text is a JSON object of exactly the two strings, each once, with a proper name and a 64-byte signature in
    /// canonical base64. Order and white space are free: other clients than the Go one may print JSON differently.
    /// </summary>
    public static bool TryParse(string text, out TrustixTokenHeader header)
    {
        header = default;
        if (text.Length > MaxLength)
        {
            return false;
        }
        string? name = null;
        string? signature = null;
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), new JsonReaderOptions { MaxDepth = 1 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ref var field = ref name;
                if (reader.ValueTextEquals("sig"u8))
                {
                    field = ref signature;
                }
                else if (!reader.ValueTextEquals("name"u8))
                {
                    return false;
                }
                if (field is not null || !reader.Read() || reader.TokenType != JsonTokenType.String)
                {
                    return false;
                }
                field = reader.GetString();
            }
            // The reader throws on anything after the object.
            if (reader.TokenType != JsonTokenType.EndObject || reader.Read())
            {
                return false;
            }
        }
        catch (JsonException)
        {
            return false;
        }
        catch (InvalidOperationException)
        {
            // GetString on text that is no Unicode.
            return false;
        }
        if (
            name is null
            || signature is null
            || !NamedKeyText.IsName(name)
            || !StrictBase64.TryDecode(signature, Ed25519PublicKey.SignatureSize, out var bytes)
            || bytes.Length != Ed25519PublicKey.SignatureSize
        )
        {
            return false;
        }
        header = new TrustixTokenHeader(name, bytes);
        return true;
    }
}
