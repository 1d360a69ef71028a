using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Nix;

/// <summary>
/// The texts of a SHA-256 NAR hash: <c>sha256:</c> followed by Nix base 32 (52 characters), hexadecimal (64) or base64 (44), and SRI
/// <c>sha256-</c> followed by base64. All of them name the same 32 bytes.
/// </summary>
public static class NarHash
{
    /// <summary>Longest accepted text: prefix and 64 hexadecimal digits.</summary>
    public const int MaxLength = 7 + 64;

    /// <summary>False unless <paramref name="text"/> is one of the four spellings, each canonical.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Sha256Digest hash)
    {
        hash = default;
        if (text.StartsWith("sha256-", StringComparison.Ordinal))
        {
            return TryBase64(text[7..], out hash);
        }
        if (!text.StartsWith("sha256:", StringComparison.Ordinal))
        {
            return false;
        }
        var digits = text[7..];
        return digits.Length switch
        {
            52 => TryNix32(digits, out hash),
            64 => Sha256Digest.TryParseHex(digits, out hash),
            44 => TryBase64(digits, out hash),
            _ => false,
        };
    }

    /// <summary>52 characters of Nix base 32 without a prefix.</summary>
    public static bool TryNix32(ReadOnlySpan<char> digits, out Sha256Digest hash)
    {
        Span<byte> bytes = stackalloc byte[Sha256Digest.Size];
        var ok = Nix32.TryDecode(digits, bytes);
        hash = ok ? new Sha256Digest(bytes) : default;
        return ok;
    }

    /// <summary><c>sha256:</c> and Nix base 32: what narinfo files, their signatures and Nix 2.3 print.</summary>
    public static string ToNix32(Sha256Digest hash) => "sha256:" + Nix32.Encode(hash.AsSpan());

    /// <summary><c>sha256-</c> and base64: what <c>nix path-info --json</c> prints since Nix 2.4.</summary>
    public static string ToSri(Sha256Digest hash) => "sha256-" + StrictBase64.Encode(hash.AsSpan());

    static bool TryBase64(ReadOnlySpan<char> digits, out Sha256Digest hash)
    {
        hash = default;
        return digits.Length == 44
            && StrictBase64.TryDecode(digits, Sha256Digest.Size, out var bytes)
            && Sha256Digest.TryCreate(bytes, out hash);
    }
}
