using Quorate.Core;

namespace Quorate.Nix.Derivations;

/// <summary>A derivation without input derivations: every input is a path of content, so that its path names exactly one build.</summary>
public sealed class ResolvedDerivation
{
    Derivation? _derivation;

    internal ResolvedDerivation(ReadOnlyMemory<byte> aterm, StorePath path, Derivation? derivation = null)
    {
        AtermBytes = aterm;
        Path = path;
        Hash = ResolvedInputHash.Of(path);
        _derivation = derivation;
    }

    public ReadOnlyMemory<byte> AtermBytes { get; }

    public StorePath Path { get; }

    public ResolvedInputHash Hash { get; }

    /// <summary>Parsed when first asked for; verifying needs only the hash.</summary>
    public Derivation Derivation => _derivation ??= Derivation.Parse(AtermBytes, Path.StoreDir);

    public byte[] ToAterm() => AtermBytes.ToArray();

    /// <summary>Takes a derivation that has no inputs as resolved.</summary>
    /// <param name="name">Of the derivation.</param>
    /// <exception cref="ArgumentException">It has input derivations, or outputs whose paths are still to be filled in.</exception>
    /// <exception cref="FormatException">The name cannot be part of a path.</exception>
    public static ResolvedDerivation Of(Derivation derivation, string name) =>
        derivation.Inputs.IsEmpty && derivation.Kind != DerivationKind.Deferred
            ? new ResolvedDerivation(derivation.AtermBytes, DerivationPaths.Of(derivation, name), derivation)
            : throw new ArgumentException("not a resolved derivation", nameof(derivation));

    /// <summary>Reads bytes that must be the resolved derivation of this hash; the name is part of what the hash covers.</summary>
    /// <exception cref="MalformedException">Not a derivation, not resolved, or another one.</exception>
    public static ResolvedDerivation Parse(ReadOnlyMemory<byte> aterm, string storeDir, string name, ResolvedInputHash hash)
    {
        var derivation = Derivation.Parse(aterm, storeDir);
        if (!derivation.Inputs.IsEmpty || derivation.Kind == DerivationKind.Deferred)
        {
            throw new MalformedException("the derivation is not resolved");
        }
        var resolved = StorePath.IsName(name + DerivationPaths.Extension) ? Of(derivation, name) : null;
        return resolved?.Hash == hash ? resolved : throw new MalformedException($"the derivation is not the one of {hash}");
    }
}
