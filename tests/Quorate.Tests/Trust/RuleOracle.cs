using Quorate.Trust;
using Quorate.Trust.Rules;

namespace Quorate.Tests.Trust;

/// <summary>The definitions of the verdicts, word by word and slowly: every way in which open builders could still speak is tried.</summary>
sealed class RuleOracle(TrustModel model, IReadOnlyList<BuilderSource> sources, bool majority, DateTimeOffset now)
{
    public (Verdict Verdict, string? Value) Judge(IReadOnlyList<Testimony> heard)
    {
        if (Accepted(heard) is { } value)
        {
            return (Verdict.Accepted, value);
        }
        return Completions(heard, 0).Any(completion => Accepted(completion) is not null)
            ? (Verdict.Inconclusive, null)
            : (Verdict.Rejected, null);
    }

    string? Accepted(IReadOnlyList<Testimony> heard)
    {
        var accepted = heard
            .OfType<Testimony.Given>()
            .Select(ValueOf)
            .Distinct(StringComparer.Ordinal)
            .Where(value => Holds(model, [], value, heard))
            .Select(value => (Value: value, Support: Supporters(value, heard)))
            .OrderByDescending(candidate => candidate.Support)
            .ToList();
        return accepted.Count switch
        {
            0 => null,
            1 => accepted[0].Value,
            _ => majority && accepted[0].Support > accepted[1].Support ? accepted[0].Value : null,
        };
    }

    public int Supporters(string value, IReadOnlyList<Testimony> heard) => Votes(model, []).Count(vote => Counts(vote, value, heard));

    bool Holds(TrustModel node, VoteCondition[] conditions, string value, IReadOnlyList<Testimony> heard) =>
        node switch
        {
            TrustModel.Key key => Counts((key.Builder, conditions), value, heard),
            TrustModel.Where where => Holds(where.Inner, [.. conditions, where.Condition], value, heard),
            TrustModel.Threshold t => t.Children.Count(child => Holds(child, conditions, value, heard)) >= t.Required,
            _ => throw new InvalidOperationException(),
        };

    static IEnumerable<(string Builder, VoteCondition[] Conditions)> Votes(TrustModel node, VoteCondition[] conditions) =>
        node switch
        {
            TrustModel.Key key => [(key.Builder, conditions)],
            TrustModel.Where where => Votes(where.Inner, [.. conditions, where.Condition]),
            TrustModel.Threshold t => t.Children.SelectMany(child => Votes(child, conditions)),
            _ => throw new InvalidOperationException(),
        };

    bool Counts((string Builder, VoteCondition[] Conditions) vote, string value, IReadOnlyList<Testimony> heard) =>
        heard.FirstOrDefault(t => t.Builder == vote.Builder) is Testimony.Given given
        && ValueOf(given) == value
        && vote.Conditions.All(condition =>
            condition switch
            {
                VoteCondition.Logged => given.Evidence.Claim.Origin != ClaimOrigin.SignedCache,
                VoteCondition.Built => given.Evidence.Claim.Origin == ClaimOrigin.LoggedBuilt,
                VoteCondition.Before before => given.Evidence.FirstSeen < before.Instant,
                VoteCondition.Witnessed witnessed => given.Evidence.Position is not null
                    && given.Evidence.Witnessing!.Witnesses >= witnessed.Count,
                VoteCondition.Fresh fresh => given.Evidence.Position is not null && now - given.Evidence.Witnessing!.FreshAt <= fresh.Age,
                VoteCondition.UntilIndex until => given.Evidence.Position is { } at && at.LogId == until.LogId && at.Index < until.Entries,
                _ => throw new InvalidOperationException(),
            }
        );

    static string ValueOf(Testimony.Given given) => System.Text.Encoding.UTF8.GetString(given.Evidence.Claim.Raw.Bytes.Span);

    IEnumerable<IReadOnlyList<Testimony>> Completions(IReadOnlyList<Testimony> heard, int from)
    {
        var open = from;
        while (open < heard.Count && heard[open] is Testimony.Malformed)
        {
            open++;
        }
        if (open == heard.Count)
        {
            yield return heard;
            yield break;
        }
        foreach (var completion in Completions(heard, open + 1))
        {
            yield return completion;
        }
        if (heard[open] is Testimony.Given given)
        {
            // Witnesses may still come, and a stale log may become fresh; the claim stays what it is.
            var witnesses = sources.Single(s => s.Builder == given.Builder).Witnesses;
            var mended = heard.ToList();
            mended[open] = given with { Evidence = given.Evidence with { Witnessing = new WitnessStatus(witnesses, now) } };
            foreach (var completion in Completions(mended, open + 1))
            {
                yield return completion;
            }
            yield break;
        }
        // A silent builder's claim is first seen from now on; an unavailable one may have made it long ago.
        var seen = heard[open] is Testimony.Silent ? now : DateTimeOffset.MinValue;
        foreach (var value in new[] { "A", "B", "C", "unseen" })
        {
            var source = sources.Single(s => s.Builder == heard[open].Builder);
            var joined = heard.ToList();
            joined[open] = heard[open].Builder.Says(value, source.Origin, 0, seen, source.LogId, new WitnessStatus(source.Witnesses, now));
            foreach (var completion in Completions(joined, open + 1))
            {
                yield return completion;
            }
        }
    }
}
