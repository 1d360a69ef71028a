using Quorate.Cli.Rendering;
using Quorate.Nix.Verification;
using Quorate.Trust;
using Spectre.Console;

namespace Quorate.Cli.Verify;

/// <summary>A verification as a tree for people.</summary>
static class VerificationTree
{
    const int Shown = 40;

    public static Tree Of(TraceVerification result, IReadOnlyList<LocalContent> local)
    {
        var tree = new Tree(Screen.Say(result.Target.BaseName));
        var verdict = tree.AddNode(
            Screen.Say(
                $"{VerificationJson.Word(result.Verdict)} ({VerificationJson.Word(result.Mode)}) by {result.Rule}",
                Colour(result.Verdict)
            )
        );
        foreach (var (name, path) in result.Outputs?.Pairs ?? [])
        {
            verdict.AddNode(Screen.Say($"{name}  {path}", Color.Green));
        }
        foreach (var reason in result.Reasons)
        {
            verdict.AddNode(Screen.Say(reason));
        }
        Steps(tree, result);
        Group(tree, "missing", Color.Red, result.Missing, missing => $"{missing.Derivation.BaseName}: {missing.Reason}{Resolved(missing)}");
        if (result.Divergences.Count > 0)
        {
            var node = tree.AddNode(Screen.Say($"builders differ about {result.Divergences.Count} steps", Color.Yellow));
            foreach (var divergence in result.Divergences.Take(Shown))
            {
                var step = node.AddNode(Screen.Say(divergence.Derivation.BaseName));
                foreach (var outcome in divergence.Outcomes)
                {
                    step.AddNode(Screen.Say($"{string.Join(", ", outcome.Builders)}: {outcome.Outputs} (resolved as {outcome.Resolved})"));
                }
            }
        }
        Group(tree, "not seen", Color.Yellow, result.Gaps, gap => gap.Reason);
        Group(
            tree,
            "on this machine",
            Color.Yellow,
            [.. local.Where(content => content.State != "matches")],
            c => $"{c.State}: {c.Path}: {c.Detail}"
        );
        if (local.Count > 0)
        {
            tree.AddNode(
                Screen.Say(
                    $"{local.Count(content => content.State == "matches")} of {local.Count} verified paths have the verified content on this machine"
                )
            );
        }
        return tree;
    }

    static void Steps(Tree tree, TraceVerification result)
    {
        if (result.Positions.Count == 0)
        {
            return;
        }
        var steps = tree.AddNode(Screen.Say($"{result.Positions.Count} steps verified, {result.Fixed.Count} fixed outputs"));
        foreach (var group in result.Positions.GroupBy(position => string.Join(", ", position.Signers), StringComparer.Ordinal))
        {
            var signers = steps.AddNode(Screen.Say($"{group.Count()} by {group.Key}"));
            foreach (var position in group.Take(Shown))
            {
                signers.AddNode(Screen.Say($"{position.Derivation.Name}  {position.Outputs}"));
            }
            if (group.Count() > Shown)
            {
                signers.AddNode(Screen.Say($"… and {group.Count() - Shown} more; --json lists all"));
            }
        }
    }

    static void Group<T>(Tree tree, string title, Color colour, IReadOnlyList<T> items, Func<T, string> text)
    {
        if (items.Count == 0)
        {
            return;
        }
        var node = tree.AddNode(Screen.Say(title, colour));
        foreach (var item in items.Take(Shown))
        {
            node.AddNode(Screen.Say(text(item)));
        }
        if (items.Count > Shown)
        {
            node.AddNode(Screen.Say($"… and {items.Count - Shown} more; --json lists all"));
        }
    }

    static string Resolved(MissingEvidence missing) =>
        missing.Resolved.Count == 0 ? "" : $" (resolved as {string.Join(", ", missing.Resolved.Take(4))})";

    static Color Colour(Verdict verdict) =>
        verdict switch
        {
            Verdict.Accepted => Color.Green,
            Verdict.Rejected => Color.Red,
            _ => Color.Yellow,
        };
}
