using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Quorate.Core.Json;

namespace Quorate.Crypto.Envelopes;

/// <summary>One signature of an envelope. The key's name is a hint for finding the key and says nothing about who signed.</summary>
public sealed record DsseSignature(string KeyId, ReadOnlyMemory<byte> Signature);

/// <summary>
/// A DSSE envelope (secure-systems-lab/dsse): a typed payload of any bytes and signatures over its pre-authentication encoding, so that
/// neither JSON spelling nor type can be exchanged. Immutable.
/// </summary>
public sealed class DsseEnvelope
{
    /// <summary>Most signatures of one envelope.</summary>
    public const int MaxSignatures = 64;

    const int MaxSignatureBytes = 1024;

    DsseEnvelope(string payloadType, byte[] payload, DsseSignature[] signatures)
    {
        PayloadType = payloadType;
        Payload = payload;
        Signatures = signatures;
    }

    public string PayloadType { get; }

    /// <summary>The bytes that were signed; they are parsed by whoever knows the type, and never printed again.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    public IReadOnlyList<DsseSignature> Signatures { get; }

    /// <summary>
    /// Reads the JSON form. Members that DSSE does not name are ignored, as it says; <c>keyid</c> may be absent, which is the empty name.
    /// No signature is checked.
    /// </summary>
    /// <param name="value">From a document that <see cref="StrictJson"/> has read: no member is there twice.</param>
    public static bool TryRead(JsonElement value, int maxPayloadBytes, [NotNullWhen(true)] out DsseEnvelope? envelope, out string problem)
    {
        envelope = null;
        problem = "";
        if (!value.TryText("payloadType"u8, out var type))
        {
            problem = "payloadType: not a string";
        }
        else if (
            !value.TryMember("payload"u8, out var text)
            || !text.TryUtf8(out var base64)
            || !DsseBase64.TryDecode(base64, maxPayloadBytes, out var payload)
        )
        {
            problem = $"payload: not the base64 of at most {maxPayloadBytes} bytes";
        }
        else if (!value.TryMember("signatures"u8, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            problem = "signatures: not an array";
        }
        else if (list.GetArrayLength() is 0 or > MaxSignatures)
        {
            problem = $"signatures: not 1 to {MaxSignatures}";
        }
        else
        {
            var signatures = new DsseSignature[list.GetArrayLength()];
            for (var i = 0; i < signatures.Length; i++)
            {
                if (!TrySignature(list[i], out var signature))
                {
                    problem = $"signatures[{i}]: not a keyid and a sig in base64";
                    return false;
                }
                signatures[i] = signature;
            }
            envelope = new DsseEnvelope(type, payload, signatures);
        }
        return envelope is not null;
    }

    /// <summary>What is signed: <c>DSSEv1 &lt;length&gt; &lt;type&gt; &lt;length&gt; &lt;payload&gt;</c>, lengths in bytes.</summary>
    public static byte[] PreAuthenticationEncoding(string payloadType, ReadOnlySpan<byte> payload) =>
        [.. PreAuthenticationHead(payloadType, payload.Length), .. payload];

    /// <summary>All of <see cref="PreAuthenticationEncoding"/> before the payload, for signatures that take a message in parts.</summary>
    public static byte[] PreAuthenticationHead(string payloadType, int payloadLength) =>
        Encoding.UTF8.GetBytes($"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payloadLength} ");

    static bool TrySignature(JsonElement value, [NotNullWhen(true)] out DsseSignature? signature)
    {
        signature = null;
        var keyId = "";
        if (value.TryMember("keyid"u8, out var id) && !id.TryText(out keyId))
        {
            return false;
        }
        if (
            !value.TryMember("sig"u8, out var text)
            || !text.TryUtf8(out var base64)
            || !DsseBase64.TryDecode(base64, MaxSignatureBytes, out var bytes)
        )
        {
            return false;
        }
        signature = new DsseSignature(keyId, bytes);
        return true;
    }
}
