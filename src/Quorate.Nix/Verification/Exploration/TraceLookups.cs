using System.Collections.Concurrent;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>What all sources together have about one derivation, verified.</summary>
/// <param name="Unavailable">Sources that did not answer, with the reason.</param>
sealed record TraceAnswer(IReadOnlyList<ExploredClaim> Claims, IReadOnlyList<TraceRefusal> Refused, IReadOnlyList<string> Unavailable);

/// <summary>
/// Asks every source for a resolved derivation once, verifies what comes back, and applies the conditions of the model to each claim. Thread-safe.
/// </summary>
sealed class TraceLookups(
    TraceTrust trust,
    IReadOnlyList<ITraceSource> sources,
    DateTimeOffset now,
    RequiredLog? required,
    RefusalCounts refused
)
{
    readonly TraceAdmission _admission = new(new TraceKeys(trust.ClaimKeys), required);
    readonly ConcurrentDictionary<ResolvedInputHash, Task<TraceAnswer>> _asked = new();
    int _count;

    /// <summary>Different resolved derivations that were asked for.</summary>
    public int Count => _count;

    public Task<TraceAnswer> AskAsync(TraceQuestion question, CancellationToken cancellationToken) =>
        _asked.TryGetValue(question.Input, out var known)
            ? known
            : _asked.GetOrAdd(question.Input, _ => LookUpAsync(question, cancellationToken));

    async Task<TraceAnswer> LookUpAsync(TraceQuestion question, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _count);
        var lookups = new Task<TraceLookup>[sources.Count];
        for (var i = 0; i < lookups.Length; i++)
        {
            lookups[i] = sources[i].FindAsync(question.Input, cancellationToken);
        }
        var findings = new TraceFindings();
        var sightings = new List<(TraceEvidence Evidence, TraceSighting Sighting)>();
        var unavailable = new List<string>();
        for (var i = 0; i < lookups.Length; i++)
        {
            switch (await lookups[i])
            {
                case TraceLookup.Found found:
                    foreach (var traces in found.Objects)
                    {
                        Admit(traces, question, sources[i], findings, sightings);
                    }
                    unavailable.AddRange(found.Problems.Select(problem => $"{sources[i].Name}: {problem}"));
                    break;
                case TraceLookup.Unavailable none:
                    unavailable.Add($"{sources[i].Name}: {none.Reason}");
                    break;
                default:
                    break;
            }
        }
        refused.Add(findings);
        return new TraceAnswer([.. findings.Claims.Select(claim => Explored(claim, sightings))], findings.Details, unavailable);
    }

    void Admit(
        TraceObject traces,
        TraceQuestion question,
        ITraceSource source,
        TraceFindings findings,
        List<(TraceEvidence, TraceSighting)> sightings
    )
    {
        foreach (var element in traces.Elements)
        {
            // Alone, so that what was admitted is known to be this element.
            var own = new TraceFindings();
            _admission.Admit(element, question, own);
            foreach (var claim in own.Claims)
            {
                findings.Add(claim);
                var standing = (source as ITraceStandings)?.StandingOf(element.Raw.Span);
                sightings.Add((claim.Evidence[0], new TraceSighting(source.Name, standing)));
            }
            foreach (var refusal in own.Details)
            {
                findings.Add(refusal);
            }
        }
    }

    ExploredClaim Explored(TraceClaim claim, List<(TraceEvidence Evidence, TraceSighting Sighting)> sightings)
    {
        // Only keys of the model were admitted.
        var builder = trust.TryBuilder(claim.Signer, out var known)
            ? known
            : throw new InvalidOperationException("a claim without a builder");
        var own = sightings
            .Where(seen => claim.Evidence.Contains(seen.Evidence))
            .Select(seen => seen.Sighting.In(builder.Keys.LogId))
            .ToList();
        // All conditions must hold for one sighting: a log that is witnessed and another that is fresh are not one that is both.
        var counts = builder.Conditions.Count == 0 || own.Exists(s => builder.Conditions.All(c => s.Meets(c, claim.Built, now)));
        var unknown = own.SelectMany(s => builder.Conditions.Select(s.Unknown)).FirstOrDefault(reason => reason is not null);
        return new ExploredClaim(
            builder,
            OutputPaths.Of(claim.Outputs.Select(output => KeyValuePair.Create(output.Name, output.Path.ToString()))),
            claim.Outputs,
            claim.Built,
            [.. own.Select(sighting => sighting.Source).Distinct(StringComparer.Ordinal)],
            counts ? null
                : unknown is null ? builder.Unmet
                : $"{builder.Unmet} ({unknown})"
        );
    }
}
