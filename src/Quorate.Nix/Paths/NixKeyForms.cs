using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Quorate.Nix;

/// <summary>
/// The two keys under which protocol <c>nix</c> logs a store path: the full path (since 2022), and before that the 20 bytes of its hash
/// part, decoded most significant bit first (RFC 4648 bit order over Nix's alphabet, which is not Nix's own base 32).
/// </summary>
public static class NixKeyForms
{
    public const int LegacyKeyLength = 20;

    const string Alphabet = "0123456789abcdfghijklmnpqrsvwxyz";

    /// <summary>The current key: the ASCII bytes of the full path.</summary>
    public static byte[] FullKey(StorePath path) => Encoding.ASCII.GetBytes(path.ToString());

    /// <summary>The key that old publishers used.</summary>
    /// <exception cref="ArgumentException"><paramref name="hashPart"/> is not a store path's hash part.</exception>
    public static byte[] LegacyKey(ReadOnlySpan<char> hashPart)
    {
        if (!StorePath.IsHashPart(hashPart))
        {
            throw new ArgumentException("not the hash part of a store path", nameof(hashPart));
        }
        var key = new byte[LegacyKeyLength];
        for (var i = 0; i < hashPart.Length; i++)
        {
            var value = Alphabet.IndexOf(hashPart[i], StringComparison.Ordinal);
            var bit = 5 * i;
            var index = bit / 8;
            // Five bits from bit offset `bit`, most significant first; they may straddle two bytes.
            var window = value << (11 - bit % 8);
            key[index] |= (byte)(window >> 8);
            if (index + 1 < key.Length)
            {
                key[index + 1] |= (byte)(window & 0xff);
            }
        }
        return key;
    }

    /// <summary>The hash part that a legacy key stands for; false unless it has 20 bytes.</summary>
    public static bool TryHashPart(ReadOnlySpan<byte> legacyKey, [NotNullWhen(true)] out string? hashPart)
    {
        hashPart = null;
        if (legacyKey.Length != LegacyKeyLength)
        {
            return false;
        }
        var text = new char[StorePath.HashPartLength];
        for (var i = 0; i < text.Length; i++)
        {
            var bit = 5 * i;
            var index = bit / 8;
            var window = legacyKey[index] << 8;
            if (index + 1 < legacyKey.Length)
            {
                window |= legacyKey[index + 1];
            }
            text[i] = Alphabet[(window >> (11 - bit % 8)) & 31];
        }
        hashPart = new string(text);
        return true;
    }

    /// <summary>The path that a full key names; false for legacy keys and for anything that is not a valid path.</summary>
    public static bool TryPath(ReadOnlySpan<byte> key, [NotNullWhen(true)] out StorePath? path)
    {
        path = null;
        if (key.Length > StorePath.MaxLength)
        {
            return false;
        }
        // Latin-1 maps every byte to one character, so bytes outside ASCII survive to be refused by the path's own rules.
        return StorePath.TryParse(Encoding.Latin1.GetString(key), out path);
    }
}
