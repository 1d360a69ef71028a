namespace Quorate.Core.Encodings;

/// <summary>ASCII decimal without sign or leading zeros, from 0 to 2^63−1: sizes, indexes and times in the C2SP formats.</summary>
public static class StrictDecimal
{
    /// <summary>The largest number that is accepted; other implementations use signed 64-bit integers.</summary>
    public const ulong Max = long.MaxValue;

    const int MaxDigits = 19;

    /// <summary>False unless <paramref name="text"/> is exactly how the number is printed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        if (text.Length is 0 or > MaxDigits || (text[0] == (byte)'0' && text.Length > 1))
        {
            return false;
        }
        // Nineteen digits fit 64 bits.
        foreach (var c in text)
        {
            if (c is < (byte)'0' or > (byte)'9')
            {
                value = 0;
                return false;
            }
            value = value * 10 + (ulong)(c - '0');
        }
        if (value <= Max)
        {
            return true;
        }
        value = 0;
        return false;
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{byte}, out ulong)"/>
    public static bool TryParse(ReadOnlySpan<char> text, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[MaxDigits];
        value = 0;
        return text.Length <= MaxDigits
            && System.Text.Ascii.FromUtf16(text, bytes, out var written) == System.Buffers.OperationStatus.Done
            && TryParse(bytes[..written], out value);
    }
}
