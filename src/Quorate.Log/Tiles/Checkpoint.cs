using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Merkle;

namespace Quorate.Log.Tiles;

/// <summary>The text of a checkpoint (C2SP tlog-checkpoint): which log, how many entries, which root. Signatures are the note's business.</summary>
/// <param name="Origin">Names the log for good; by default also the name of its key.</param>
/// <param name="Size">Entries, at most 2^63−1.</param>
public sealed record Checkpoint(string Origin, ulong Size, Sha256Digest Root)
{
    /// <summary>Longest origin in bytes of UTF-8.</summary>
    public const int MaxOriginBytes = 255;

    const int MaxExtensions = 64;
    static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Opaque further lines, without newlines. Our own logs have none: nobody could audit them.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = [];

    /// <summary>The checkpoint of a log head's tree.</summary>
    public static Checkpoint Of(string origin, LogHead head) => new(origin, head.TreeSize, head.LogRoot);

    /// <summary>The only accepted text is what <see cref="ToText"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out Checkpoint? checkpoint, out string error)
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
        checkpoint = new Checkpoint(lines[0], size, root) { Extensions = lines[3..] };
        return true;
    }

    /// <exception cref="MalformedException"/>
    public static Checkpoint Parse(ReadOnlySpan<byte> text) =>
        TryParse(text, out var checkpoint, out var error) ? checkpoint : throw new MalformedException(error);

    /// <summary>Whether a log of ours may have this origin: what can also name its key, like a URL without scheme.</summary>
    public static bool IsOrigin(string origin) => Crypto.Notes.NoteName.IsKeyName(origin);

    /// <summary>The text that is signed.</summary>
    public byte[] ToText() =>
        Encoding.UTF8.GetBytes(
            $"{Origin}\n{Size}\n{StrictBase64.Encode(Root.AsSpan())}\n{string.Concat(Extensions.Select(line => line + "\n"))}"
        );

    public bool Equals(Checkpoint? other) =>
        other is not null
        && Origin == other.Origin
        && Size == other.Size
        && Root == other.Root
        && Extensions.SequenceEqual(other.Extensions);

    public override int GetHashCode() => HashCode.Combine(Origin, Size, Root);
}
