using Quorate.Nix.Derivations;
using Quorate.Nix.Store;
using Quorate.Nix.Verification;

namespace Quorate.Nix.Synthetic;

/// <summary>
/// Tells whether an input-addressed derivation without inputs may be what Nix resolved a deferred one to. Its text does not: that of a derivation whose author wrote these very paths down is the same. But the sources of the one
/// are files that somebody added, and those of the other are what content-addressed builds made, so that a graph which ends at it leaves out the steps of which only evidence of the other kind could speak.
/// </summary>
/// <param name="registered">What Nix registered about sources.</param>
/// <param name="folder">Where derivations are, named as in a store.</param>
public sealed class LeafOrigin(Func<IReadOnlyList<StorePath>, CancellationToken, Task<IReadOnlyList<PathFacts>>> registered, string folder)
{
    readonly DerivationDirectory _derivations = new(folder);

    /// <summary>Why it may be such a resolution; null where nothing says so, and for derivations with inputs and those of other kinds.</summary>
    /// <exception cref="IOException">Nix does not know one of its sources, or a derivation cannot be read.</exception>
    public async Task<string?> DoubtAsync(StorePath path, Derivation derivation, CancellationToken cancellationToken)
    {
        // Whatever is deferred has an input, which is a source after resolution.
        if (derivation is not { Kind: DerivationKind.InputAddressed, Inputs.IsEmpty: true, Sources.IsEmpty: false })
        {
            return null;
        }
        if (Unresolved(path, derivation) is { } deferred)
        {
            return $"it may be what the deferred {deferred.BaseName} was resolved to";
        }
        foreach (var (claim, deriver) in await registered(derivation.Sources, cancellationToken))
        {
            if (deriver is not null && !IsFixedOutput(claim.Path, deriver))
            {
                return $"it names no input derivations, but its source {claim.Path.BaseName} was built, by {Path.GetFileName(deriver)}";
            }
            // A registration may have lost its deriver. Of what evaluation adds only texts refer to anything, and none to itself.
            if (
                claim.References.Contains(claim.Path)
                || (claim.References.Count > 0 && ContentAddressing.CertifiesItself(claim.Path, claim.NarHash, claim.References))
            )
            {
                return $"it names no input derivations, but its source {claim.Path.BaseName} refers to other objects as only built ones do";
            }
        }
        return null;
    }

    /// <summary>A deferred derivation of this name with all that resolution leaves as it is.</summary>
    StorePath? Unresolved(StorePath path, Derivation resolved) =>
        Directory
            .EnumerateFiles(folder, $"*-{path.Name}")
            .Select(file => StorePath.TryFromBaseName(path.StoreDir, Path.GetFileName(file), out var found) ? found : null)
            .OfType<StorePath>()
            .Where(found => found.Name == path.Name && found != path)
            .Order()
            .FirstOrDefault(found =>
                Read(found) is { Kind: DerivationKind.Deferred } deferred
                && deferred.Outputs.Select(output => output.Name).SequenceEqual(resolved.Outputs.Select(output => output.Name))
                && deferred.System.Span.SequenceEqual(resolved.System.Span)
                && deferred.Arguments.Length == resolved.Arguments.Length
                && deferred.Sources.All(source => resolved.Sources.Contains(source))
            );

    /// <summary>What was fetched, and stands in the store as a source would.</summary>
    bool IsFixedOutput(StorePath source, string deriver) =>
        StorePath.TryParse(deriver, source.StoreDir, out var path)
        && Read(path) is { Kind: DerivationKind.FixedOutput } derivation
        && DerivationPaths.IsPathOf(path, derivation)
        && DerivationPaths.AreOutputPathsRight(derivation, DerivationPaths.NameOf(path), new ModuloHashes(_ => null), out _)
        && derivation.Outputs[0].Path == source;

    Derivation? Read(StorePath path) =>
        _derivations.Read(path) is { } aterm && Derivation.TryParse(aterm, path.StoreDir, out var derivation, out _) ? derivation : null;
}
