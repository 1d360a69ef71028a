using Quorate.Crypto.Keys;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;

namespace Quorate.Nix.Verification;

/// <summary>What one place has about one derivation in one of Nix's two forms.</summary>
/// <param name="Entries">By output.</param>
sealed record NixEntrySet(string Source, IReadOnlyDictionary<string, ISignedOutput> Entries, IReadOnlyList<string> Unavailable)
{
    /// <summary>Whether what is signed names the derivation by its path, which covers every byte.</summary>
    public bool IsExact => Entries.Values.All(entry => entry is BuildTraceEntry);
}

/// <summary>
/// Turns what Nix signed into claims. Entries are about single outputs, so that whoever keeps them could mix those of different builds: a claim is made of those that one key signed
/// and one place has in one form. A builder's key must have signed all outputs; a cache is believed alone in any case, and may have only some. Stateless but for the trust model.
/// </summary>
sealed class NixEntryAdmission(TraceTrust trust, DateTimeOffset now)
{
    readonly record struct Voter(NixCachePublicKey Key, TraceBuilder Builder, bool IsLegacy);

    readonly Voter[] _voters =
    [
        .. trust.Builders.SelectMany(builder => builder.Keys.NixKeys.Select(key => new Voter(key, builder, IsLegacy: false))),
        .. trust.Builders.SelectMany(builder => builder.Keys.LegacyKeys.Select(key => new Voter(key, builder, IsLegacy: true))),
    ];

    /// <param name="findings">Takes what is refused.</param>
    public IReadOnlyList<ExploredClaim> Admit(NixEntryQuestion question, IEnumerable<NixEntrySet> sets, TraceFindings findings)
    {
        var claims = new Dictionary<(TraceBuilder, OutputPaths, EvidenceForm), ExploredClaim>();
        foreach (var set in sets)
        {
            foreach (var claim in Admit(question, set, findings))
            {
                var key = (claim.Builder, claim.Outputs, claim.Form);
                claims[key] = claims.TryGetValue(key, out var known)
                    ? known with
                    {
                        Sources = [.. known.Sources.Union(claim.Sources, StringComparer.Ordinal)],
                        IsExact = known.IsExact || claim.IsExact,
                    }
                    : claim;
            }
        }
        return [.. claims.Values];
    }

    IEnumerable<ExploredClaim> Admit(NixEntryQuestion question, NixEntrySet set, TraceFindings findings)
    {
        var signed = new Dictionary<Voter, List<TraceOutput>>();
        foreach (var (output, entry) in set.Entries.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (Refusal(question, output, entry, out var voters) is { } refusal)
            {
                findings.Add(refusal);
                continue;
            }
            foreach (var voter in voters)
            {
                if (!signed.TryGetValue(voter, out var outputs))
                {
                    signed[voter] = outputs = [];
                }
                outputs.Add(new TraceOutput(output, entry.OutPath, NarHash: null));
            }
        }
        foreach (var (voter, outputs) in signed)
        {
            if (!voter.IsLegacy && outputs.Count < question.Outputs.Count)
            {
                findings.Add(
                    new TraceRefusal(
                        TraceFault.IncompleteOutputs,
                        $"{voter.Key.Name} signed {outputs.Count} of {question.Outputs.Count} outputs in {set.Source}"
                    )
                );
                continue;
            }
            yield return Claim(question, set.Source, voter, outputs) with
            {
                IsExact = set.IsExact,
            };
        }
    }

    /// <summary>Null, and whose word it is; or why it is nobody's.</summary>
    TraceRefusal? Refusal(NixEntryQuestion question, string output, ISignedOutput entry, out IReadOnlyList<Voter> voters)
    {
        voters = [.. _voters.Where(voter => entry.IsSignedBy(voter.Key))];
        if (voters.Count == 0)
        {
            var named = Array.Find(
                _voters,
                voter => entry.Signatures.Any(s => s.StartsWith($"{voter.Key.Name}:", StringComparison.Ordinal))
            );
            return named.Key is null
                ? new TraceRefusal(TraceFault.UnknownSigner, $"what Nix said of output '{output}' is signed by no key that was asked for")
                : new TraceRefusal(
                    TraceFault.BadSignature,
                    $"what Nix said of output '{output}' is not signed by the key {named.Key.Name}"
                );
        }
        if (entry is Realisation realisation && realisation.Id != question.Id(output))
        {
            return new TraceRefusal(TraceFault.OtherInput, $"signed for {realisation.Id}, looked up as {question.Id(output)}");
        }
        if (entry is Realisation && !question.Hash.IsUnambiguous)
        {
            return new TraceRefusal(
                TraceFault.AmbiguousIdentifier,
                $"signed for {question.Id(output)}, which other derivations share with this one: it, or what it depends on, is not as Nix evaluates it"
            );
        }
        if (question.Problem(output, entry.OutPath) is { } problem)
        {
            return new TraceRefusal(TraceFault.UnusableOutput, problem);
        }
        if (question.Resolved is null)
        {
            var signer = voters[0].Key.Name;
            voters = [.. voters.Where(voter => voter.IsLegacy)];
            return voters.Count == 0
                ? new TraceRefusal(
                    TraceFault.UnresolvedInput,
                    $"{signer} signed output '{output}' of the unresolved derivation; it is no legacy key"
                )
                : null;
        }
        return null;
    }

    ExploredClaim Claim(NixEntryQuestion question, string source, Voter voter, List<TraceOutput> outputs)
    {
        // Nix does not say that it built what it signs, and a cache is no log: a condition has nothing to hold on to.
        var sighting = new TraceSighting(source, Log: null);
        var counts = voter.Builder.Conditions.All(condition => sighting.Meets(condition, built: null, now));
        return new ExploredClaim(
            voter.Builder,
            OutputPaths.Of(outputs.Select(output => KeyValuePair.Create(output.Name, output.Path.ToString()))),
            outputs,
            Built: null,
            [source],
            counts ? null : voter.Builder.Unmet
        )
        {
            Form =
                !voter.IsLegacy ? EvidenceForm.Nix
                : question.Resolved is null ? EvidenceForm.Legacy
                : EvidenceForm.LegacyResolved,
        };
    }
}
