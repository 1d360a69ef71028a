using System.Text;

namespace Quorate.Crypto.Notes;

/// <summary>Names of keys in signed notes (C2SP signed-note).</summary>
public static class NoteName
{
    /// <summary>Longest name of a key of ours or one that we are told to trust, in bytes of UTF-8: cosignatures state it in one byte.</summary>
    public const int MaxBytes = 255;

    /// <summary>Not empty, no Unicode space, no plus sign, no control character, no unpaired surrogate.</summary>
    public static bool IsName(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty)
        {
            return false;
        }
        while (!name.IsEmpty)
        {
            if (
                Rune.DecodeFromUtf16(name, out var rune, out var length) != System.Buffers.OperationStatus.Done
                || rune.Value is < ' ' or '+'
                || Rune.IsWhiteSpace(rune)
            )
            {
                return false;
            }
            name = name[length..];
        }
        return true;
    }

    /// <summary><see cref="IsName"/>, and not longer than <see cref="MaxBytes"/>.</summary>
    public static bool IsKeyName(ReadOnlySpan<char> name) =>
        name.Length <= MaxBytes && IsName(name) && Encoding.UTF8.GetByteCount(name) <= MaxBytes;
}
