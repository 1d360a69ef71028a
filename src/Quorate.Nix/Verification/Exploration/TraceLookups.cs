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
    /// <summary>Elements of one object whose signatures are checked side by side. What a stranger's object has may be millions.</summary>
    const int CheckedAtOnce = 8;

    readonly TraceAdmission _admission = new(new TraceKeys(trust.ClaimKeys), required);
    readonly ConcurrentDictionary<ResolvedInputHash, Task<TraceAnswer>> _asked = new();

    // Nearly every claim is found in one place, and these lists are kept.
    readonly string[][] _sourceNames = [.. sources.Select(source => new[] { source.Name })];
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
                        await AdmitAsync(traces, question, sources[i], findings, sightings);
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
        return new TraceAnswer(Explored(findings.Claims, sightings), findings.Details, unavailable);
    }

    /// <summary>The others of a derivation's claims are checked on another core, if one is idle: in a chain of steps nothing else could be done there.</summary>
    async ValueTask AdmitAsync(
        TraceObject traces,
        TraceQuestion question,
        ITraceSource source,
        TraceFindings findings,
        List<(TraceEvidence, TraceSighting)> sightings
    )
    {
        foreach (var elements in traces.Elements.Chunk(CheckedAtOnce))
        {
            var others = new Task<(TraceRefusal? Refusal, TraceClaim? Claim)>[elements.Length - 1];
            for (var i = 0; i < others.Length; i++)
            {
                var element = elements[i + 1];
                others[i] = Task.Run(() => Check(element, question));
            }
            for (var i = 0; i < elements.Length; i++)
            {
                var (refusal, claim) = i == 0 ? Check(elements[0], question) : await others[i - 1];
                if (refusal is not null)
                {
                    findings.Add(refusal);
                    continue;
                }
                findings.Add(claim!);
                var standing = (source as ITraceStandings)?.StandingOf(elements[i].Raw.Span);
                sightings.Add((claim!.Evidence[0], new TraceSighting(source.Name, standing)));
            }
        }
    }

    (TraceRefusal? Refusal, TraceClaim? Claim) Check(TraceElement element, TraceQuestion question) =>
        (_admission.Check(element, question, out var claim), claim);

    /// <summary>Builders mostly agree, and a closure has many claims: what several of them state is kept once.</summary>
    ExploredClaim[] Explored(IReadOnlyList<TraceClaim> claims, List<(TraceEvidence Evidence, TraceSighting Sighting)> sightings)
    {
        var explored = new ExploredClaim[claims.Count];
        for (var i = 0; i < explored.Length; i++)
        {
            var stated = claims[i].Outputs;
            var same = Array.FindIndex(explored, 0, i, known => known.Stated.SequenceEqual(stated));
            explored[i] =
                same >= 0
                    ? Explored(claims[i], explored[same].Stated, explored[same].Outputs, sightings)
                    : Explored(
                        claims[i],
                        stated,
                        OutputPaths.Of(stated.Select(output => KeyValuePair.Create(output.Name, output.Path.ToString()))),
                        sightings
                    );
        }
        return explored;
    }

    ExploredClaim Explored(
        TraceClaim claim,
        IReadOnlyList<TraceOutput> stated,
        OutputPaths outputs,
        List<(TraceEvidence Evidence, TraceSighting Sighting)> sightings
    )
    {
        // Only keys of the model were admitted.
        var builder = trust.TryBuilder(claim.Signer, out var known)
            ? known
            : throw new InvalidOperationException("a claim without a builder");
        var own = new List<TraceSighting>(1);
        List<(TraceSighting At, string Reason)>? misplaced = null;
        foreach (var (evidence, sighting) in sightings)
        {
            if (!claim.Evidence.Contains(evidence))
            {
                continue;
            }
            if (sighting.Log is { } log && trust.Misplaced(builder, log.LogId) is { } reason)
            {
                (misplaced ??= []).Add((sighting, reason));
            }
            else
            {
                own.Add(sighting.In(builder.Keys.LogId));
            }
        }
        if (own.Count == 0 && misplaced is not null)
        {
            return new ExploredClaim(
                builder,
                outputs,
                stated,
                claim.Built,
                SourcesOf([.. misplaced.Select(one => one.At)]),
                misplaced[0].Reason
            );
        }
        // All conditions must hold for one sighting: a log that is witnessed and another that is fresh are not one that is both.
        var counts = builder.Conditions.Count == 0 || own.Exists(s => builder.Conditions.All(c => s.Meets(c, claim.Built, now)));
        var unknown = counts
            ? null
            : own.SelectMany(s => builder.Conditions.Select(s.Unknown)).FirstOrDefault(reason => reason is not null);
        return new ExploredClaim(
            builder,
            outputs,
            stated,
            claim.Built,
            SourcesOf(own),
            counts ? null
                : unknown is null ? builder.Unmet
                : $"{builder.Unmet} ({unknown})"
        );
    }

    string[] SourcesOf(List<TraceSighting> own) =>
        own.Count == 1 && Array.Find(_sourceNames, names => names[0] == own[0].Source) is { } alone
            ? alone
            : [.. own.Select(sighting => sighting.Source).Distinct(StringComparer.Ordinal)];
}
