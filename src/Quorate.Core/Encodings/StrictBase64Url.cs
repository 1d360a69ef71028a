using System.Buffers;
using System.Buffers.Text;

namespace Quorate.Core.Encodings;

/// <summary>RFC 4648 §5 base64url without padding, canonical: no white space, no <c>=</c>, unused bits zero.</summary>
public static class StrictBase64Url
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);

    /// <summary>False unless <paramref name="text"/> is exactly what <see cref="Encode"/> prints for at most <paramref name="maxBytes"/> bytes.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, int maxBytes, out byte[] bytes)
    {
        bytes = [];
        var length = text.Length / 4 * 3L + (text.Length % 4 == 0 ? 0 : text.Length % 4 - 1);
        if (text.Length % 4 == 1 || length > maxBytes)
        {
            return false;
        }
        var decoded = new byte[length];
        // The decoder skips white space and padding, so what it consumed must have given every byte.
        if (
            Base64Url.DecodeFromUtf8(text, decoded, out var consumed, out var written) != OperationStatus.Done
            || consumed != text.Length
            || written != decoded.Length
            || !EndsCanonically(text, decoded)
        )
        {
            return false;
        }
        bytes = decoded;
        return true;
    }

    /// <summary>Only the last group has unused bits.</summary>
    static bool EndsCanonically(ReadOnlySpan<byte> text, ReadOnlySpan<byte> decoded)
    {
        var rest = decoded.Length % 3;
        if (rest == 0)
        {
            return true;
        }
        Span<byte> canonical = stackalloc byte[4];
        Base64Url.EncodeToUtf8(decoded[^rest..], canonical, out _, out var written);
        return text[^written..].SequenceEqual(canonical[..written]);
    }
}
