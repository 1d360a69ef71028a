using System.Collections.Concurrent;
using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Node.Traces;
using Quorate.Sources.NixCaches;
using Quorate.Sources.Traces;
using Quorate.Trust;
using Quorate.Trust.Rules;

namespace Quorate.Node.Gates.Traces;

/// <summary>What the gate needs to judge build traces. The gate owns caches and keepers.</summary>
/// <param name="Keepers">Nodes that logs are followed from: they may have resolved derivations. What they claim counts only as it stands in a log.</param>
/// <param name="Sources">Where claims are looked for now: the caches, and the logs that the node holds.</param>
/// <param name="OwnFolder">Where the node keeps resolved derivations; null for nowhere.</param>
/// <param name="Listed">Resolved derivations that the node's logs have claims about, each once.</param>
public sealed record GateTraceParts(
    TraceTrust Trust,
    string? Derivations,
    IReadOnlyList<TraceCache> Caches,
    IReadOnlyList<TraceCache> Keepers,
    Func<IReadOnlyList<ITraceSource>> Sources,
    string? OwnFolder,
    Func<IEnumerable<ResolvedInputHash>> Listed
);

/// <summary>
/// Answers what a derivation was built to, only as far as the trust model for traces accepts it. A resolved derivation is judged by itself: the client
/// resolves its inputs on its own. An unresolved one is judged with everything that it depends on, by resolving all of it here. Thread-safe.
/// </summary>
sealed class GateTraces : IDisposable
{
    /// <summary>More evidence never takes an acceptance back; what could is a changed configuration, after which nothing is believed any more.</summary>
    static readonly TimeSpan s_acceptedIsBelieved = TimeSpan.FromMinutes(1);

    // A builder uploads right after a build; what was missing a moment ago may be there now. And what is fresh may not be any more.
    static readonly TimeSpan s_believedForNow = TimeSpan.FromSeconds(2);

    const int MaxJudgements = 50_000;
    const int MaxObjects = 500_000;

    /// <summary>Derivations that are judged because an upstream says that they made an object.</summary>
    const int MaxDerivers = 4;

    readonly GateTraceParts _parts;
    readonly NixCacheSecretKey _key;
    readonly string _storeDir;
    readonly KnownDerivations _derivations;
    readonly FirstSynchronisations _synchronisations;
    readonly TimeProvider _time;
    readonly SharedWork<StorePath, TraceJudgement> _judgements;

    /// <summary>Hash part of an object → the derivation whose acceptance it was part of. It only tells what to judge again.</summary>
    readonly ConcurrentDictionary<string, StorePath> _origins = new(StringComparer.Ordinal);

    public GateTraces(
        GateTraceParts parts,
        NixCacheSecretKey key,
        string storeDir,
        FirstSynchronisations synchronisations,
        TimeProvider time
    )
    {
        _parts = parts;
        _key = key;
        _storeDir = storeDir;
        _synchronisations = synchronisations;
        var own = parts.OwnFolder is { } folder ? new DerivationFiles(folder) : null;
        _derivations = new KnownDerivations(
            parts.Derivations,
            new DerivationPlaces(own, [.. parts.Caches, .. parts.Keepers], time),
            parts.Listed,
            () => parts.Caches.SelectMany(cache => cache.ListDerivations()),
            storeDir,
            time
        );
        _time = time;
        var dependsOnTime = parts
            .Trust.Builders.SelectMany(builder => builder.Conditions)
            .Any(condition => condition is VoteCondition.Fresh);
        _judgements = new SharedWork<StorePath, TraceJudgement>(
            JudgeAsync,
            judgement =>
                judgement.Outcome == GateOutcome.NotReady ? TimeSpan.Zero
                : judgement.Outputs is null || dependsOnTime ? s_believedForNow
                : s_acceptedIsBelieved,
            MaxJudgements,
            time,
            judgement => 1 + judgement.Objects.Count / 10
        );
    }

    /// <summary>For Nix up to 2.34, which asks by a hash that only the derivation itself explains.</summary>
    public async Task<TraceReply> RealisationAsync(DrvOutputId id, CancellationToken cancellationToken)
    {
        var waiting = Waiting();
        var candidates = await _derivations.OfAsync(id.Hash, cancellationToken);
        if (candidates.IsEmpty)
        {
            return Unknown(
                id.ToString(),
                "no derivation at hand that is as Nix evaluates it has this hash; nothing else would say what was built",
                waiting
            );
        }
        var judgements = await Task.WhenAll(candidates.Select(path => _judgements.GetAsync(path, cancellationToken)));
        return Reply(id.ToString(), id.Output, judgements, path => new Realisation(id, path).SignedBy(_key).ToJson());
    }

    /// <summary>For Nix since 2.35, which asks by the resolved derivation.</summary>
    public async Task<TraceReply> EntryAsync(BuildTraceKey key, CancellationToken cancellationToken)
    {
        var waiting = Waiting();
        if (key.Derivation.StoreDir != _storeDir || !await _derivations.FetchAsync(key.Derivation, cancellationToken))
        {
            return Unknown(key.ToString(), "the derivation is not at hand", waiting);
        }
        var judgement = await _judgements.GetAsync(key.Derivation, cancellationToken);
        return Reply(key.ToString(), key.Output, [judgement], path => new BuildTraceEntry(key, path).SignedBy(_key).ToValueJson());
    }

    /// <summary>The object of this hash part if a verified build made it; null otherwise. Judged anew, whatever was said before.</summary>
    /// <param name="derivers">
    /// What upstreams say made it: nothing but a hint at what to judge. A client that remembers a realisation does not ask the gate for it again.
    /// </param>
    public async Task<VerifiedObject?> ObjectAsync(string hashPart, IEnumerable<string> derivers, CancellationToken cancellationToken)
    {
        if (
            _origins.TryGetValue(hashPart, out var origin)
            && (await _judgements.GetAsync(origin, cancellationToken)).Objects.TryGetValue(hashPart, out var known)
        )
        {
            return known;
        }
        foreach (var name in derivers.Distinct(StringComparer.Ordinal).Take(MaxDerivers))
        {
            if (
                StorePath.TryFromBaseName(_storeDir, name, out var deriver)
                && DerivationPaths.TryNameOf(deriver, out _)
                && await _derivations.FetchAsync(deriver, cancellationToken)
                && (await _judgements.GetAsync(deriver, cancellationToken)).Objects.TryGetValue(hashPart, out var named)
            )
            {
                return named;
            }
        }
        return null;
    }

    /// <summary>Nothing that was judged so far is believed any more: what counts as evidence may have changed.</summary>
    public void Forget() => _judgements.Forget();

    public void Dispose()
    {
        _judgements.Dispose();
        _derivations.Dispose();
        foreach (var cache in _parts.Caches.Concat(_parts.Keepers))
        {
            cache.Dispose();
        }
    }

    /// <summary>Read before looking for anything: a log whose first synchronisation ends in between must not turn into "refused".</summary>
    string? Waiting() => _synchronisations.Waiting(Protocol.NixTrace);

    static TraceReply Unknown(string subject, string reason, string? waiting) =>
        waiting is null
            ? new TraceReply(GateOutcome.UnknownPath, subject, [reason], "unknown", Json: null)
            : new TraceReply(GateOutcome.NotReady, subject, [waiting], "not-ready", Json: null);

    TraceReply Reply(string subject, string output, IReadOnlyList<TraceJudgement> judgements, Func<StorePath, string> sign)
    {
        var paths = new HashSet<StorePath>();
        foreach (var judgement in judgements)
        {
            if (
                judgement.Outputs is { } outputs
                && outputs.TryGet(output, out var text)
                && StorePath.TryParse(text, _storeDir, out var path)
            )
            {
                paths.Add(path);
            }
        }
        if (paths.Count == 1)
        {
            return new TraceReply(GateOutcome.VerifiedTrace, subject, [], "accepted", sign(paths.Single()));
        }
        if (paths.Count > 1)
        {
            // Derivations that are known by one hash differ only in where fixed outputs come from, so their outcomes may not differ.
            return new TraceReply(
                GateOutcome.Ambiguous,
                subject,
                [$"the trust model accepts {paths.Count} results: {string.Join(", ", paths.Order())}"],
                "ambiguous",
                Json: null
            );
        }
        var refusal = judgements.FirstOrDefault(judgement => judgement.Outputs is null);
        return refusal is not null
            ? new TraceReply(
                refusal.Outcome,
                subject,
                [.. refusal.Reasons.Select(reason => $"{refusal.Derivation.BaseName}: {reason}")],
                refusal.Verdict,
                Json: null
            )
            : new TraceReply(GateOutcome.NoQuorum, subject, [$"no accepted claim covers the output '{output}'"], "rejected", Json: null);
    }

    async Task<TraceJudgement> JudgeAsync(StorePath derivation, CancellationToken cancellationToken)
    {
        var waiting = Waiting();
        TraceVerification verification;
        try
        {
            verification = await new TraceVerifier(_derivations, _parts.Sources(), _time).VerifyAsync(
                new VerificationRequest(derivation, OutputPaths.Empty, _parts.Trust),
                progress: null,
                cancellationToken
            );
        }
        catch (Exception e) when (e is MalformedException or IOException)
        {
            return TraceJudgement.Refused(GateOutcome.NoQuorum, derivation, "inconclusive", e.Message);
        }
        if (verification.Exploration is { } exploration)
        {
            KeepResolutions(exploration);
        }
        if (verification.Verdict != Verdict.Accepted || verification.Outputs is not { } outputs)
        {
            if (waiting is not null)
            {
                return TraceJudgement.Refused(GateOutcome.NotReady, derivation, "not-ready", waiting);
            }
            return TraceJudgement.Refused(
                GateOutcome.NoQuorum,
                derivation,
                verification.Verdict == Verdict.Rejected ? "rejected" : "inconclusive",
                verification.Reasons
            );
        }
        var objects = Objects(verification);
        foreach (var hashPart in objects.Keys)
        {
            if (_origins.Count < MaxObjects || _origins.ContainsKey(hashPart))
            {
                _origins[hashPart] = derivation;
            }
        }
        return new TraceJudgement(GateOutcome.VerifiedTrace, derivation, outputs, objects, [], "accepted");
    }

    ImmutableDictionary<string, VerifiedObject> Objects(TraceVerification verification)
    {
        var objects = ImmutableDictionary.CreateBuilder<string, VerifiedObject>(StringComparer.Ordinal);
        if (verification.Positions.Count == 0)
        {
            // A fixed output alone: nobody built anything, and other settings decide about it.
            return objects.ToImmutable();
        }
        foreach (var position in verification.Positions.Concat(verification.Fixed))
        {
            foreach (var (name, text) in position.Outputs?.Pairs ?? [])
            {
                if (StorePath.TryParse(text, _storeDir, out var path))
                {
                    var hashes = position
                        .Claims.SelectMany(claim => claim.Stated)
                        .Where(stated => stated.Name == name && stated.Path == path && stated.NarHash is not null)
                        .Select(stated => stated.NarHash!.Value);
                    objects[path.HashPart] = new VerifiedObject(path, [.. hashes]);
                }
            }
        }
        return objects.ToImmutable();
    }

    /// <summary>
    /// The client may ask next for a step of the graph by its resolved identity, also where the whole was refused and it builds some of it itself. What
    /// builders claim something about is then at hand although nobody stored it.
    /// </summary>
    void KeepResolutions(TraceExploration exploration)
    {
        var closure = exploration.Closure.Derivations;
        foreach (var node in exploration.Nodes.SelectMany(nodes => nodes))
        {
            if (node.Claims.Count == 0 || _derivations.Knows(node.Hash))
            {
                continue;
            }
            var inputs = node.Needs.ToDictionary(need => closure[need.Position].Path, need => need.Outputs);
            StorePath? Realised(StorePath derivation, string output) =>
                inputs.TryGetValue(derivation, out var chosen)
                && chosen.TryGet(output, out var text)
                && StorePath.TryParse(text, _storeDir, out var path)
                    ? path
                    : null;
            var known = closure[node.Position];
            if (DerivationResolution.Resolve(known.Derivation, known.Name, Realised) is { } resolved && resolved.Hash == node.Hash)
            {
                _derivations.Keep(resolved);
            }
        }
    }
}
