using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

/// <summary>The text of a checkpoint (C2SP tlog-checkpoint): which log, how many entries, which root. Signatures are the note's business.</summary>
/// <param name="Origin">Names the log for good; by default also the name of its key.</param>
/// <param name="Size">Entries, at most 2^63−1.</param>
public sealed record Checkpoint(string Origin, ulong Size, Sha256Digest Root)
{
    /// <summary>Longest origin in bytes of UTF-8.</summary>
    public const int MaxOriginBytes = CheckpointText.MaxOriginBytes;

    /// <summary>Opaque further lines, without newlines. Our own logs have none: nobody could audit them.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = [];

    /// <summary>The checkpoint of a log head's tree.</summary>
    public static Checkpoint Of(string origin, LogHead head) => new(origin, head.TreeSize, head.LogRoot);

    /// <summary>The only accepted text is what <see cref="ToText"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out Checkpoint? checkpoint, out string error)
    {
        checkpoint = CheckpointText.TryParse(text, out var parsed, out error)
            ? new Checkpoint(parsed.Origin, parsed.Size, parsed.Root) { Extensions = parsed.Extensions }
            : null;
        return checkpoint is not null;
    }

    /// <exception cref="MalformedException"/>
    public static Checkpoint Parse(ReadOnlySpan<byte> text) =>
        TryParse(text, out var checkpoint, out var error) ? checkpoint : throw new MalformedException(error);

    /// <summary>Whether a log of ours may have this origin: what can also name its key, like a URL without scheme.</summary>
    public static bool IsOrigin(string origin) => NoteName.IsKeyName(origin);

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
