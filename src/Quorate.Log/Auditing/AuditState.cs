using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>
/// How far an audit came (docs/formats/tiles.md): what a later one needs to go on, and to see whether the log still has what it had.
/// </summary>
public sealed record AuditState
{
    const string FirstLine = "quorate-audit 2";

    /// <summary>Without the heads; what else it remembers is not to be lost.</summary>
    const string FormerFirstLine = "quorate-audit 1";

    /// <summary>Largest file in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    AuditState(string key, Checkpoint? audited, TileTower tower, AuditedHeads heads) =>
        (Key, Audited, Tower, Heads) = (key, audited, tower, heads);

    /// <summary>The verifier key, which names the log.</summary>
    public string Key { get; }

    /// <summary>The newest checkpoint that was audited to its end; null before the first.</summary>
    public Checkpoint? Audited { get; }

    internal TileTower Tower { get; }

    internal AuditedHeads Heads { get; }

    internal static AuditState Of(string key, Checkpoint? audited, TileTower tower, AuditedHeads heads)
    {
        var pending = Enumerable.Range(1, TileLayout.MaxLevels - 1).Select(l => tower.Pending(l).ToArray()).ToList();
        return new AuditState(key, audited, TileTower.Of(tower.Tiles, pending)!, heads);
    }

    /// <summary>Reads what <see cref="ToBytes"/> gives.</summary>
    public static bool TryParse(ReadOnlySpan<byte> file, [NotNullWhen(true)] out AuditState? state)
    {
        state = null;
        if (file.Length > MaxBytes || !System.Text.Unicode.Utf8.IsValid(file))
        {
            return false;
        }
        var lines = Encoding.UTF8.GetString(file).Split('\n').ToList();
        if (lines is [FormerFirstLine, _, _, _, ..])
        {
            lines[0] = FirstLine;
            lines.Insert(4, $"heads {AuditedHeads.None}");
        }
        if (
            lines.Count != 5 + TileLayout.MaxLevels
            || lines[0] != FirstLine
            || lines[^1].Length != 0
            || !lines[1].StartsWith("key ", StringComparison.Ordinal)
            || !Crypto.Notes.NoteVerifierKey.TryParse(lines[1].AsSpan(4), out var key, out _)
            || !TryAudited(lines[2], key.Name, out var audited)
            || !lines[3].StartsWith("tiles ", StringComparison.Ordinal)
            || !StrictDecimal.TryParse(lines[3].AsSpan(6), out var tiles)
            || !lines[4].StartsWith("heads ", StringComparison.Ordinal)
            || !AuditedHeads.TryParse(lines[4].AsSpan(6), out var heads)
        )
        {
            return false;
        }
        var pending = new List<Sha256Digest[]>();
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            var prefix = $"{level} ";
            if (
                !lines[4 + level].StartsWith(prefix, StringComparison.Ordinal)
                || !StrictBase64.TryDecode(lines[4 + level].AsSpan(prefix.Length), TileNumber.FullWidth * Sha256Digest.Size, out var bytes)
                || bytes.Length % Sha256Digest.Size != 0
            )
            {
                return false;
            }
            pending.Add([.. bytes.Chunk(Sha256Digest.Size).Select(h => new Sha256Digest(h))]);
        }
        state = TileTower.Of(tiles, pending) is { } tower ? new AuditState(key.ToString(), audited, tower, heads) : null;
        return state is not null;
    }

    public byte[] ToBytes()
    {
        var text = new StringBuilder($"{FirstLine}\nkey {Key}\naudited ");
        text.Append(Audited is { } a ? $"{a.Size} {StrictBase64.Encode(a.Root.AsSpan())}\n" : "nothing\n");
        text.Append("tiles ").Append(Tower.Tiles).Append('\n');
        text.Append("heads ").Append(Heads).Append('\n');
        for (var level = 1; level < TileLayout.MaxLevels; level++)
        {
            var hashes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(Tower.Pending(level));
            text.Append(level).Append(' ').Append(StrictBase64.Encode(hashes)).Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    static bool TryAudited(string line, string origin, out Checkpoint? audited)
    {
        audited = null;
        if (line == "audited nothing")
        {
            return true;
        }
        var parts = line.Split(' ');
        if (
            parts is not ["audited", var size, var root]
            || !StrictDecimal.TryParse(size, out var number)
            || !StrictBase64.TryDecode(root, Sha256Digest.Size, out var bytes)
            || !Sha256Digest.TryCreate(bytes, out var digest)
        )
        {
            return false;
        }
        audited = new Checkpoint(origin, number, digest);
        return true;
    }
}
