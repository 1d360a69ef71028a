using System.Text;

namespace Quorate.Nix.Nar;

/// <summary>
/// What is fixed in a Nix archive (docs/formats/nar.md). The bounds are those of Nix's newest parser; they belong to the format, not to a
/// file system.
/// </summary>
public static class NarFormat
{
    /// <summary>Nodes may be nested this deep, the root counted.</summary>
    public const int MaxDepth = 64;

    /// <summary>Longest file name, in bytes.</summary>
    public const int MaxName = 255;

    /// <summary>Longest target of a symbolic link, in bytes.</summary>
    public const int MaxTarget = 4095;

    /// <summary>Longest of the words between which everything stands.</summary>
    public const int MaxTag = 32;

    /// <summary>Strings are padded with zeros to a multiple of this.</summary>
    public const int Alignment = 8;

    public static ReadOnlySpan<byte> Magic => "nix-archive-1"u8;

    /// <summary>Number of zeros after a string of this length.</summary>
    public static int Padding(ulong length) => (int)((Alignment - length % Alignment) % Alignment);

    /// <summary>True for what may be the name of a file in a folder.</summary>
    public static bool IsName(ReadOnlySpan<byte> name) =>
        name.Length is >= 1 and <= MaxName
        && !name.SequenceEqual("."u8)
        && !name.SequenceEqual(".."u8)
        && !name.ContainsAny((byte)'/', (byte)0);

    public static bool IsTarget(ReadOnlySpan<byte> target) => target.Length is >= 1 and <= MaxTarget && !target.Contains((byte)0);

    /// <summary>A foreign name in a message.</summary>
    internal static string Shown(ReadOnlySpan<byte> name) => Encoding.Latin1.GetString(name[..Math.Min(name.Length, MaxName)]);
}
