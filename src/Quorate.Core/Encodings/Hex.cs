namespace Quorate.Core.Encodings;

/// <summary>Lowercase hexadecimal (RFC 4648 §8 with the lowercase alphabet), the only spelling that Quorate reads or writes.</summary>
public static class Hex
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    /// <summary>False unless <paramref name="text"/> is lowercase hexadecimal of exactly the destination's length.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> destination)
    {
        if (text.Length % 2 != 0 || text.Length / 2 != destination.Length)
        {
            return false;
        }
        for (var i = 0; i < destination.Length; i++)
        {
            var high = Digit(text[2 * i]);
            var low = Digit(text[2 * i + 1]);
            if (high < 0 || low < 0)
            {
                return false;
            }
            destination[i] = (byte)((high << 4) | low);
        }
        return true;
    }

    /// <summary>Decodes text of any even length up to <paramref name="maxBytes"/> bytes.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, int maxBytes, out byte[] bytes)
    {
        bytes = [];
        if (text.Length % 2 != 0 || text.Length / 2 > maxBytes)
        {
            return false;
        }
        bytes = new byte[text.Length / 2];
        return TryDecode(text, bytes);
    }

    static int Digit(char c) =>
        c switch
        {
            >= '0' and <= '9' => c - '0',
            >= 'a' and <= 'f' => c - 'a' + 10,
            _ => -1,
        };
}
