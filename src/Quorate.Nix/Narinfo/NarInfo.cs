using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Crypto.Keys;

namespace Quorate.Nix;

/// <summary>A binary cache's description of one store path (<c>HASH.narinfo</c>). Immutable.</summary>
public sealed record NarInfo
{
    /// <summary>Longest file that is looked at, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    public const int MaxReferences = NixClaim.MaxReferences;

    public const int MaxSignatures = 64;

    public required StorePath StorePath { get; init; }

    /// <summary>Where the compressed NAR is, relative to the cache.</summary>
    public required string Url { get; init; }

    /// <summary>Name of the compression; a file without the field means <c>bzip2</c>.</summary>
    public required string Compression { get; init; }

    /// <summary>SHA-256 of the compressed NAR.</summary>
    public Sha256Digest? FileHash { get; init; }

    /// <summary>Length in bytes of the compressed NAR.</summary>
    public ulong? FileSize { get; init; }

    public required Sha256Digest NarHash { get; init; }

    /// <summary>Length in bytes of the NAR, never 0.</summary>
    public required ulong NarSize { get; init; }

    /// <summary>Sorted, without duplicates.</summary>
    public required IReadOnlyList<StorePath> References { get; init; }

    /// <summary>Base name of the derivation; null where the cache does not know it.</summary>
    public string? Deriver { get; init; }

    /// <summary><c>NAME:BASE64</c> each, as received; not one of them has been checked.</summary>
    public IReadOnlyList<string> Signatures { get; init; } = [];

    /// <summary>The content address that the cache states; not checked.</summary>
    public string? ContentAddress { get; init; }

    /// <summary>
    /// Parses a narinfo file of the cache with this store directory. Lines are <c>Name: value</c>; unknown names are passed over, known
    /// ones may occur once (<c>Sig</c> excepted).
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> file, string storeDir, [NotNullWhen(true)] out NarInfo? info, out string error)
    {
        var reader = new NarInfoReader(storeDir);
        info = reader.Read(file);
        error = reader.Error;
        return info is not null;
    }

    /// <exception cref="MalformedException">The file is not a narinfo file of this store directory.</exception>
    public static NarInfo Parse(ReadOnlySpan<byte> file, string storeDir) =>
        TryParse(file, storeDir, out var info, out var error) ? info : throw new MalformedException(error);

    /// <summary>What signatures cover: <c>1;PATH;sha256:NIX32;SIZE;REFERENCES</c> with full, comma-separated references.</summary>
    public string Fingerprint() => $"1;{StorePath};{Nix.NarHash.ToNix32(NarHash)};{Number(NarSize)};{string.Join(',', References)}";

    /// <summary>The file with one more signature.</summary>
    public NarInfo SignedBy(NixCacheSecretKey key) =>
        this with
        {
            Signatures = [.. Signatures, key.Sign(Encoding.ASCII.GetBytes(Fingerprint()))],
        };

    /// <summary>True when one of the signatures carries the key's name and verifies under the key.</summary>
    public bool IsSignedBy(NixCachePublicKey key)
    {
        var message = Encoding.ASCII.GetBytes(Fingerprint());
        return Signatures.Any(signature => key.Verify(message, signature));
    }

    /// <summary>The canonical text, in Nix's order of lines.</summary>
    public string ToText()
    {
        var text = new StringBuilder(512 + 60 * References.Count);
        Line(text, "StorePath", StorePath.ToString());
        Line(text, "URL", Url);
        Line(text, "Compression", Compression);
        if (FileHash is { } fileHash)
        {
            Line(text, "FileHash", Nix.NarHash.ToNix32(fileHash));
        }
        if (FileSize is { } fileSize)
        {
            Line(text, "FileSize", Number(fileSize));
        }
        Line(text, "NarHash", Nix.NarHash.ToNix32(NarHash));
        Line(text, "NarSize", Number(NarSize));
        // Nix writes the space after the colon even when nothing follows, and misreads a file without it.
        Line(text, "References", string.Join(' ', References.Select(reference => reference.BaseName)));
        if (Deriver is not null)
        {
            Line(text, "Deriver", Deriver);
        }
        foreach (var signature in Signatures)
        {
            Line(text, "Sig", signature);
        }
        if (ContentAddress is not null)
        {
            Line(text, "CA", ContentAddress);
        }
        return text.ToString();
    }

    public bool Equals(NarInfo? other) => other is not null && ToText() == other.ToText();

    public override int GetHashCode() => HashCode.Combine(StorePath, NarHash);

    static void Line(StringBuilder text, string name, string value) => text.Append(name).Append(": ").Append(value).Append('\n');

    static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
