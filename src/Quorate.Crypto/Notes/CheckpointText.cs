using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Merkle;

namespace Quorate.Crypto.Notes;

/// <summary>What the text of a checkpoint says (C2SP tlog-checkpoint). Whose it is, and what it is worth, is for the caller to say.</summary>
/// <param name="Size">Entries, at most 2^63−1.</param>
/// <param name="Extensions">Opaque further lines, without newlines.</param>
public sealed record CheckpointText(string Origin, ulong Size, Sha256Digest Root, IReadOnlyList<string> Extensions)
{
    /// <summary>Longest origin in bytes of UTF-8.</summary>
    public const int MaxOriginBytes = 255;

    const int MaxExtensions = 64;
    static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Takes canonical text only: numbers and base64 have one spelling.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out CheckpointText? checkpoint, out string error)
    {
        checkpoint = null;
        if (text.IsEmpty || text[^1] != (byte)'\n')
        {
            error = "the checkpoint does not end with a newline";
            return false;
        }
        string[] lines;
        try
        {
            lines = s_strictUtf8.GetString(text[..^1]).Split('\n', 3 + MaxExtensions + 1);
        }
        catch (DecoderFallbackException)
        {
            error = "the checkpoint is not UTF-8";
            return false;
        }
        if (lines.Length is < 3 or > 3 + MaxExtensions || lines.Any(l => l.Length == 0 || l.Any(c => c < ' ')))
        {
            error = "a checkpoint has three lines or a few more, none of them empty and none with control characters";
            return false;
        }
        if (Encoding.UTF8.GetByteCount(lines[0]) > MaxOriginBytes)
        {
            error = $"the origin is longer than {MaxOriginBytes} bytes";
            return false;
        }
        if (!StrictDecimal.TryParse(lines[1], out var size))
        {
            error = "the checkpoint's size is not a canonical decimal below 2^63";
            return false;
        }
        if (!StrictBase64.TryDecode(lines[2], Sha256Digest.Size, out var bytes) || !Sha256Digest.TryCreate(bytes, out var root))
        {
            error = "the checkpoint's root is not the base64 of 32 bytes";
            return false;
        }
        if (size == 0 && root != TreeHash.EmptyRoot)
        {
            error = "the checkpoint of an empty tree has a root that no empty tree has";
            return false;
        }
        error = "";
        checkpoint = new CheckpointText(lines[0], size, root, lines[3..]);
        return true;
    }
}
