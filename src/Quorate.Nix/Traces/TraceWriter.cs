using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Traces;

/// <summary>
/// Signs a statement in one of the formats. All JSON is compact with members in ascending order, so that equal statements have equal bytes.
/// </summary>
public static class TraceWriter
{
    // What signed JSON needs no escape for, it gets none for: other writers of the formats print it so.
    static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The element's bytes: a compact JWS, or one line of JSON without its line end.</summary>
    /// <param name="keyName">The name before the colon of a JWS key id, as in the key's file. Bundles do not use it.</param>
    /// <exception cref="ArgumentException">The format cannot express the statement.</exception>
    public static byte[] Sign(TraceStatement statement, TraceFormat format, Ed25519PrivateKey key, string keyName) =>
        format == TraceFormat.Bundle ? Bundle(statement, key) : JwsWriter.Sign(statement, format, key, keyName);

    static byte[] Bundle(TraceStatement statement, Ed25519PrivateKey key)
    {
        var payload = StatementWriter.Payload(statement, key.PublicKey);
        var head = DsseEnvelope.PreAuthenticationHead(TraceStatementNames.PayloadType, payload.Length);
        var signature = key.SignPrehashed(head, payload);
        var hint = KeyFingerprints.Ssh(key.PublicKey);
        return Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartObject("dsseEnvelope"u8);
            writer.WriteBase64String("payload"u8, payload);
            writer.WriteString("payloadType"u8, TraceStatementNames.PayloadType);
            writer.WriteStartArray("signatures"u8);
            writer.WriteStartObject();
            writer.WriteString("keyid"u8, hint);
            writer.WriteBase64String("sig"u8, signature);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteString("mediaType"u8, TraceStatementNames.BundleType);
            writer.WriteStartObject("verificationMaterial"u8);
            writer.WriteStartObject("publicKey"u8);
            writer.WriteString("hint"u8, hint);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });
    }

    internal static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var writer = new Utf8JsonWriter(buffer, s_options))
        {
            write(writer);
        }
        return buffer.WrittenSpan.ToArray();
    }
}
