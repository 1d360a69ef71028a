using System.Buffers.Text;
using System.Globalization;
using Quorate.Core.Hashing;

namespace Quorate.Core.Map;

/// <summary>
/// What the Trustix map stores under a key, as Go prints it: <c>{"Digest":"&lt;base64&gt;","Index":&lt;decimal&gt;}</c>. The map commits to
/// these bytes, so there is exactly one text for each entry.
/// </summary>
public static class MapEntryJson
{
    /// <summary>The longest text: a twenty-digit index.</summary>
    public const int MaxLength = 86;

    const int DigestTextLength = 44;

    static ReadOnlySpan<byte> Head => "{\"Digest\":\""u8;
    static ReadOnlySpan<byte> Middle => "\",\"Index\":"u8;

    public static byte[] Write(in Sha256Digest digest, ulong index)
    {
        Span<byte> text = stackalloc byte[MaxLength];
        return text[..Write(in digest, index, text)].ToArray();
    }

    /// <summary>Writes the text and returns its length.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than <see cref="MaxLength"/>.</exception>
    public static int Write(in Sha256Digest digest, ulong index, Span<byte> destination)
    {
        if (destination.Length < MaxLength)
        {
            throw new ArgumentException($"a map entry may need {MaxLength} bytes", nameof(destination));
        }
        Head.CopyTo(destination);
        var at = Head.Length;
        Base64.EncodeToUtf8(digest.AsSpan(), destination[at..], out _, out var written);
        at += written;
        Middle.CopyTo(destination[at..]);
        at += Middle.Length;
        index.TryFormat(destination[at..], out written, default, CultureInfo.InvariantCulture);
        at += written;
        destination[at] = (byte)'}';
        return at + 1;
    }

    /// <summary>SHA-256 of the text: the value hash of the map's leaf.</summary>
    public static Sha256Digest Hash(in Sha256Digest digest, ulong index)
    {
        Span<byte> text = stackalloc byte[MaxLength];
        return ShortSha256.Hash(text[..Write(in digest, index, text)]);
    }

    /// <summary>False unless <paramref name="text"/> is exactly what <see cref="Write(in Sha256Digest, ulong)"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Sha256Digest digest, out ulong index)
    {
        digest = default;
        index = 0;
        if (text.Length > MaxLength || !text.StartsWith(Head))
        {
            return false;
        }
        var rest = text[Head.Length..];
        if (rest.Length < DigestTextLength)
        {
            return false;
        }
        Span<byte> bytes = stackalloc byte[DigestTextLength / 4 * 3];
        Base64.DecodeFromUtf8(rest[..DigestTextLength], bytes, out var consumed, out var written);
        if (consumed != DigestTextLength || written != Sha256Digest.Size)
        {
            return false;
        }
        var tail = rest[DigestTextLength..];
        if (!tail.StartsWith(Middle) || !Utf8Parser.TryParse(tail[Middle.Length..], out ulong number, out _))
        {
            return false;
        }
        // One comparison with the canonical text covers everything that lenient decoders let through.
        var candidate = new Sha256Digest(bytes[..Sha256Digest.Size]);
        Span<byte> canonical = stackalloc byte[MaxLength];
        if (!text.SequenceEqual(canonical[..Write(in candidate, number, canonical)]))
        {
            return false;
        }
        (digest, index) = (candidate, number);
        return true;
    }
}
