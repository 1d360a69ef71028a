using Quorate.Core;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Store;
using Quorate.Nix.Synthetic;

namespace Quorate.Nix.Traces;

/// <summary>What came of looking at a build that somebody wants to sign.</summary>
public abstract record ExaminedBuild
{
    ExaminedBuild() { }

    /// <summary>Everything was recomputed from the disk and fits together.</summary>
    /// <param name="Aterm">The resolved derivation, as the store has it, or its content-addressed view.</param>
    /// <param name="Sources">Everything that it was built from.</param>
    public sealed record Sound(
        StorePath Path,
        TraceRegime Regime,
        ReadOnlyMemory<byte> Aterm,
        ResolvedInputHash Input,
        IReadOnlyList<StorePath> Sources,
        IReadOnlyList<SignedOutput> Outputs,
        IReadOnlyList<PathFacts> Facts
    ) : ExaminedBuild;

    /// <summary>There is nothing to sign, and nothing is wrong.</summary>
    /// <param name="Code">
    /// <c>unresolved</c>, <c>fixed-output</c>, <c>input-addressed</c>, <c>mixed</c>, <c>deferred</c> or <c>impure</c>.
    /// </param>
    public sealed record Skipped(string Code, string Reason) : ExaminedBuild;

    /// <summary>The disk, the derivation and the given paths contradict each other: signing would be lying.</summary>
    public sealed record Contradicted(string Reason) : ExaminedBuild;
}

/// <summary>
/// Looks at a build before it is signed: the derivation from the store as ATerm, its path recomputed; each output found by its exact name, its
/// NAR hash and its content-addressed path recomputed from the disk. Only references are taken from Nix's registration, and wrong ones give another path.
/// </summary>
/// <param name="registered">What Nix registered about outputs.</param>
/// <param name="root">Where the store is on disk, for a store that is not at its logical place; else empty.</param>
/// <param name="inputAddressed">
/// The format in which the content-addressed view of input-addressed builds will be signed; null skips such builds.
/// </param>
/// <param name="views">Views of what builds were made from, computed by earlier runs; null reads everything.</param>
public sealed class BuildExamination(
    Func<IReadOnlyList<StorePath>, CancellationToken, Task<IReadOnlyList<PathFacts>>> registered,
    string root = "",
    TraceFormat? inputAddressed = null,
    IViewCache? views = null
)
{
    readonly SyntheticExamination? _synthetic = inputAddressed is { } format
        ? new SyntheticExamination(registered, root.TrimEnd('/'), format, views)
        : null;

    readonly string _root = root.TrimEnd('/');

    /// <param name="paths">The build's output paths; what Nix hands to a post-build hook.</param>
    /// <exception cref="IOException">The disk or Nix failed.</exception>
    public async Task<ExaminedBuild> ExamineAsync(StorePath path, IReadOnlyList<StorePath> paths, CancellationToken cancellationToken)
    {
        if (!DerivationPaths.TryNameOf(path, out var name))
        {
            return new ExaminedBuild.Contradicted($"{path} is not the path of a derivation");
        }
        var aterm = await ReadAsync(path, cancellationToken);
        if (!Derivation.TryParse(aterm, path.StoreDir, out var derivation, out var problem))
        {
            return new ExaminedBuild.Contradicted($"{path}: {problem}");
        }
        var synthetic = derivation.Kind == DerivationKind.InputAddressed ? _synthetic : null;
        if (synthetic is null && Skip(derivation) is { } skipped)
        {
            return skipped;
        }
        if (!DerivationPaths.IsPathOf(path, derivation))
        {
            return new ExaminedBuild.Contradicted($"{path} does not have the content that its path says");
        }
        if (!TryAssign(derivation, name, paths, out var assigned, out problem))
        {
            return new ExaminedBuild.Contradicted(problem);
        }
        var facts = await registered(assigned, cancellationToken);
        if (synthetic is not null)
        {
            return await synthetic.ExamineAsync(path, derivation, facts, cancellationToken);
        }
        var outputs = new SignedOutput[assigned.Length];
        for (var i = 0; i < outputs.Length; i++)
        {
            if (await CheckAsync(derivation.Outputs[i], facts[i], cancellationToken) is not { } output)
            {
                return new ExaminedBuild.Contradicted($"{assigned[i]} on disk is not what its path and its registration say");
            }
            outputs[i] = output;
        }
        return new ExaminedBuild.Sound(
            path,
            TraceRegime.ContentAddressed,
            aterm,
            ResolvedInputHash.Of(path),
            derivation.Sources,
            outputs,
            facts
        );
    }

    static ExaminedBuild.Skipped? Skip(Derivation derivation) =>
        derivation.Kind switch
        {
            DerivationKind.FixedOutput => new("fixed-output", "a fixed output is known by its content and needs nobody's word"),
            DerivationKind.Impure => new("impure", "an impure build is built anew every time and is evidence of nothing"),
            DerivationKind.InputAddressed => new("input-addressed", "input-addressed outputs have no content-addressed path"),
            DerivationKind.Deferred => new("deferred", "its outputs' paths are not known before its inputs are resolved"),
            _ when derivation.Inputs.Length > 0 => new(
                "unresolved",
                "it still names derivations as inputs: Nix builds the resolved derivation, which is signed instead"
            ),
            _ => null,
        };

    /// <summary>One path for each output, by the exact name that Nix gives it. Suffixes prove nothing: <c>foo-dev</c> may be an output <c>out</c>.</summary>
    static bool TryAssign(Derivation derivation, string name, IReadOnlyList<StorePath> paths, out StorePath[] assigned, out string problem)
    {
        assigned = new StorePath[derivation.Outputs.Length];
        for (var i = 0; i < assigned.Length; i++)
        {
            var wanted = DerivationPaths.OutputPathName(name, derivation.Outputs[i].Name);
            StorePath[] named = [.. paths.Distinct().Where(path => path.Name == wanted && path.StoreDir == derivation.StoreDir)];
            if (named.Length != 1)
            {
                problem = $"{named.Length} of the given paths are called {wanted}, as output '{derivation.Outputs[i].Name}' must be";
                return false;
            }
            assigned[i] = named[0];
        }
        var others = paths.Distinct().Except(assigned).ToArray();
        problem = others.Length == 0 ? "" : $"{others[0]} is no output of this derivation";
        return others.Length == 0;
    }

    async Task<SignedOutput?> CheckAsync(DerivationOutput output, PathFacts facts, CancellationToken cancellationToken)
    {
        var path = facts.Claim.Path;
        ContentCheck check;
        try
        {
            check = await ContentCheck.WithReferencesAsync(
                path,
                _root + path,
                output.Method,
                output.Algorithm,
                [.. facts.Claim.References],
                cancellationToken
            );
        }
        catch (MalformedException)
        {
            return null;
        }
        return check.Match is not null && check.NarHash == facts.Claim.NarHash
            ? new SignedOutput(output.Name, path, check.NarHash, output.Algorithm, ContentMethods.Name(output.Method))
            : null;
    }

    async Task<byte[]> ReadAsync(StorePath path, CancellationToken cancellationToken)
    {
        var file = _root + path;
        return new FileInfo(file).Length > Derivation.MaxBytes
            ? throw new IOException($"{file} is over the limit of {Derivation.MaxBytes} bytes for derivations")
            : await File.ReadAllBytesAsync(file, cancellationToken);
    }
}
