namespace Quorate.Trust.Rules;

/// <summary>Explains one decision in sentences: what the rule needed, who has it, what every other builder said.</summary>
sealed class RuleReasons(TrustRule rule, RuleEvaluation.Node root, RuleEvaluation.Voter[] voters, RuleEvaluation.Votes votes)
{
    readonly List<string> _sentences = [];

    /// <param name="shown">The candidate that is explained: the accepted one, or the best supported.</param>
    public IReadOnlyList<string> Write(Verdict verdict, int winner, int shown, List<int> accepted, DateTimeOffset now)
    {
        if (accepted.Count > 1)
        {
            _sentences.Add(Contested(accepted, winner));
        }
        if (verdict == Verdict.Accepted)
        {
            _sentences.Add($"{Met(root, winner)}");
        }
        else if (accepted.Count == 0)
        {
            Missing(root, shown);
        }
        for (var i = 0; i < votes.Heard.Length; i++)
        {
            if (i < voters.Length)
            {
                Voter(i, shown, now);
            }
            if (Sentences.SelfDivergence(votes.Heard[i]) is { } divergence)
            {
                _sentences.Add(divergence);
            }
        }
        if (verdict == Verdict.Rejected && accepted.Count == 0)
        {
            _sentences.Add(
                votes.AnyJoiner
                    ? "rejected: no output could be accepted even if every silent or unavailable builder joined it"
                    : "rejected: no builder is left that could change this"
            );
        }
        return _sentences;
    }

    string Contested(List<int> accepted, int winner)
    {
        var sides = accepted.Select(candidate =>
        {
            var supporters = Supporters(candidate);
            return $"{Sentences.Short(EvidenceOf(candidate))} by {Sentences.Join(supporters)}";
        });
        var end = winner == Candidates.None ? "refused" : "the majority's is taken, as on_contest says";
        return $"contested: {accepted.Count} different outputs satisfy the rule ({string.Join("; ", sides)}); {end}";
    }

    string Met(RuleEvaluation.Node node, int winner)
    {
        var supporters = Sentences.Join(Supporters(winner));
        return node.Children is { } children
            ? $"{node.Required} of {children.Length} needed, {Holding(children, winner).Count} {Have(Holding(children, winner).Count)} it: {supporters}"
            : $"{supporters} has it";
    }

    // The rule's own thresholds that fail, outermost first, each with what it has.
    void Missing(RuleEvaluation.Node node, int candidate)
    {
        if (node.Children is not { } children)
        {
            if (node == root)
            {
                _sentences.Add($"{node.Text} is needed");
            }
            return;
        }
        var holding = Holding(children, candidate);
        var who = holding.Count == 0 ? "none has it" : $"{holding.Count} {Have(holding.Count)} it: {Sentences.Join(holding)}";
        var which = node == root ? "" : $"in {node.Text}: ";
        _sentences.Add($"{which}{node.Required} of {children.Length} needed, {who}");
        foreach (var child in children)
        {
            if (!RuleEvaluation.Holds(child, votes, candidate, withJoiners: false))
            {
                Missing(child, candidate);
            }
        }
    }

    List<string> Holding(RuleEvaluation.Node[] children, int candidate)
    {
        var holding = new List<string>(children.Length);
        foreach (var child in children)
        {
            if (RuleEvaluation.Holds(child, votes, candidate, withJoiners: false))
            {
                holding.Add(child.Text);
            }
        }
        return holding;
    }

    void Voter(int i, int shown, DateTimeOffset now)
    {
        var voter = voters[i];
        if (!votes.HasSpoken(i))
        {
            var late =
                votes.Heard[i] is Testimony.Silent && !votes.MayJoin(i)
                    ? $", and a claim from {Sentences.Instant(now)} on would not count"
                    : "";
            _sentences.Add(Sentences.Absence(votes.Heard[i]) + late);
            return;
        }
        if (!votes.Means(i, shown))
        {
            _sentences.Add($"{voter.Builder} disagrees");
        }
        if (voter.FailedBy(((Testimony.Given)votes.Heard[i]).Evidence, now) is { } failed)
        {
            _sentences.Add($"{voter.Builder}'s claim does not count: {Failure(failed, ((Testimony.Given)votes.Heard[i]).Evidence)}");
        }
    }

    static string Failure(VoteCondition condition, Evidence evidence) =>
        condition switch
        {
            VoteCondition.Logged => "it is not logged (a signed cache may only have relayed it)",
            VoteCondition.Built => evidence.Claim.Origin == ClaimOrigin.LoggedRelayed
                ? "it is not from a log of what its builder built (claims: relayed)"
                : "it is not from a log of what its builder built (a signed cache may only have relayed it)",
            VoteCondition.Before before =>
                $"first seen at {Sentences.Instant(evidence.FirstSeen)}, not before {Sentences.Instant(before.Instant)}",
            VoteCondition.UntilIndex until => evidence.Position is { } position && position.LogId == until.LogId
                ? $"it is entry {position.Index} of log {until.LogName}, of which only the first {until.Entries} count"
                : $"it does not stand in log {until.LogName}",
            VoteCondition.Witnessed witnessed => evidence.Position is null
                ? "it stands in no log that could be witnessed"
                : $"{evidence.Witnessing?.Witnesses ?? 0} of the {witnessed.Count} witnesses that it needs have cosigned a head that covers it",
            VoteCondition.Fresh fresh => evidence.Position is null ? "it stands in no log that could be fresh"
            : evidence.Witnessing?.FreshAt is { } at
                ? $"its log is stale: last known to be complete at {Sentences.Instant(at)}, more than {RuleSyntax.Duration(fresh.Age)} ago"
            : "its log was never known to be complete",
            _ => throw new InvalidOperationException("unreachable: the hierarchy is closed"),
        };

    List<string> Supporters(int candidate)
    {
        var supporters = new List<string>(voters.Length);
        for (var i = 0; i < voters.Length; i++)
        {
            if (votes.Supports(i, candidate))
            {
                supporters.Add(voters[i].Builder);
            }
        }
        return supporters;
    }

    Evidence EvidenceOf(int candidate)
    {
        for (var i = 0; i < voters.Length; i++)
        {
            if (votes.Supports(i, candidate))
            {
                return ((Testimony.Given)votes.Heard[i]).Evidence;
            }
        }
        throw new InvalidOperationException($"no supporter of candidate {candidate} under {rule.Text}");
    }

    static string Have(int count) => count == 1 ? "has" : "have";
}
