using Quorate.Cli.Commands;
using Quorate.Sources.Control;
using Spectre.Console;

namespace Quorate.Cli.Rendering;

/// <summary>A decision as a tree: verdict and rule, then each candidate output with who claims it, then those who claim none.</summary>
static class EvidenceTree
{
    public static Tree Of(string shown, DecisionInfo decision)
    {
        var tree = new Tree(Screen.Say(shown));
        var verdict = tree.AddNode(Screen.Say($"{decision.Verdict} by {decision.Engine}", Colour(decision.Verdict)));
        foreach (var reason in decision.Reasons)
        {
            verdict.AddNode(Screen.Say(reason));
        }
        // Claims that mean the same are one candidate, however their bytes were spelled.
        foreach (
            var candidate in decision.Testimonies.Where(t => t.Status is "supports" or "dissents").GroupBy(Meaning, StringComparer.Ordinal)
        )
        {
            // The best-supported candidate of a refused input has supporters too.
            var supported = decision.Verdict == "accepted" && candidate.Any(t => t.Status == "supports");
            var node = tree.AddNode(
                Screen.Say($"{(supported ? "accepted output" : "claimed output")}: {candidate.Key}", supported ? Color.Green : Color.Red)
            );
            foreach (var testimony in candidate)
            {
                var builder = node.AddNode(Screen.Say($"{testimony.Builder}: {Standing(testimony)}"));
                foreach (var digest in testimony.SelfDivergences)
                {
                    builder.AddNode(Screen.Say($"later logged something else: {digest} (self-divergence, no vote)", Color.Yellow));
                }
                if (testimony.Reason is { } reason)
                {
                    builder.AddNode(Screen.Say(reason));
                }
            }
        }
        Group(tree, decision, "silent", "says nothing", "its log, as far as it is verified here, has no entry for this");
        Group(tree, decision, "unavailable", "cannot be known", "no reason given");
        Group(tree, decision, "malformed", "claim without a vote", "not a canonical claim");
        return tree;
    }

    static void Group(Tree tree, DecisionInfo decision, string status, string title, string fallback)
    {
        var members = decision.Testimonies.Where(t => t.Status == status).ToArray();
        if (members.Length == 0)
        {
            return;
        }
        var node = tree.AddNode(Screen.Say(title, Color.Yellow));
        foreach (var member in members)
        {
            node.AddNode(Screen.Say($"{member.Builder}: {member.Reason ?? fallback}"));
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

    static Color Colour(string verdict) =>
        verdict switch
        {
            "accepted" => Color.Green,
            "rejected" => Color.Red,
            _ => Color.Yellow,
        };
}
