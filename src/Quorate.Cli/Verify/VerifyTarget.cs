using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Store;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Verification;

namespace Quorate.Cli.Verify;

/// <summary>What a user means by a target: derivations that may be it, and the outputs that it must have.</summary>
/// <param name="Derivations">Several where a built path does not tell which unresolved derivation led to it; one that verifies is enough, as its outputs are fixed.</param>
sealed record VerifyTarget(IReadOnlyList<StorePath> Derivations, OutputPaths Expected)
{
    const int MaxCandidates = 64;

    /// <param name="text">A derivation, a store path, or a link to one.</param>
    /// <param name="directory">Where derivations are; null for the store.</param>
    /// <param name="store">Asked for derivers, only where it is needed.</param>
    /// <param name="inputAddressed">Views will be verified: a path that the user names says nothing about them.</param>
    public static async Task<VerifyTarget> FindAsync(
        string text,
        string? directory,
        OutputPaths expected,
        Func<NixStore> store,
        bool inputAddressed,
        CancellationToken cancellationToken
    )
    {
        var path =
            directory is not null && StorePath.TryFromBaseName(StorePath.DefaultStoreDir, text, out var named)
                ? named
                : StorePathArgument.Resolve(text) ?? throw new CliException($"'{text}' is neither a derivation nor in a Nix store");
        var folder = directory ?? path.StoreDir;
        if (DerivationPaths.TryNameOf(path, out _))
        {
            // One that is missing or unreadable is told by whoever reads the whole graph.
            if (inputAddressed && Read(path, folder) is { } target)
            {
                await RefuseResolvedAsync(path, target, folder, store, cancellationToken);
            }
            return new VerifyTarget([path], expected);
        }
        var nix = store();
        var facts = (await nix.FactsAsync([path], cancellationToken))[0];
        if (facts.Deriver is null || !StorePath.TryParse(facts.Deriver, path.StoreDir, out var deriver))
        {
            throw new CliException($"Nix does not know which derivation made {path}; name the .drv, and --expect OUTPUT={path}");
        }
        var derivation =
            Read(deriver, folder) ?? throw new CliException($"{deriver} is not at hand; name the .drv, and --expect OUTPUT={path}");
        var name = DerivationPaths.NameOf(deriver);
        var output =
            derivation.Outputs.FirstOrDefault(o => DerivationPaths.OutputPathName(name, o.Name) == path.Name)
            ?? throw new CliException($"{deriver} has no output called {path.Name}");
        if (inputAddressed && derivation.Kind == DerivationKind.InputAddressed)
        {
            await RefuseResolvedAsync(deriver, derivation, folder, store, cancellationToken);
            return new VerifyTarget([deriver], expected);
        }
        var wanted = OutputPaths.Of([.. expected.Pairs.Where(pair => pair.Key != output.Name), new(output.Name, path.ToString())]);
        if (!derivation.Inputs.IsEmpty)
        {
            return new VerifyTarget([deriver], wanted);
        }
        // Nix registers the resolved derivation as the deriver of what is content-addressed. In it, all inputs are content that nobody verified.
        var unresolved = Directory
            .EnumerateFiles(folder, $"*-{name}{DerivationPaths.Extension}")
            .Order(StringComparer.Ordinal)
            .Select(file => StorePath.TryFromBaseName(path.StoreDir, Path.GetFileName(file), out var found) ? found : null)
            .OfType<StorePath>()
            .Where(found => found != deriver && Read(found, folder) is { Inputs.IsEmpty: false })
            .Take(MaxCandidates)
            .ToList();
        if (unresolved.Count > 0)
        {
            return new VerifyTarget(unresolved, wanted);
        }
        foreach (var source in derivation.Sources)
        {
            if ((await nix.FactsAsync([source], cancellationToken))[0].Deriver is not null)
            {
                throw new CliException(
                    $"{path} was made by {deriver}, which is resolved already, and the derivation before that is not in {folder}; name the unresolved .drv"
                );
            }
        }
        return new VerifyTarget([deriver], wanted);
    }

    /// <summary>Fails closed: a derivation without inputs whose sources nothing is known of may be a resolved one.</summary>
    static async Task RefuseResolvedAsync(
        StorePath path,
        Derivation derivation,
        string folder,
        Func<NixStore> store,
        CancellationToken cancellationToken
    )
    {
        string? doubt;
        try
        {
            var origin = new LeafOrigin((paths, token) => store().FactsAsync(paths, token), folder);
            doubt = await origin.DoubtAsync(path, derivation, cancellationToken);
        }
        catch (Exception e) when (e is NixStoreException or CliException)
        {
            doubt = $"it names no input derivations, and whether its sources were built is not known: {e.Message}";
        }
        if (doubt is not null)
        {
            throw new CliException(
                $"{path} is no target for --input-addressed: {doubt}. Evidence of content-addressed and of input-addressed builds never mixes"
            );
        }
    }

    static Derivation? Read(StorePath path, string folder) =>
        new DerivationDirectory(folder).Read(path) is { } aterm && Derivation.TryParse(aterm, path.StoreDir, out var derivation, out _)
            ? derivation
            : null;
}
