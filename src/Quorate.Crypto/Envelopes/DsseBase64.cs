using System.Buffers;

namespace Quorate.Crypto.Envelopes;

/// <summary>
/// Base64 as DSSE (secure-systems-lab/dsse, protocol.md) lets producers write it: the standard or the URL alphabet, padded or not. Unused
/// bits must still be zero, and nothing else may stand between the characters.
/// </summary>
public static class DsseBase64
{
    public static bool TryDecode(ReadOnlySpan<byte> text, int maxBytes, out byte[] bytes)
    {
        bytes = [];
        var digits = text.TrimEnd((byte)'=');
        var padding = text.Length - digits.Length;
        var rest = digits.Length % 4;
        var length = digits.Length / 4 * 3L + (rest == 0 ? 0 : rest - 1);
        if (rest == 1 || length > maxBytes || (padding != 0 && padding != (4 - rest) % 4))
        {
            return false;
        }
        // The URL alphabet's decoder needs no padding; texts in the standard alphabet are translated to it.
        var rented = ArrayPool<byte>.Shared.Rent(digits.Length);
        try
        {
            var url = rented.AsSpan(0, digits.Length);
            digits.CopyTo(url);
            url.Replace((byte)'+', (byte)'-');
            url.Replace((byte)'/', (byte)'_');
            return Core.Encodings.StrictBase64Url.TryDecode(url, maxBytes, out bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
