using Quorate.Core;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Realisations;

/// <summary>
/// What Nix up to 2.34 files a realisation under: <c>sha256:HEX!OUTPUT</c>. The hash covers the derivation, but of a derivation with inputs
/// not what those turned out to be: only identifiers of resolved derivations say what was built.
/// </summary>
/// <param name="Hash">Hash modulo, with the derivation's own output paths blanked.</param>
public readonly record struct DrvOutputId(Sha256Digest Hash, string Output) : IComparable<DrvOutputId>
{
    /// <summary>Longest text: prefix, 64 digits, exclamation mark and name.</summary>
    public const int MaxLength = PrefixLength + 2 * Sha256Digest.Size + 1 + StorePath.MaxNameLength;

    const string Prefix = "sha256:";
    const int PrefixLength = 7;
    const string Extension = ".doi";
    const string Folder = "realisations/";

    /// <summary>Where binary caches keep it, relative to the cache: with a plain exclamation mark, which clients may send as <c>%21</c>.</summary>
    public string CachePath => $"{Folder}{this}{Extension}";

    public static bool TryParse(ReadOnlySpan<char> text, out DrvOutputId id)
    {
        id = default;
        const int end = PrefixLength + 2 * Sha256Digest.Size;
        if (
            text.Length is <= end + 1 or > MaxLength
            || !text.StartsWith(Prefix, StringComparison.Ordinal)
            || text[end] != '!'
            || !Sha256Digest.TryParseHex(text[PrefixLength..end], out var hash)
            || !StorePath.IsName(text[(end + 1)..])
        )
        {
            return false;
        }
        id = new DrvOutputId(hash, text[(end + 1)..].ToString());
        return true;
    }

    /// <summary>Reads a file's name in a cache, <c>ID.doi</c>, whose exclamation mark may still be escaped as in a URL.</summary>
    public static bool TryParseFileName(ReadOnlySpan<char> name, out DrvOutputId id)
    {
        id = default;
        if (name.Length > MaxLength + Extension.Length + 2 || !name.EndsWith(Extension, StringComparison.Ordinal))
        {
            return false;
        }
        var text = name[..^Extension.Length].ToString();
        var escaped = text.IndexOf("%21", StringComparison.Ordinal);
        return TryParse(escaped < 0 ? text : $"{text.AsSpan(0, escaped)}!{text.AsSpan(escaped + 3)}", out id);
    }

    /// <summary>Of an output of any derivation.</summary>
    /// <param name="name">Of the derivation.</param>
    /// <param name="hashes">Over the closure of the derivation.</param>
    /// <param name="problem">What is missing.</param>
    public static bool TryOf(Derivation derivation, string name, string output, ModuloHashes hashes, out DrvOutputId id, out string problem)
    {
        id = default;
        if (derivation.Output(output) is null)
        {
            problem = $"the derivation has no output {output}";
            return false;
        }
        if (!hashes.TryMasked(derivation, name, out var hash, out problem))
        {
            return false;
        }
        id = new DrvOutputId(hash.Digest, output);
        return true;
    }

    /// <summary>Of an output of a resolved derivation, which needs nothing but itself.</summary>
    /// <exception cref="ArgumentException">The derivation has no such output.</exception>
    public static DrvOutputId Of(ResolvedDerivation resolved, string output) =>
        TryOf(resolved.Derivation, DerivationPaths.NameOf(resolved.Path), output, new ModuloHashes(_ => null), out var id, out var problem)
            ? id
            : throw new ArgumentException(problem, nameof(output));

    public int CompareTo(DrvOutputId other)
    {
        var byHash = Hash.CompareTo(other.Hash);
        return byHash != 0 ? byHash : string.CompareOrdinal(Output, other.Output);
    }

    public override string ToString() => $"{Prefix}{Hash}!{Output}";

    public static bool operator <(DrvOutputId left, DrvOutputId right) => left.CompareTo(right) < 0;

    public static bool operator >(DrvOutputId left, DrvOutputId right) => left.CompareTo(right) > 0;

    public static bool operator <=(DrvOutputId left, DrvOutputId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(DrvOutputId left, DrvOutputId right) => left.CompareTo(right) >= 0;
}
