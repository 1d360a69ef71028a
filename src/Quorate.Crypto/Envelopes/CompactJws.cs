using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core.Encodings;

namespace Quorate.Crypto.Envelopes;

/// <summary>
/// A JSON Web Signature in its compact serialisation (RFC 7515 §7.1) with a signature of 64 bytes: three canonical base64url texts joined by
/// dots, of which the first two are signed as they stand. What header and payload must say is the caller's to check, after
/// <see cref="Verify"/>. Immutable.
/// </summary>
public sealed class CompactJws
{
    /// <summary>Longest header that is looked at, in bytes.</summary>
    public const int MaxHeaderBytes = 4096;

    readonly ReadOnlyMemory<byte> _signed;
    readonly byte[] _signature;

    CompactJws(ReadOnlyMemory<byte> signed, byte[] header, byte[] payload, byte[] signature)
    {
        _signed = signed;
        Header = header;
        Payload = payload;
        _signature = signature;
    }

    /// <summary>The header's JSON.</summary>
    public ReadOnlyMemory<byte> Header { get; }

    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Splits and decodes; checks neither the signature nor what the parts say. The result keeps the memory.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> text, int maxPayloadBytes, [NotNullWhen(true)] out CompactJws? jws, out string problem)
    {
        jws = null;
        var span = text.Span;
        var first = span.IndexOf((byte)'.');
        var second = first < 0 ? -1 : span[(first + 1)..].IndexOf((byte)'.');
        if (second < 0)
        {
            problem = "not three parts joined by dots";
            return false;
        }
        second += first + 1;
        // A third dot is no base64url character, so it is refused with the signature.
        if (!StrictBase64Url.TryDecode(span[..first], MaxHeaderBytes, out var header))
        {
            problem = $"the header is not the base64url of at most {MaxHeaderBytes} bytes";
        }
        else if (!StrictBase64Url.TryDecode(span[(first + 1)..second], maxPayloadBytes, out var payload))
        {
            problem = $"the payload is not the base64url of at most {maxPayloadBytes} bytes";
        }
        else if (
            !StrictBase64Url.TryDecode(span[(second + 1)..], Ed25519PublicKey.SignatureSize, out var signature)
            || signature.Length != Ed25519PublicKey.SignatureSize
        )
        {
            problem = $"the signature is not the base64url of {Ed25519PublicKey.SignatureSize} bytes";
        }
        else
        {
            problem = "";
            jws = new CompactJws(text[..second], header, payload, signature);
        }
        return jws is not null;
    }

    /// <summary>Whether this is the key's pure Ed25519 signature over header and payload (RFC 8037 §3.1).</summary>
    public bool Verify(Ed25519PublicKey key) => key.Verify(_signed.Span, _signature);

    /// <summary>The ASCII text of header, payload and the key's signature over both.</summary>
    public static byte[] Sign(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, Ed25519PrivateKey key)
    {
        var signed = $"{StrictBase64Url.Encode(header)}.{StrictBase64Url.Encode(payload)}";
        var signature = key.Sign(Encoding.ASCII.GetBytes(signed));
        return Encoding.ASCII.GetBytes($"{signed}.{StrictBase64Url.Encode(signature)}");
    }
}
