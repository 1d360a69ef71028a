using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>Turns what was explored and judged into something that people and programs can read.</summary>
sealed class VerificationReport(
    VerificationRequest request,
    TraceExploration exploration,
    TraceGraph graph,
    IReadOnlyList<ExploredNode> nodes
)
{
    const int MaxMissing = 32;
    const int MaxDivergences = 256;

    public static TraceVerification Refused(VerificationRequest request, string reason) =>
        new(Verdict.Rejected, request.Mode, request.Target, null, request.Trust.Text, [reason], [], [], [], [], [], [], null);

    public TraceVerification Of(IReadOnlyList<(OutputPaths Outputs, GraphVerdict Verdict)> candidates)
    {
        var accepted = candidates.Where(candidate => candidate.Verdict.Verdict == Verdict.Accepted).ToList();
        var missing = new List<MissingEvidence>();
        var reasons = new List<string>();
        var coalition = 0UL;
        Verdict verdict;
        if (accepted.Count == 1)
        {
            verdict = Verdict.Accepted;
            reasons.Add($"every step to {accepted[0].Outputs} satisfies: {request.Trust.Text}");
        }
        else if (accepted.Count > 1)
        {
            // The model believes both. Choosing one would be chance, and further claims could change the choice.
            verdict = Verdict.Inconclusive;
            reasons.Add(
                $"contested: the model accepts {accepted.Count} different results ({string.Join("; ", accepted.Select(a => a.Outputs))}); say which with --expect"
            );
        }
        else
        {
            verdict = Verdict.Rejected;
            foreach (var (outputs, judged) in candidates)
            {
                coalition |= Rejected(outputs, judged, reasons, missing, ref verdict);
            }
            if (candidates.Count == 0)
            {
                var none = Cause(exploration.Closure.Target.Position);
                missing.Add(Missing(none));
                reasons.Add($"nobody whom the model names has claimed a result; it fails first at {PathOf(none).BaseName}");
            }
            if (verdict == Verdict.Rejected && exploration.Gaps.Count > 0)
            {
                verdict = Verdict.Inconclusive;
                reasons.Add($"evidence may exist that was not seen: {exploration.Gaps[0].Reason}");
            }
            foreach (var (fault, count) in exploration.RefusedCounts.OrderByDescending(pair => pair.Value))
            {
                reasons.Add($"{count} trace{(count == 1 ? "" : "s")} left out: {fault}");
            }
        }
        var (positions, fixedOutputs) = accepted.Count == 1 ? Positions(accepted[0].Outputs, accepted[0].Verdict.Dag!) : ([], []);
        return new TraceVerification(
            verdict,
            request.Mode,
            request.Target,
            accepted.Count == 1 ? accepted[0].Outputs : null,
            request.Trust.Text,
            reasons,
            positions,
            fixedOutputs,
            Divergences(),
            missing,
            request.Trust.Names(coalition),
            exploration.Gaps,
            exploration
        );
    }

    ulong Rejected(OutputPaths outputs, GraphVerdict judged, List<string> reasons, List<MissingEvidence> missing, ref Verdict verdict)
    {
        if (judged.Verdict == Verdict.Inconclusive)
        {
            verdict = Verdict.Inconclusive;
            reasons.Add($"{outputs}: {judged.Limit}");
            return 0;
        }
        var blocking = judged.Blocking!.Select(Cause).Distinct().Take(MaxMissing).ToList();
        foreach (var position in blocking.Where(position => !missing.Exists(known => known.Derivation == PathOf(position))))
        {
            missing.Add(Missing(position));
        }
        var places = string.Join(", ", blocking.Take(3).Select(position => PathOf(position).BaseName));
        reasons.Add(
            exploration.Closure.Target.IsFixed ? $"{outputs} is not what the fixed-output derivation states"
            : request.Mode != VerificationMode.Coalition ? $"{outputs}: not enough builders at {places}"
            : judged.Coalition == 0 ? $"{outputs}: there is no complete way to it; it fails at {places}"
            : $"{outputs}: without {string.Join(", ", request.Trust.Names(judged.Coalition))} there is no complete way to it; it fails at {places}"
        );
        return judged.Coalition;
    }

    /// <summary>A position without resolutions fails because of an input; the first one below that has no such excuse is the cause.</summary>
    int Cause(int position)
    {
        while (exploration.Unresolved.TryGetValue(position, out var input))
        {
            position = input;
        }
        return position;
    }

    MissingEvidence Missing(int position)
    {
        var known = exploration.Nodes[position];
        var claims = known.SelectMany(node => node.Claims).ToList();
        var discounted = claims.Find(claim => claim.Discounted is not null);
        var refused = exploration.Refused.FirstOrDefault(refused => refused.Position == position);
        var reason =
            graph.IsFixed(position) ? "its fixed output is another"
            : exploration.Gaps.FirstOrDefault(gap => gap.Position == position) is { } gap ? gap.Reason
            : claims.Count == 0 && refused is not null ? $"no claim that counts; {refused.Refusal.Fault}: {refused.Refusal.Detail}"
            : claims.Count == 0 ? "no claim of any builder that the model names"
            : discounted is not null ? $"a claim of {discounted.Builder.Name} does not count: {discounted.Discounted}"
            : $"claimed only by {string.Join(", ", request.Trust.Names(SetOf(claims)))}";
        return new MissingEvidence(PathOf(position), [.. known.Select(node => node.Hash)], reason);
    }

    (IReadOnlyList<VerifiedPosition> Positions, IReadOnlyList<VerifiedPosition> Fixed) Positions(OutputPaths outputs, ResolvedDag dag)
    {
        var required = new Dictionary<int, OutputPaths> { [exploration.Closure.Target.Position] = outputs };
        var positions = new List<VerifiedPosition>(dag.Positions.Count);
        var fixedOutputs = new SortedSet<int>();
        for (var i = 0; i < dag.Positions.Count; i++)
        {
            var position = dag.Positions[i];
            var derivation = exploration.Closure.Derivations[position];
            if (derivation.IsFixed)
            {
                fixedOutputs.Add(position);
                continue;
            }
            var node = dag.Nodes[i] == TraceGraph.Legacy ? null : nodes[dag.Nodes[i]];
            foreach (var need in node?.Needs ?? [])
            {
                required[need.Position] = required.TryGetValue(need.Position, out var known) ? Union(known, need.Outputs) : need.Outputs;
                if (graph.IsFixed(need.Position))
                {
                    fixedOutputs.Add(need.Position);
                }
            }
            var claims = node?.Counting.Where(claim => !required.TryGetValue(position, out var wanted) || claim.Outputs.Satisfies(wanted));
            positions.Add(
                new VerifiedPosition(
                    derivation.Path,
                    derivation.Derivation.Kind,
                    required.GetValueOrDefault(position),
                    node?.Hash,
                    request.Trust.Names(dag.Signers[i])
                )
                {
                    Inputs = [.. (node?.Needs ?? []).Select(need => PathOf(need.Position))],
                    Claims = [.. claims ?? []],
                }
            );
        }
        return (
            positions,
            [
                .. fixedOutputs.Select(position => new VerifiedPosition(
                    PathOf(position),
                    Derivations.DerivationKind.FixedOutput,
                    TraceVerifier.FixedOutputs(exploration.Closure.Derivations[position]),
                    null,
                    []
                )
                {
                    Inputs = [],
                    Claims = [],
                }),
            ]
        );
    }

    static OutputPaths Union(OutputPaths one, OutputPaths other) =>
        one.Satisfies(other) ? one : OutputPaths.Of(one.Pairs.Concat(other.Pairs).DistinctBy(pair => pair.Key, StringComparer.Ordinal));

    /// <summary>Where one resolved derivation was claimed to have given different things.</summary>
    List<Divergence> Divergences()
    {
        var divergences = new List<Divergence>();
        for (var position = 0; position < exploration.Nodes.Count && divergences.Count < MaxDivergences; position++)
        {
            var outcomes = exploration
                .Nodes[position]
                .SelectMany(node =>
                    node.Claims.GroupBy(claim => claim.Outputs)
                        .Select(group => new DivergentOutcome(node.Hash, group.Key, request.Trust.Names(SetOf(group))))
                )
                .ToList();
            if (outcomes.Select(outcome => outcome.Outputs).Distinct().Count() > 1)
            {
                divergences.Add(new Divergence(PathOf(position), outcomes));
            }
        }
        return divergences;
    }

    static ulong SetOf(IEnumerable<ExploredClaim> claims) => claims.Aggregate(0UL, (all, claim) => all | claim.Builder.Set);

    StorePath PathOf(int position) => exploration.Closure.Derivations[position].Path;
}
