using System.Text;

namespace Quorate.Core.Encodings;

/// <summary>
/// Nix's base 32: alphabet <c>0123456789abcdfghijklmnpqrsvwxyz</c>, least significant bits last. Text length is ceil(8·bytes/5):
/// 20 bytes give 32 characters, 32 give 52, 64 give 103. Unused bits must be zero.
/// </summary>
public static class Nix32
{
    const string Alphabet = "0123456789abcdfghijklmnpqrsvwxyz";

    static ReadOnlySpan<byte> AlphabetBytes => "0123456789abcdfghijklmnpqrsvwxyz"u8;

    public static int TextLength(int bytes) => (bytes * 8 + 4) / 5;

    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        var text = new byte[TextLength(bytes.Length)];
        Encode(bytes, text);
        return Encoding.ASCII.GetString(text);
    }

    /// <summary>The same as ASCII bytes.</summary>
    /// <param name="text">Exactly <see cref="TextLength"/> bytes.</param>
    public static void Encode(ReadOnlySpan<byte> bytes, Span<byte> text)
    {
        var length = TextLength(bytes.Length);
        if (text.Length != length)
        {
            throw new ArgumentException($"the text has {length} bytes, not {text.Length}", nameof(text));
        }
        for (var n = length - 1; n >= 0; n--)
        {
            var bit = n * 5;
            var index = bit / 8;
            var shift = bit % 8;
            var value = bytes[index] >> shift;
            if (index + 1 < bytes.Length)
            {
                value |= bytes[index + 1] << (8 - shift);
            }
            text[length - 1 - n] = AlphabetBytes[value & 31];
        }
    }

    /// <summary>False unless <paramref name="text"/> is the canonical text of exactly the destination's number of bytes.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> destination)
    {
        if (text.Length != TextLength(destination.Length))
        {
            return false;
        }
        destination.Clear();
        for (var n = 0; n < text.Length; n++)
        {
            var value = Alphabet.IndexOf(text[text.Length - 1 - n], StringComparison.Ordinal);
            if (value < 0)
            {
                return false;
            }
            var bit = n * 5;
            var index = bit / 8;
            var shift = bit % 8;
            destination[index] |= (byte)((value << shift) & 0xff);
            var carry = value >> (8 - shift);
            if (index + 1 < destination.Length)
            {
                destination[index + 1] |= (byte)carry;
            }
            else if (carry != 0)
            {
                return false;
            }
        }
        return true;
    }
}
