using Quorate.Cli.Commands;
using Quorate.Sources.Control;

namespace Quorate.Cli.Rendering;

/// <summary>A decision as a tree: verdict and rule, then each candidate output with who claims it, then those who claim none.</summary>
static class EvidenceTree
{
    public static Outline Of(string shown, DecisionInfo decision)
    {
        var tree = new Outline(shown);
        var verdict = tree.Add($"{decision.Verdict} by {decision.Engine}", ToneOf(decision.Verdict));
        foreach (var reason in decision.Reasons)
        {
            verdict.Add(reason);
        }
        // Claims that mean the same are one candidate, however their bytes were spelled.
        foreach (
            var candidate in decision.Testimonies.Where(t => t.Status is "supports" or "dissents").GroupBy(Meaning, StringComparer.Ordinal)
        )
        {
            // The best-supported candidate of a refused input has supporters too.
            var supported = decision.Verdict == "accepted" && candidate.Any(t => t.Status == "supports");
            var node = tree.Add($"{(supported ? "accepted output" : "claimed output")}: {candidate.Key}", supported ? Tone.Good : Tone.Bad);
            foreach (var testimony in candidate)
            {
                var builder = node.Add($"{testimony.Builder}: {Standing(testimony)}");
                foreach (var digest in testimony.SelfDivergences)
                {
                    builder.Add($"later logged something else: {digest} (self-divergence, no vote)", Tone.Doubtful);
                }
                if (testimony.Reason is { } reason)
                {
                    builder.Add(reason);
                }
            }
        }
        Group(tree, decision, "silent", "says nothing", "its log, as far as it is verified here, has no entry for this");
        Group(tree, decision, "unavailable", "cannot be known", "no reason given");
        Group(tree, decision, "malformed", "claim without a vote", "not a canonical claim");
        return tree;
    }

    static void Group(Outline tree, DecisionInfo decision, string status, string title, string fallback)
    {
        var members = decision.Testimonies.Where(t => t.Status == status).ToArray();
        if (members.Length == 0)
        {
            return;
        }
        var node = tree.Add(title, Tone.Doubtful);
        foreach (var member in members)
        {
            node.Add($"{member.Builder}: {member.Reason ?? fallback}");
        }
    }

    /// <summary>What a claim says, in one line. Without outputs (opaque protocols) the value's digest.</summary>
    static string Meaning(TestimonyInfo testimony) =>
        testimony.Outputs.Count == 0
            ? testimony.Digest ?? "?"
            : string.Join(
                "; ",
                testimony.Outputs.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => o.Value.Hash + DecideCommand.Size(o.Value))
            );

    static string Standing(TestimonyInfo testimony)
    {
        var origin = testimony.Origin switch
        {
            "built" => "built it",
            "relayed" => "relayed it",
            "cache" => "signed it in a cache, logged nowhere",
            _ => "claims it",
        };
        var proof = testimony is { Index: { } index, TreeSize: { } size } ? $", proven: entry {index} of {size}" : "";
        var seen = testimony.FirstSeen is { } when ? $", first seen {when}" : "";
        return origin + proof + seen;
    }

    static Tone ToneOf(string verdict) =>
        verdict switch
        {
            "accepted" => Tone.Good,
            "rejected" => Tone.Bad,
            _ => Tone.Doubtful,
        };
}
