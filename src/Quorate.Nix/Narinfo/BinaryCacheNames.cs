using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix.Derivations;

namespace Quorate.Nix;

/// <summary>
/// What the files of a Nix binary cache are called, relative to its root. Realisations and build-trace entries know their own names.
/// </summary>
public static class BinaryCacheNames
{
    /// <summary>The file that every cache has: <see cref="NixCacheInfo"/>.</summary>
    public const string CacheInfo = "nix-cache-info";

    const string NarInfoExtension = ".narinfo";

    const int MaxOtherCompression = 16;

    static readonly SearchValues<char> s_otherCompression = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz");

    // As in the field `Compression`, which is empty or absent for bzip2.
    static readonly Dictionary<string, string> s_extensions = new(StringComparer.Ordinal)
    {
        ["none"] = "",
        ["xz"] = ".xz",
        ["bzip2"] = ".bz2",
        ["zstd"] = ".zst",
        ["lzip"] = ".lzip",
        ["lz4"] = ".lz4",
        ["br"] = ".br",
    };

    /// <summary>Description of a store path: <c>HASH.narinfo</c>.</summary>
    public static string NarInfo(ReadOnlySpan<char> hashPart) => $"{hashPart}{NarInfoExtension}";

    /// <summary>The hash part that a narinfo file is named after.</summary>
    public static bool TryNarInfo(string name, [NotNullWhen(true)] out string? hashPart)
    {
        var ok =
            name.EndsWith(NarInfoExtension, StringComparison.Ordinal)
            && StorePath.IsHashPart(name.AsSpan(0, name.Length - NarInfoExtension.Length));
        hashPart = ok ? name[..StorePath.HashPartLength] : null;
        return ok;
    }

    /// <summary>List of the files in a store path, as JSON: <c>HASH.ls</c>. Caches may have it.</summary>
    public static string Listing(ReadOnlySpan<char> hashPart) => $"{hashPart}.ls";

    /// <summary>An archive: <c>nar/FILEHASH.nar.xz</c>.</summary>
    /// <param name="fileHash">SHA-256 of the compressed file.</param>
    /// <param name="compression">As in the field <c>Compression</c>.</param>
    /// <exception cref="ArgumentException">Nix has no such compression.</exception>
    public static string Nar(Sha256Digest fileHash, string compression) =>
        s_extensions.TryGetValue(compression, out var extension)
            ? $"nar/{Nix32.Encode(fileHash.AsSpan())}.nar{extension}"
            : throw new ArgumentException("not a compression of Nix", nameof(compression));

    /// <summary>
    /// What follows <c>.nar</c> in the name of an archive. Nix reads more compressions than it writes names for; here those are called by themselves.
    /// </summary>
    /// <param name="compression">As in the field <c>Compression</c>.</param>
    public static string NarExtension(string compression) =>
        s_extensions.TryGetValue(compression, out var known) ? known : "." + compression;

    /// <summary>The compression that <see cref="NarExtension"/> stands for; false for what it never gives.</summary>
    public static bool TryNarExtension(ReadOnlySpan<char> extension, [NotNullWhen(true)] out string? compression)
    {
        foreach (var (name, known) in s_extensions)
        {
            if (extension.SequenceEqual(known))
            {
                compression = name;
                return true;
            }
        }
        var other = extension.Length is > 1 and <= MaxOtherCompression + 1 && extension[0] == '.' ? extension[1..] : [];
        var ok = other.Length > 0 && !other.ContainsAnyExcept(s_otherCompression);
        // One that was called like another one's extension would have two names; there is none.
        compression = ok ? other.ToString() : null;
        return ok;
    }

    /// <summary>What a build printed: <c>log/HASH-NAME.drv</c>.</summary>
    /// <exception cref="ArgumentException">Not the path of a derivation.</exception>
    public static string BuildLog(StorePath derivation) =>
        DerivationPaths.TryNameOf(derivation, out _)
            ? $"log/{derivation.BaseName}"
            : throw new ArgumentException("not the path of a derivation", nameof(derivation));

    /// <summary>Where the debugging symbols of a program are: <c>debuginfo/BUILDID</c>.</summary>
    /// <param name="buildId">Of the program, in lowercase hexadecimal.</param>
    public static string DebugInfo(string buildId) => $"debuginfo/{buildId}";
}
