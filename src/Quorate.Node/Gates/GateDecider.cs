using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Node.Configuration;
using Quorate.Node.Gates.Traces;
using Quorate.Node.Logs;
using Quorate.Sources.NixCaches;
using Quorate.Trust;

namespace Quorate.Node.Gates;

/// <summary>
/// From a hash part to what the gate says about it. What is accepted is described by the decided claim alone; upstreams contribute only
/// where its bytes are and how they are compressed. The gate's key signs nothing that was not accepted.
/// </summary>
sealed class GateDecider(
    GateSection section,
    NixCacheSecretKey key,
    IDecisionService decisions,
    LogRegistry logs,
    IReadOnlyList<SignedCache> caches,
    GateUpstreams upstreams,
    GateTraces? traces,
    FirstSynchronisations synchronisations,
    TimeProvider time
)
{
    readonly PathFinder _paths = new(logs, caches, section.StoreDir, time);

    public async Task<GateAnswer> DecideAsync(string hashPart, CancellationToken cancellationToken)
    {
        var files = await upstreams.LookupAsync(hashPart, cancellationToken);
        var answer = SelfCertified(hashPart, files);
        if (answer is null)
        {
            var candidates = await CandidatesAsync(hashPart, files, cancellationToken);
            answer = Judge(hashPart, candidates, files);
            if (answer.Outcome == GateOutcome.NoBytes)
            {
                // The upstreams' answers may be minutes old, and the right bytes uploaded since.
                files = await upstreams.LookupAgainAsync(hashPart, cancellationToken);
                answer = Judge(hashPart, candidates, files);
            }
            if (
                answer.IsRefusal
                && traces is not null
                && await traces.ObjectAsync(hashPart, files.Files.Select(file => file.Info.Deriver).OfType<string>(), cancellationToken)
                    is { } verified
            )
            {
                answer = VerifiedBuild(verified, files);
            }
        }
        return section.Mode == GateMode.Report ? Reported(answer, files) : answer;
    }

    /// <summary>A fixed output needs no votes: whoever has bytes with this NAR hash has what the path names.</summary>
    GateAnswer? SelfCertified(string hashPart, UpstreamFiles files)
    {
        if (!section.AcceptContentAddressed)
        {
            return null;
        }
        foreach (var file in files.Files.Where(file => file.Info.StorePath.HashPart == hashPart))
        {
            if (NixClaim.TryFrom(file.Info, out var claim) && claim.CertifiesItself)
            {
                return new GateAnswer(
                    GateOutcome.CertifiesItself,
                    claim.Path.ToString(),
                    Compose(claim, file),
                    ["the path follows from its NAR hash and references"],
                    "certified"
                );
            }
        }
        return null;
    }

    async Task<Candidates> CandidatesAsync(string hashPart, UpstreamFiles files, CancellationToken cancellationToken)
    {
        // Read before deciding: a log whose first synchronisation ends in between must not turn into "refused".
        var notReady = NotReadyReason();
        var paths = await _paths.FindAsync(hashPart, files, cancellationToken);
        var decided = await Task.WhenAll(
            paths.Select(path => decisions.DecideAsync(new BuildInput(Protocol.Nix, NixKeyForms.FullKey(path)), cancellationToken))
        );
        return new Candidates([.. paths.Zip(decided)], notReady);
    }

    GateAnswer Judge(string hashPart, Candidates candidates, UpstreamFiles files)
    {
        var accepted = new List<NixClaim>();
        foreach (var (path, decision) in candidates.Decided.Where(pair => pair.Decision.Verdict == Verdict.Accepted))
        {
            // A decision about one path that carries a claim about another would be our own fault; it must not be served.
            if (decision.Accepted is { } evidence && NixClaim.TryFrom(evidence.Claim.Outputs, out var claim) && claim.Path == path)
            {
                accepted.Add(claim);
            }
        }
        if (accepted.Count > 1)
        {
            return new GateAnswer(
                GateOutcome.Ambiguous,
                hashPart,
                NarInfo: null,
                [$"the trust model accepts {accepted.Count} paths with this hash part: {string.Join(", ", accepted.Select(c => c.Path))}"],
                "ambiguous"
            );
        }
        if (accepted.Count == 1)
        {
            return WithBytes(accepted[0], files);
        }
        if (candidates.NotReady is { } notReady)
        {
            return new GateAnswer(GateOutcome.NotReady, hashPart, NarInfo: null, [notReady], "not-ready");
        }
        if (candidates.Decided.IsEmpty)
        {
            return new GateAnswer(
                GateOutcome.UnknownPath,
                hashPart,
                NarInfo: null,
                ["no followed log, signed cache or upstream names a path with this hash part", .. files.Faults],
                "unknown"
            );
        }
        // Several names for one hash part: the explanation of the one that most sources name is the one an operator wants.
        var (likely, explained) = candidates.Decided[0];
        return new GateAnswer(
            GateOutcome.NoQuorum,
            likely.ToString(),
            NarInfo: null,
            explained.Reasons,
            explained.Verdict == Verdict.Rejected ? "rejected" : "inconclusive"
        );
    }

    /// <summary>
    /// A build that the trust model for traces accepted made this path. What else a narinfo file says follows from the path, or is checked by
    /// Nix: see <see cref="CertifiedFile"/>.
    /// </summary>
    GateAnswer VerifiedBuild(VerifiedObject verified, UpstreamFiles files)
    {
        foreach (var file in files.Files)
        {
            if (CertifiedFile.AddressOf(file.Info, verified) is { } address && NixClaim.TryFrom(file.Info, out var claim))
            {
                var info = Compose(claim, file) with { ContentAddress = address, Signatures = [] };
                return new GateAnswer(GateOutcome.VerifiedTrace, verified.Path.ToString(), info.SignedBy(key), [], "accepted");
            }
        }
        var reason = files.Files.IsEmpty
            ? "its build is verified, but no upstream has it"
            : "its build is verified, but no upstream describes an object that has this path";
        return new GateAnswer(GateOutcome.NoBytes, verified.Path.ToString(), NarInfo: null, [reason, .. files.Faults], "no-bytes");
    }

    GateAnswer WithBytes(NixClaim claim, UpstreamFiles files)
    {
        var file = files.WithNarHash(claim.NarHash).FirstOrDefault();
        if (file is not null)
        {
            return new GateAnswer(GateOutcome.Accepted, claim.Path.ToString(), Compose(claim, file), [], "accepted");
        }
        var reason =
            files.Files.IsEmpty ? "accepted, but no upstream has it"
            : files.Files.Length == 1
                ? $"accepted with {NarHash.ToSri(claim.NarHash)}, but {files.Files[0].Cache.Address} has {NarHash.ToSri(files.Files[0].Info.NarHash)}"
            : $"accepted with {NarHash.ToSri(claim.NarHash)}, but all {files.Files.Length} upstreams that have the path have other bytes";
        return new GateAnswer(GateOutcome.NoBytes, claim.Path.ToString(), NarInfo: null, [reason, .. files.Faults], "no-bytes");
    }

    /// <summary>The upstream's deriver, signatures and stated content address are dropped: nobody vouched for them.</summary>
    NarInfo Compose(NixClaim claim, UpstreamFile file) =>
        new NarInfo
        {
            StorePath = claim.Path,
            Url = new NarUrl(claim.NarHash, file.Info.StorePath.HashPart, file.Info.Compression).ToString(),
            Compression = file.Info.Compression,
            FileHash = file.Info.FileHash,
            FileSize = file.Info.FileSize is 0 ? null : file.Info.FileSize,
            NarHash = claim.NarHash,
            NarSize = claim.NarSize,
            References = claim.References,
            ContentAddress = claim.CertifiesItself ? ContentAddressing.RecursiveSha256Field(claim.NarHash) : null,
        }.SignedBy(key);

    /// <summary>
    /// Report mode passes on what the first upstream says, with the upstream's own signatures. Ours joins them only for what was accepted:
    /// a signature stays in the consumer's store for ever, and must mean the same there after the mode has been changed.
    /// </summary>
    static GateAnswer Reported(GateAnswer answer, UpstreamFiles files)
    {
        if (files.Files.IsEmpty)
        {
            return answer;
        }
        var first = files.Files[0].Info;
        var upstream = first with { Url = NarUrl.Of(first).ToString() };
        if (answer.NarInfo is not { } accepted)
        {
            return answer with { NarInfo = upstream };
        }
        return accepted.Fingerprint() == upstream.Fingerprint()
            ? answer with
            {
                NarInfo = upstream with { Signatures = [.. upstream.Signatures, .. accepted.Signatures] },
            }
            : answer with
            {
                Outcome = GateOutcome.NoBytes,
                NarInfo = upstream,
                Verdict = "no-bytes",
                Reasons = [$"{files.Files[0].Cache.Address} describes the path differently from what was accepted"],
            };
    }

    /// <summary>
    /// Null when there is enough to decide on: no mirror is in its first synchronisation (one that takes too long is not waited for), and not all
    /// of them failed it.
    /// </summary>
    string? NotReadyReason()
    {
        if (synchronisations.Waiting(Protocol.Nix) is { } waiting)
        {
            return waiting;
        }
        var mirrors = synchronisations.Mirrors(Protocol.Nix);
        var hasOtherSources =
            caches.Count > 0
            || logs.Published.Any(entry => entry.Log.Identity.Protocol == Protocol.Nix)
            || logs.Followed.Any(log => log.Section.Mode == FollowMode.Query && log.Identity.Protocol == Protocol.Nix);
        return !mirrors.IsEmpty && !hasOtherSources && mirrors.All(log => log.Head is null)
            ? "no followed log could be synchronised so far"
            : null;
    }

    sealed record Candidates(ImmutableArray<(StorePath Path, Decision Decision)> Decided, string? NotReady);
}
