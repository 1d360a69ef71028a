using Quorate.Core;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;

namespace Quorate.Nix.Synthetic;

/// <summary>
/// Looks at an input-addressed build before its content-addressed view is signed: the derivation's whole graph, and the content of everything that
/// the build used and made, is read and recomputed. Views are kept for further builds of the same run, and by a cache for other runs.
/// </summary>
/// <param name="root">What is before the store directory on disk.</param>
/// <param name="format">The format that will be signed: the profiles resolve differently.</param>
sealed class SyntheticExamination(
    Func<IReadOnlyList<StorePath>, CancellationToken, Task<IReadOnlyList<PathFacts>>> registered,
    string root,
    TraceFormat format,
    IViewCache? cache
)
{
    readonly HashSet<StorePath> _fixedOutputs = [];
    SyntheticView? _view;

    /// <param name="outputs">What Nix registered about the outputs, in the derivation's order.</param>
    /// <exception cref="IOException">The disk or Nix failed, or an input is not there.</exception>
    public async Task<ExaminedBuild> ExamineAsync(
        StorePath path,
        Derivation derivation,
        IReadOnlyList<PathFacts> outputs,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var closure = DerivationClosure.Load(path, new DerivationDirectory(root + path.StoreDir), cancellationToken);
            return Refusal(closure, derivation, outputs)
                ?? await RefusalAsync(path, derivation, cancellationToken)
                ?? await SoundAsync(closure, outputs, cancellationToken);
        }
        catch (MalformedException e)
        {
            return new ExaminedBuild.Contradicted(e.Message);
        }
    }

    static ExaminedBuild? Refusal(DerivationClosure closure, Derivation derivation, IReadOnlyList<PathFacts> outputs)
    {
        if (closure.Derivations.FirstOrDefault(d => !d.IsFixed && d.Derivation.Kind != DerivationKind.InputAddressed) is { } mixed)
        {
            return new ExaminedBuild.Skipped("mixed", $"it is input-addressed, but uses {mixed.Path.BaseName}, which is not");
        }
        var byPath = closure.Derivations.ToDictionary(d => d.Path, d => d.Derivation);
        if (
            !DerivationPaths.AreOutputPathsRight(
                derivation,
                closure.Target.Name,
                new ModuloHashes(byPath.GetValueOrDefault),
                out var problem
            )
        )
        {
            return new ExaminedBuild.Contradicted(problem);
        }
        var wrong = derivation.Outputs.Zip(outputs).FirstOrDefault(pair => pair.First.Path != pair.Second.Claim.Path).First;
        return wrong is null ? null : new ExaminedBuild.Contradicted($"output '{wrong.Name}' is not at {wrong.Path}");
    }

    /// <summary>A resolved derivation is built like any other, but the graph that it was resolved from has evidence of the other kind.</summary>
    async Task<ExaminedBuild?> RefusalAsync(StorePath path, Derivation derivation, CancellationToken cancellationToken) =>
        await new LeafOrigin(registered, root + path.StoreDir).DoubtAsync(path, derivation, cancellationToken) is { } doubt
            ? new ExaminedBuild.Skipped("mixed", $"it is input-addressed, but {doubt}")
            : null;

    async Task<ExaminedBuild> SoundAsync(DerivationClosure closure, IReadOnlyList<PathFacts> facts, CancellationToken cancellationToken)
    {
        var target = closure.Target;
        _fixedOutputs.UnionWith(
            closure.Derivations.Where(d => d.IsFixed).SelectMany(d => d.Derivation.Outputs).Select(output => output.Path!)
        );
        _view ??= new SyntheticView(new RegisteredObjects(registered, root), _fixedOutputs, cache);

        var used = new Dictionary<(StorePath, string), SyntheticObject>();
        foreach (var input in target.Inputs)
        {
            var made = closure.Derivations[input.Position];
            foreach (var output in input.Outputs)
            {
                var original =
                    made.Derivation.Output(output)?.Path ?? throw new MalformedException($"{made.Path.BaseName} has no output '{output}'");
                used[(made.Path, output)] = await _view.OfAsync(original, cancellationToken);
            }
        }
        var own = new Dictionary<string, SyntheticObject>(StringComparer.Ordinal);
        var signed = new List<SignedOutput>();
        foreach (var (output, fact) in target.Derivation.Outputs.Zip(facts))
        {
            var (hash, _) = await NarFeed.HashAsync(root + fact.Claim.Path, cancellationToken);
            if (hash != fact.Claim.NarHash)
            {
                return new ExaminedBuild.Contradicted($"{fact.Claim.Path} on disk is not what its registration says");
            }
            var seen = await _view.OutputAsync(fact.Claim.Path, cancellationToken);
            own[output.Name] = seen.Object;
            signed.Add(new SignedOutput(output.Name, seen.Object.Path, seen.NarHash));
        }
        SyntheticObject? Used(StorePath made, string output) => used[(made, output)];
        var resolved =
            format == TraceFormat.Bundle
                ? SyntheticResolution.WithPlaceholders(target.Derivation, target.Name, Used)
                : SyntheticResolution.WithOwnPaths(target.Derivation, target.Name, Used, own);
        return new ExaminedBuild.Sound(
            target.Path,
            TraceRegime.SyntheticContentAddressed,
            resolved!.AtermBytes,
            resolved.Hash,
            resolved.Sources,
            signed,
            facts
        );
    }
}
