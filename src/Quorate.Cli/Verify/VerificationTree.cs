using Quorate.Cli.Rendering;
using Quorate.Nix.Verification;
using Quorate.Trust;

namespace Quorate.Cli.Verify;

/// <summary>A verification as a tree for people.</summary>
static class VerificationTree
{
    const int Shown = 40;

    public static Outline Of(TraceVerification result)
    {
        var tree = new Outline(result.Target.BaseName);
        var verdict = tree.Add(
            $"{VerificationJson.Word(result.Verdict)} ({VerificationJson.Word(result.Mode)}) by {result.Rule}",
            ToneOf(result.Verdict)
        );
        foreach (var (name, path) in result.Outputs?.Pairs ?? [])
        {
            verdict.Add($"{name}  {path}", Tone.Good);
        }
        foreach (var reason in result.Reasons)
        {
            verdict.Add(reason);
        }
        Steps(tree, result);
        Group(tree, "missing", Tone.Bad, result.Missing, missing => $"{missing.Derivation.BaseName}: {missing.Reason}{Resolved(missing)}");
        if (result.Divergences.Count > 0)
        {
            var node = tree.Add($"builders differ about {result.Divergences.Count} steps", Tone.Doubtful);
            foreach (var divergence in result.Divergences.Take(Shown))
            {
                var step = node.Add(divergence.Derivation.BaseName);
                foreach (var outcome in divergence.Outcomes)
                {
                    step.Add($"{string.Join(", ", outcome.Builders)}: {outcome.Outputs} ({Resolved(outcome)})");
                }
            }
        }
        Group(tree, "not seen", Tone.Doubtful, result.Gaps, gap => gap.Reason);
        Group(
            tree,
            "on this machine",
            Tone.Doubtful,
            [.. result.Local.Where(content => content.State != "matches")],
            c => $"{c.State}: {c.Path}: {c.Detail}"
        );
        if (result.Local.Count > 0)
        {
            tree.Add(
                $"{result.Local.Count(content => content.State == "matches")} of {result.Local.Count} verified paths have the verified content on this machine"
            );
        }
        return tree;
    }

    static void Steps(Outline tree, TraceVerification result)
    {
        if (result.Positions.Count == 0)
        {
            return;
        }
        var steps = tree.Add($"{result.Positions.Count} steps verified, {result.Fixed.Count} fixed outputs");
        foreach (var group in result.Positions.GroupBy(By, StringComparer.Ordinal))
        {
            var signers = steps.Add($"{group.Count()} by {group.Key}");
            foreach (var position in group.Take(Shown))
            {
                signers.Add($"{position.Derivation.Name}  {position.Outputs}");
            }
            if (group.Count() > Shown)
            {
                signers.Add($"… and {group.Count() - Shown} more; --json lists all");
            }
        }
    }

    static string By(VerifiedPosition position)
    {
        var notes = new List<string>();
        if (position.RestsOnLegacy)
        {
            notes.Add(position.Resolved is null ? "legacy signature, its choice of inputs is believed" : "legacy signature");
        }
        else if (position.Claims.Any(claim => !claim.IsAtomic))
        {
            notes.Add("outputs signed one by one");
        }
        if (position.Claims.Any(claim => !claim.IsExact))
        {
            notes.Add("under an identifier that other derivations may share");
        }
        var signers = string.Join(", ", position.Signers);
        return notes.Count == 0 ? signers : $"{signers} ({string.Join("; ", notes)})";
    }

    static string Resolved(DivergentOutcome outcome) =>
        outcome.Resolved is { } hash ? $"resolved as {hash}" : "legacy signature, unresolved";

    static void Group<T>(Outline tree, string title, Tone tone, IReadOnlyList<T> items, Func<T, string> text)
    {
        if (items.Count == 0)
        {
            return;
        }
        var node = tree.Add(title, tone);
        foreach (var item in items.Take(Shown))
        {
            node.Add(text(item));
        }
        if (items.Count > Shown)
        {
            node.Add($"… and {items.Count - Shown} more; --json lists all");
        }
    }

    static string Resolved(MissingEvidence missing) =>
        missing.Resolved.Count == 0 ? "" : $" (resolved as {string.Join(", ", missing.Resolved.Take(4))})";

    static Tone ToneOf(Verdict verdict) =>
        verdict switch
        {
            Verdict.Accepted => Tone.Good,
            Verdict.Rejected => Tone.Bad,
            _ => Tone.Doubtful,
        };
}
