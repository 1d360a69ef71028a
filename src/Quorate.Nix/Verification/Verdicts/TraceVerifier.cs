using System.Numerics;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>Verifies one derivation: loads its closure, redoes its resolution with what builders claim, and judges the result under a model.</summary>
/// <param name="entrySources">Where signatures of Nix itself are looked for; none by default, and then they count for nobody.</param>
public sealed class TraceVerifier(
    IDerivationSource derivations,
    IReadOnlyList<ITraceSource> sources,
    TimeProvider clock,
    IReadOnlyList<INixEntrySource>? entrySources = null
)
{
    /// <exception cref="IOException">A derivation cannot be read.</exception>
    /// <exception cref="Core.MalformedException">The closure is not complete, or not what its paths say.</exception>
    public async Task<TraceVerification> VerifyAsync(
        VerificationRequest request,
        IProgress<(int Done, int Of)>? progress,
        CancellationToken cancellationToken
    )
    {
        var closure = DerivationClosure.Load(request.Target, derivations, cancellationToken);
        if (Refusal(closure, request) is { } refusal)
        {
            return VerificationReport.Refused(request, refusal);
        }
        var result = await JudgeAsync(closure, request, realised: null, progress, cancellationToken);
        if (result.Verdict == Verdict.Accepted || request.Realised is null || request.Regime != TraceRegime.SyntheticContentAddressed)
        {
            return result;
        }
        // Reading all that was built costs more than anything else here, so it is done only where the claims that name each other are not enough.
        var fixedOutputs = closure
            .Derivations.Where(derivation => derivation.IsFixed)
            .SelectMany(derivation => derivation.Derivation.Outputs)
            .Select(output => output.Path!)
            .ToHashSet();
        using var realised = new RealisedViews(request.Realised, fixedOutputs);
        return await JudgeAsync(closure, request, realised, progress, cancellationToken);
    }

    async Task<TraceVerification> JudgeAsync(
        DerivationClosure closure,
        VerificationRequest request,
        RealisedViews? realised,
        IProgress<(int Done, int Of)>? progress,
        CancellationToken cancellationToken
    )
    {
        var exploration = await TraceExplorer.ExploreAsync(
            closure,
            request.Regime,
            request.Trust,
            sources,
            entrySources ?? [],
            clock.GetUtcNow(),
            request.RequiredLog,
            request.Exploration,
            new OwnOutputs(request.Expected, realised),
            request.Parallel,
            progress,
            cancellationToken
        );
        return Judge(request, exploration, cancellationToken);
    }

    /// <summary>What no evidence could change.</summary>
    static string? Refusal(DerivationClosure closure, VerificationRequest request)
    {
        if (request.Expected.Names.FirstOrDefault(name => closure.Target.Derivation.Output(name) is null) is { } unknown)
        {
            return $"{request.Target.BaseName} has no output '{unknown}'";
        }
        return request.Regime == TraceRegime.SyntheticContentAddressed ? SyntheticRefusal(closure) : ContentAddressedRefusal(closure);
    }

    /// <summary>
    /// Content-addressed evidence says nothing of an output whose path tells how it was made, be that known from the start or only once its inputs are resolved: builders who agree on such a path agree on no
    /// content, and whatever is built upon it is built upon anything.
    /// </summary>
    static string? ContentAddressedRefusal(DerivationClosure closure) =>
        closure.Derivations.FirstOrDefault(derivation =>
            derivation.Derivation.Kind is DerivationKind.InputAddressed or DerivationKind.Deferred
        )
            is not { } addressed
            ? null
        : addressed.Derivation.Kind == DerivationKind.InputAddressed
            ? $"{addressed.Path.BaseName} is input-addressed: content-addressed traces cannot say what it was built from"
        : $"{addressed.Path.BaseName} is deferred, input-addressed upon content-addressed builds: who agrees on its path agrees on no content";

    /// <summary>Evidence of the two kinds never mixes, and a view replaces the paths that derivations state: they must be the right ones.</summary>
    static string? SyntheticRefusal(DerivationClosure closure)
    {
        var byPath = closure.Derivations.ToDictionary(derivation => derivation.Path, derivation => derivation.Derivation);
        var hashes = new ModuloHashes(byPath.GetValueOrDefault);
        foreach (var derivation in closure.Derivations.Where(derivation => !derivation.IsFixed))
        {
            if (derivation.Derivation.Kind != DerivationKind.InputAddressed)
            {
                return $"{derivation.Path.BaseName} is not input-addressed: traces of input-addressed builds do not mix with others";
            }
            if (!DerivationPaths.AreOutputPathsRight(derivation.Derivation, derivation.Name, hashes, out var problem))
            {
                return $"{derivation.Path.BaseName}: {problem}";
            }
        }
        return null;
    }

    static TraceVerification Judge(VerificationRequest request, TraceExploration exploration, CancellationToken cancellationToken)
    {
        var builder = GraphOf(exploration, out var nodes);
        var candidates = Candidates(request, exploration);
        var targets = candidates.Select(outputs => builder.AddTarget(exploration.Closure.Target.Position, outputs)).ToList();
        var graph = builder.Build();
        var verdicts = new List<(OutputPaths Outputs, GraphVerdict Verdict)>();
        foreach (var (outputs, target) in candidates.Zip(targets))
        {
            verdicts.Add(
                (outputs, TraceSemantics.Judge(request.Mode, graph, target, request.Trust.Model, request.Search, cancellationToken))
            );
        }
        return new VerificationReport(request, exploration, graph, nodes).Of(verdicts);
    }

    /// <summary>Positions of the graph are those of the closure.</summary>
    static TraceGraphBuilder GraphOf(TraceExploration exploration, out IReadOnlyList<ExploredNode> nodes)
    {
        var builder = new TraceGraphBuilder();
        var numbered = new List<ExploredNode>();
        foreach (var derivation in exploration.Closure.Derivations)
        {
            if (derivation.IsFixed)
            {
                builder.AddFixed(FixedOutputs(derivation));
                continue;
            }
            var position = builder.AddPosition();
            foreach (var node in exploration.Nodes[position])
            {
                var number = builder.AddNode(position, node.Needs);
                numbered.Add(node);
                foreach (var claim in node.Counting)
                {
                    builder.AddClaim(number, claim.Builder.Bit, claim.Outputs);
                }
            }
            foreach (var claim in exploration.Legacy[position].Where(claim => claim.Discounted is null))
            {
                builder.AddLegacyClaim(position, claim.Builder.Bit, claim.Outputs);
            }
        }
        nodes = numbered;
        return builder;
    }

    internal static OutputPaths FixedOutputs(ClosureDerivation derivation) =>
        OutputPaths.Of(derivation.Derivation.Outputs.Select(output => KeyValuePair.Create(output.Name, output.Path!.ToString())));

    /// <summary>What the target may have been built to: what is expected, or everything that is claimed, the most signed first.</summary>
    static IReadOnlyList<OutputPaths> Candidates(VerificationRequest request, TraceExploration exploration)
    {
        var target = exploration.Closure.Target;
        if (request.Expected.Count > 0)
        {
            return [request.Expected];
        }
        if (target.IsFixed)
        {
            return [FixedOutputs(target)];
        }
        return
        [
            .. exploration
                .CountingAt(target.Position)
                .GroupBy(claim => claim.Outputs)
                .OrderByDescending(group => BitOperations.PopCount(group.Aggregate(0UL, (all, claim) => all | claim.Builder.Set)))
                .ThenBy(group => group.Key.ToString(), StringComparer.Ordinal)
                .Select(group => group.Key),
        ];
    }
}
