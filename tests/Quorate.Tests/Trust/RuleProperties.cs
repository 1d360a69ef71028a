using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Trust;

public sealed class RuleProperties
{
    static readonly string[] Names = ["alice", "bob", "carol", "dan", "erin"];

    static readonly ClaimOrigin[] Origins = [ClaimOrigin.LoggedBuilt, ClaimOrigin.LoggedRelayed, ClaimOrigin.SignedCache];

    static void ForAllSeeds(Action<Random> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed => property(new Random(seed)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(400).WithQuietOnSuccess(true));

    [Fact]
    public void Decide_any_rule_and_votes_agrees_with_the_definitions()
    {
        ForAllSeeds(random =>
        {
            var (rule, sources, majority) = AnyRule(random);
            var heard = AnyTestimonies(random, rule, sources);
            var expected = new RuleOracle(rule.Model, sources, majority, Heard.Now).Judge(heard);
            var decision = rule.Decide(heard, Heard.Now);
            Assert.Equal(expected, (decision.Verdict, ValueOf(decision)));
        });
    }

    [Fact]
    public void Decide_accepted_lists_exactly_the_votes_that_count()
    {
        ForAllSeeds(random =>
        {
            var (rule, sources, majority) = AnyRule(random);
            var heard = AnyTestimonies(random, rule, sources);
            var decision = rule.Decide(heard, Heard.Now);
            var expected = ValueOf(decision) is { } value
                ? new RuleOracle(rule.Model, sources, majority, Heard.Now).Supporters(value, heard)
                : 0;
            Assert.Equal(expected, decision.Supporters.Count);
        });
    }

    [Fact]
    public void Decide_more_claims_never_turn_accepted_into_anything_but_contested()
    {
        ForAllSeeds(random =>
        {
            var (rule, sources, _) = AnyRule(random, majority: false);
            var heard = AnyTestimonies(random, rule, sources);
            var before = rule.Decide(heard, Heard.Now);
            for (var i = 0; i < heard.Count && before.Verdict == Verdict.Accepted; i++)
            {
                if (heard[i] is Testimony.Silent or Testimony.Unavailable)
                {
                    heard[i] = AnyClaim(random, sources.Single(s => s.Builder == heard[i].Builder));
                }
            }
            var after = rule.Decide(heard, Heard.Now);
            var kept =
                before.Verdict != Verdict.Accepted
                || ValueOf(after) == ValueOf(before)
                || after.Reasons[0].StartsWith("contested", StringComparison.Ordinal);
            Assert.True(kept, $"{rule}: {before.Verdict} became {after.Verdict}");
        });
    }

    [Fact]
    public void IsSettled_decision_survives_whatever_open_builders_say()
    {
        ForAllSeeds(random =>
        {
            var (rule, sources, _) = AnyRule(random);
            var heard = AnyTestimonies(random, rule, sources);
            if (!rule.IsSettled(heard, Heard.Now))
            {
                return;
            }
            var before = rule.Decide(heard, Heard.Now);
            for (var i = 0; i < heard.Count; i++)
            {
                if (heard[i] is Testimony.Unavailable)
                {
                    heard[i] = AnyClaim(random, sources.Single(s => s.Builder == heard[i].Builder));
                }
            }
            var after = rule.Decide(heard, Heard.Now);
            Assert.Equal((before.Verdict, ValueOf(before)), (after.Verdict, ValueOf(after)));
        });
    }

    [Fact]
    public void Percentage_any_votes_agrees_with_counting_every_completion()
    {
        ForAllSeeds(random =>
        {
            var minimum = random.Next(101);
            var heard = Names
                .Take(random.Next(1, 6))
                .Select(name => AnyTestimony(random, new(name, name, "log", ClaimOrigin.LoggedBuilt)))
                .ToList();
            var expected =
                Winner(heard, minimum) is { } winner ? winner
                : CouldWin(heard, minimum, 0) ? "open"
                : "never";
            var votes = new EngineVotes(heard);
            var answer = PercentageEngine.Decide(votes, minimum) switch
            {
                EngineAnswer.Chosen chosen => System.Text.Encoding.UTF8.GetString(votes.EvidenceOf(chosen.Candidate).Claim.Raw.Bytes.Span),
                EngineAnswer.Failed { CouldChange: true } => "open",
                _ => "never",
            };
            Assert.Equal(expected, answer);
        });
    }

    [Fact]
    public void TryParse_any_text_is_refused_in_place_or_prints_itself_again()
    {
        ForAllSeeds(random =>
        {
            var context = Heard.Context(Names);
            var text = Mutated(random, AnyRule(random).Rule.Text);
            if (TrustRule.TryParse(text, context, false, out var rule, out var error))
            {
                Assert.Equal(rule.Text, Heard.Rule(rule.Text, context).Text);
                return;
            }
            var line = text.Split('\n')[error.Line - 1];
            Assert.InRange(error.Column, 1, line.Length + 1);
        });
    }

    static string? Winner(List<Testimony> heard, int minimum)
    {
        var groups = heard
            .OfType<Testimony.Given>()
            .GroupBy(given => System.Text.Encoding.UTF8.GetString(given.Evidence.Claim.Raw.Bytes.Span), StringComparer.Ordinal)
            .OrderByDescending(group => group.Count())
            .ToList();
        var enough = groups.Count > 0 && groups[0].Count() * 100 >= minimum * heard.Count;
        return enough && (groups.Count == 1 || groups[1].Count() < groups[0].Count()) ? groups[0].Key : null;
    }

    static bool CouldWin(List<Testimony> heard, int minimum, int from)
    {
        if (from == heard.Count)
        {
            return Winner(heard, minimum) is not null;
        }
        if (CouldWin(heard, minimum, from + 1))
        {
            return true;
        }
        if (heard[from] is not (Testimony.Silent or Testimony.Unavailable))
        {
            return false;
        }
        foreach (var value in new[] { "A", "B", "C", "unseen" })
        {
            var joined = heard.ToList();
            joined[from] = heard[from].Builder.Says(value);
            if (CouldWin(joined, minimum, from + 1))
            {
                return true;
            }
        }
        return false;
    }

    static string? ValueOf(Decision decision) =>
        decision.Accepted is { } accepted ? System.Text.Encoding.UTF8.GetString(accepted.Claim.Raw.Bytes.Span) : null;

    static (TrustRule Rule, IReadOnlyList<BuilderSource> Sources, bool Majority) AnyRule(Random random, bool? majority = null)
    {
        var count = random.Next(1, Names.Length + 1);
        var sources = Names
            .Take(count)
            .Select(name =>
            {
                var origin = Origins[random.Next(3)];
                return new BuilderSource(name, name, origin == ClaimOrigin.SignedCache ? null : $"log-{name}", origin, Witnesses: 3);
            })
            .ToList();
        var left = new Queue<string>(Names.Take(count).OrderBy(_ => random.Next()));
        var parts = new List<string>();
        while (left.Count > 0)
        {
            parts.Add(AnyPart(random, left, sources, 2));
        }
        var byMajority = majority ?? random.Next(2) == 0;
        var text = $"{random.Next(1, parts.Count + 1)} of ({string.Join(", ", parts)})" + AnyCondition(random, null);
        var context = new RuleContext("test", sources, []);
        return (Heard.Rule(text, context, byMajority), sources, byMajority);
    }

    static string AnyPart(Random random, Queue<string> left, List<BuilderSource> sources, int depth)
    {
        if (depth == 0 || left.Count == 1 || random.Next(2) == 0)
        {
            var name = left.Dequeue();
            return name + AnyCondition(random, sources.Single(s => s.Builder == name));
        }
        var children = new List<string>();
        for (var i = random.Next(1, 4); i > 0 && left.Count > 0; i--)
        {
            children.Add(AnyPart(random, left, sources, depth - 1));
        }
        var group = random.Next(4) switch
        {
            0 => $"all of ({string.Join(", ", children)})",
            1 => $"({string.Join(" and ", children)})",
            2 => $"({string.Join(" or ", children)})",
            _ => string.Create(CultureInfo.InvariantCulture, $"{random.Next(1, children.Count + 1)} of ({string.Join(", ", children)})"),
        };
        return group + AnyCondition(random, null);
    }

    static string AnyCondition(Random random, BuilderSource? single) =>
        random.Next(12) switch
        {
            0 => " where logged",
            1 => " where built",
            2 => " where before(\"2026-05-31\")",
            3 => " where before(\"2026-06-30\")",
            4 when single?.LogId is not null => $" where until_index({random.Next(4)})",
            5 when single?.LogId is not null => $" where witnessed({random.Next(1, 4)})",
            6 when single?.LogId is not null => " where fresh(\"24h\")",
            _ => "",
        };

    static List<Testimony> AnyTestimonies(Random random, TrustRule rule, IReadOnlyList<BuilderSource> sources) =>
        [.. rule.Builders.Select(builder => AnyTestimony(random, sources.Single(source => source.Builder == builder)))];

    static Testimony AnyTestimony(Random random, BuilderSource source) =>
        random.Next(8) switch
        {
            0 => source.Builder.SaysNothing(),
            1 => source.Builder.IsAway(),
            2 => source.Builder.Garbles(),
            _ => AnyClaim(random, source),
        };

    static Testimony AnyClaim(Random random, BuilderSource source) =>
        source.Builder.Says(
            "AABC"[random.Next(4)].ToString(),
            source.Origin,
            (ulong)random.Next(4),
            Heard.Now.AddDays(random.Next(-3, 1)),
            source.LogId,
            new WitnessStatus(random.Next(4), random.Next(3) == 0 ? null : Heard.Now.AddDays(random.Next(-2, 1)))
        );

    static string Mutated(Random random, string text)
    {
        const string characters = "() ,\"\\\n0123abw\u00e9\0";
        string[] words = ["of", "and", "or", "where", "alice", "bob", "2", "logged", "before(\"2026-05-01\")", "until_index(", "all of ("];
        for (var i = random.Next(4); i > 0; i--)
        {
            var at = random.Next(text.Length + 1);
            text = random.Next(3) switch
            {
                0 => text.Insert(at, characters[random.Next(characters.Length)].ToString()),
                1 => text.Insert(at, $" {words[random.Next(words.Length)]} "),
                _ => text.Remove(at, Math.Min(random.Next(4), text.Length - at)),
            };
        }
        return text;
    }
}
