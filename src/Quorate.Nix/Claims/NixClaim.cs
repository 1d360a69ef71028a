using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Quorate.Core;
using Quorate.Trust;

namespace Quorate.Nix;

/// <summary>
/// What protocol <c>nix</c> logs under a store path: the path's NAR hash, NAR size and references. The canonical form and its limits are
/// in docs/formats/nix-claims.md. Immutable.
/// </summary>
/// <param name="NarSize">Length of the uncompressed NAR in bytes, never 0.</param>
/// <param name="References">In the same store directory, sorted, without duplicates; may contain the path itself.</param>
public sealed record NixClaim(StorePath Path, Sha256Digest NarHash, ulong NarSize, IReadOnlyList<StorePath> References)
{
    /// <summary>Longest value that is looked at, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Most references of one path.</summary>
    public const int MaxReferences = 10_000;

    /// <summary>
    /// Parses exactly what Trustix's Go publishers print: this field order, no white space, no escapes. <c>null</c> and <c>[]</c> both mean no references;
    /// the NAR hash may have any of its four spellings.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> value, [NotNullWhen(true)] out NixClaim? claim, out string error) =>
        NixClaimReader.TryRead(value, out claim, out error);

    /// <exception cref="MalformedException">The value is not canonical.</exception>
    public static NixClaim Parse(ReadOnlySpan<byte> value) =>
        TryParse(value, out var claim, out var error) ? claim : throw new MalformedException(error);

    /// <summary>The claim that a narinfo file makes; false when it has more references than a claim may have.</summary>
    public static bool TryFrom(NarInfo info, [NotNullWhen(true)] out NixClaim? claim)
    {
        claim = info.References.Count <= MaxReferences ? new NixClaim(info.StorePath, info.NarHash, info.NarSize, info.References) : null;
        return claim is not null;
    }

    /// <summary>The value's bytes as Go would print them, with the NAR hash in its SRI spelling and <c>[]</c> for no references.</summary>
    public byte[] ToBytes()
    {
        var text = new StringBuilder(256 + 80 * References.Count);
        text.Append("{\"path\":\"").Append(Path).Append("\",\"narHash\":\"").Append(Nix.NarHash.ToSri(NarHash));
        text.Append("\",\"narSize\":").Append(NarSize.ToString(CultureInfo.InvariantCulture)).Append(",\"references\":[");
        for (var i = 0; i < References.Count; i++)
        {
            text.Append(i == 0 ? "\"" : ",\"").Append(References[i]).Append('"');
        }
        return Encoding.ASCII.GetBytes(text.Append("]}").ToString());
    }

    /// <summary>The claim's outputs: one, named by its full path, so that claims about different paths never mean the same.</summary>
    public OutputMap ToOutputs() =>
        OutputMap.Single(Path.ToString(), new Output(NarHash, NarSize, [.. References.Select(reference => reference.ToString())]));

    /// <summary>Reads back what <see cref="ToOutputs"/> made; false for anything else.</summary>
    public static bool TryFrom(OutputMap outputs, [NotNullWhen(true)] out NixClaim? claim)
    {
        claim = null;
        if (outputs.Outputs.Count != 1)
        {
            return false;
        }
        var (name, output) = outputs.Outputs.First();
        if (!StorePath.TryParse(name, out var path) || output.Size is not > 0 || output.References is null)
        {
            return false;
        }
        var references = new StorePath[output.References.Count];
        for (var i = 0; i < references.Length; i++)
        {
            if (!StorePath.TryParse(output.References[i], path.StoreDir, out var reference) || (i > 0 && references[i - 1] >= reference))
            {
                return false;
            }
            references[i] = reference;
        }
        claim = new NixClaim(path, output.ContentHash, output.Size.Value, references);
        return true;
    }

    /// <summary>True when the path follows from the claim's own NAR hash and references.</summary>
    public bool CertifiesItself => ContentAddressing.CertifiesItself(Path, NarHash, References);

    /// <summary>
    /// Digest of what a value means under its key, equal for all spellings of one claim; null when the value is malformed or does not
    /// belong under the key.
    /// </summary>
    public static Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        TryParse(value, out var claim, out _) && claim.BelongsUnder(key, out _) ? Sha256Digest.HashData(claim.ToBytes()) : null;

    /// <summary>True when <paramref name="key"/> is the claim's full path, or the legacy key of its hash part.</summary>
    public bool BelongsUnder(ReadOnlySpan<byte> key, out string error)
    {
        error = "";
        if (NixKeyForms.TryHashPart(key, out var hashPart))
        {
            error = hashPart == Path.HashPart ? "" : $"the key stands for {hashPart}, the claim is about {Path}";
            return error.Length == 0;
        }
        if (!NixKeyForms.TryPath(key, out var path))
        {
            error = "the key is not a store path";
            return false;
        }
        error = path == Path ? "" : $"the key is {path}, the claim is about {Path}";
        return error.Length == 0;
    }

    public bool Equals(NixClaim? other) =>
        other is not null
        && Path == other.Path
        && NarHash == other.NarHash
        && NarSize == other.NarSize
        && References.SequenceEqual(other.References);

    public override int GetHashCode() => HashCode.Combine(Path, NarHash, NarSize);
}

/// <summary>Protocol <c>nix</c> for the trust rules: a value is good only under its own key.</summary>
public sealed class NixClaimFormat : IClaimFormat
{
    public static NixClaimFormat Instance { get; } = new();

    public bool TryParse(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, out OutputMap? outputs, out string error)
    {
        outputs = null;
        if (!NixClaim.TryParse(value.Span, out var claim, out error) || !claim.BelongsUnder(key.Span, out error))
        {
            return false;
        }
        outputs = claim.ToOutputs();
        return true;
    }

    /// <summary>Old logs hold the same claims under 20-byte keys.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> KeyForms(ReadOnlyMemory<byte> key) =>
        NixKeyForms.TryPath(key.Span, out var path) ? [key, NixKeyForms.LegacyKey(path.HashPart)] : [key];
}
