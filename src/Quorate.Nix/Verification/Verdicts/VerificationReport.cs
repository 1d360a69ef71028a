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
        var accepted = Largest([.. candidates.Where(candidate => candidate.Verdict.Verdict == Verdict.Accepted)]);
        var legacy = accepted.Count == 1 && request.Trust.UsesLegacyKeys ? RestingOnLegacy(accepted[0].Outputs, accepted[0].Verdict) : [];
        var missing = new List<MissingEvidence>();
        var reasons = new List<string>();
        var coalition = 0UL;
        Verdict verdict;
        if (accepted.Count == 1)
        {
            verdict = Verdict.Accepted;
            reasons.Add($"every step to {accepted[0].Outputs} satisfies: {request.Trust.Text}");
            if (legacy.Count > 0)
            {
                reasons.Add(
                    $"{legacy.Count} step{(legacy.Count == 1 ? " rests" : "s rest")} on what a cache signed (legacy keys): {string.Join(", ", legacy.Take(3).Select(position => PathOf(position).BaseName))}"
                );
            }
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
        var (positions, fixedOutputs) = accepted.Count == 1 ? Positions(accepted[0].Outputs, accepted[0].Verdict.Dag!, legacy) : ([], []);
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
        )
        {
            Legacy = [.. legacy.Select(PathOf)],
        };
    }

    /// <summary>Without those of which another says the same and more: claims may leave outputs out.</summary>
    static List<(OutputPaths Outputs, GraphVerdict Verdict)> Largest(List<(OutputPaths Outputs, GraphVerdict Verdict)> accepted) =>
        [
            .. accepted.Where(one =>
                !accepted.Exists(other => other.Outputs.Count > one.Outputs.Count && other.Outputs.Satisfies(one.Outputs))
            ),
        ];

    /// <summary>
    /// Positions at which the model would not believe what was used without a cache's legacy key. Of nodes that only further derivations of the verdict use it is not known which outputs
    /// they need; then rather one too many.
    /// </summary>
    SortedSet<int> RestingOnLegacy(OutputPaths outputs, GraphVerdict verdict)
    {
        var required = Required(outputs, verdict.Dag!);
        var shown = verdict.Dag!.Nodes.ToHashSet();
        var resting = new SortedSet<int>(verdict.LegacyPositions);
        foreach (var number in verdict.UsedNodes!)
        {
            var node = nodes[number];
            var wanted = shown.Contains(number) ? required.GetValueOrDefault(node.Position) : null;
            foreach (var legacy in node.Counting.Where(claim => claim.IsLegacy && (wanted is null || claim.Outputs.Satisfies(wanted))))
            {
                var others = node.Counting.Where(claim => !claim.IsLegacy && claim.Outputs.Satisfies(wanted ?? legacy.Outputs));
                if (!request.Trust.Model.Holds(SetOf(others)))
                {
                    resting.Add(node.Position);
                }
            }
        }
        return resting;
    }

    /// <summary>What a derivation of the target wants of each position; nothing is known of positions that it does not reach.</summary>
    Dictionary<int, OutputPaths> Required(OutputPaths outputs, ResolvedDag dag)
    {
        var required = new Dictionary<int, OutputPaths> { [exploration.Closure.Target.Position] = outputs };
        foreach (var need in dag.Nodes.Where(node => node != TraceGraph.Legacy).SelectMany(node => nodes[node].Needs))
        {
            required[need.Position] = required.TryGetValue(need.Position, out var known) ? Union(known, need.Outputs) : need.Outputs;
        }
        return required;
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
        var claims = exploration.ClaimsAt(position).ToList();
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

    (IReadOnlyList<VerifiedPosition> Positions, IReadOnlyList<VerifiedPosition> Fixed) Positions(
        OutputPaths outputs,
        ResolvedDag dag,
        SortedSet<int> legacy
    )
    {
        var required = Required(outputs, dag);
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
                if (graph.IsFixed(need.Position))
                {
                    fixedOutputs.Add(need.Position);
                }
            }
            var wanted = required.GetValueOrDefault(position);
            var counting = node?.Counting ?? exploration.Legacy[position].Where(claim => claim.Discounted is null);
            ExploredClaim[] claims = [.. counting.Where(claim => wanted is null || claim.Outputs.Satisfies(wanted))];
            StorePath[] inputs = [.. (node?.Needs ?? []).Select(need => PathOf(need.Position))];
            positions.Add(
                new VerifiedPosition(derivation.Path, derivation.Derivation.Kind, wanted, node?.Hash, request.Trust.Names(dag.Signers[i]))
                {
                    Inputs = inputs,
                    Claims = claims,
                    RestsOnLegacy = legacy.Contains(position),
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

    /// <summary>Where one derivation was claimed to have given different things.</summary>
    List<Divergence> Divergences()
    {
        var divergences = new List<Divergence>();
        for (var position = 0; position < exploration.Nodes.Count && divergences.Count < MaxDivergences; position++)
        {
            if (AllAgree(position))
            {
                continue;
            }
            var outcomes = exploration
                .Nodes[position]
                .SelectMany(node => Outcomes(node.Hash, node.Claims))
                .Concat(Outcomes(null, exploration.Legacy[position]))
                .ToList();
            if (Contradict(outcomes))
            {
                divergences.Add(new Divergence(PathOf(position), outcomes));
            }
        }
        return divergences;
    }

    /// <summary>Of one resolution everybody claims the same, which is so for nearly every position.</summary>
    bool AllAgree(int position)
    {
        if (exploration.Nodes[position] is not [{ Claims: var claims }] || exploration.Legacy[position].Count > 0)
        {
            return false;
        }
        for (var i = 1; i < claims.Count; i++)
        {
            if (!claims[i].Outputs.Equals(claims[0].Outputs))
            {
                return false;
            }
        }
        return true;
    }

    IEnumerable<DivergentOutcome> Outcomes(Derivations.ResolvedInputHash? resolved, IReadOnlyList<ExploredClaim> claims) =>
        claims
            .GroupBy(claim => claim.Outputs)
            .Select(group => new DivergentOutcome(resolved, group.Key, request.Trust.Names(SetOf(group))));

    /// <summary>Whether some output has two paths. Claims that leave outputs out contradict nobody by that.</summary>
    static bool Contradict(List<DivergentOutcome> outcomes)
    {
        if (outcomes.Count < 2)
        {
            return false;
        }
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        return outcomes
            .SelectMany(outcome => outcome.Outputs.Pairs)
            .Any(pair => !paths.TryAdd(pair.Key, pair.Value) && paths[pair.Key] != pair.Value);
    }

    static ulong SetOf(IEnumerable<ExploredClaim> claims) => claims.Aggregate(0UL, (all, claim) => all | claim.Builder.Set);

    StorePath PathOf(int position) => exploration.Closure.Derivations[position].Path;
}
