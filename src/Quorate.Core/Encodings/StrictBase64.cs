namespace Quorate.Core.Encodings;

/// <summary>RFC 4648 §4 base64 with padding, canonical: no white space, no missing padding, unused bits zero.</summary>
public static class StrictBase64
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes);

    /// <summary>False unless <paramref name="text"/> is exactly what <see cref="Encode"/> prints for at most <paramref name="maxBytes"/> bytes.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, int maxBytes, out byte[] bytes)
    {
        bytes = [];
        if (text.Length % 4 != 0 || text.Length / 4 > (maxBytes + 2L) / 3)
        {
            return false;
        }
        var buffer = new byte[text.Length / 4 * 3];
        if (!Convert.TryFromBase64Chars(text, buffer, out var written) || written > maxBytes)
        {
            return false;
        }
        var decoded = buffer.AsSpan(0, written);
        if (!text.SequenceEqual(Convert.ToBase64String(decoded)))
        {
            return false;
        }
        bytes = decoded.ToArray();
        return true;
    }
}
