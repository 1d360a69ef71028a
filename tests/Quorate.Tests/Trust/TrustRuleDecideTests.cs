using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Trust;

public sealed class TrustRuleDecideTests
{
    static Decision Decide(string rule, params Testimony[] heard) => Heard.Rule(rule).Decide(heard, Heard.Now);

    [Theory]
    // One letter per builder of the rule: A, B, C a value; - silent; ? unavailable; ! malformed.
    [InlineData("2 of (alice, bob, carol)", "AA-", Verdict.Accepted, "alice bob")]
    [InlineData("2 of (alice, bob, carol)", "AAB", Verdict.Accepted, "alice bob")]
    [InlineData("2 of (alice, bob, carol)", "BAA", Verdict.Accepted, "bob carol")]
    [InlineData("2 of (alice, bob, carol)", "A--", Verdict.Inconclusive, "")]
    [InlineData("2 of (alice, bob, carol)", "AB-", Verdict.Inconclusive, "")]
    [InlineData("2 of (alice, bob, carol)", "AB?", Verdict.Inconclusive, "")]
    [InlineData("2 of (alice, bob, carol)", "ABC", Verdict.Rejected, "")]
    [InlineData("2 of (alice, bob, carol)", "AB!", Verdict.Rejected, "")]
    [InlineData("2 of (alice, bob, carol)", "A!-", Verdict.Inconclusive, "")]
    [InlineData("2 of (alice, bob, carol)", "!!-", Verdict.Rejected, "")]
    [InlineData("2 of (alice, bob, carol)", "---", Verdict.Inconclusive, "")]
    [InlineData("3 of (alice, bob, carol)", "AB-", Verdict.Rejected, "")]
    [InlineData("3 of (alice, bob, carol, dan)", "AABA", Verdict.Accepted, "alice bob dan")]
    [InlineData("alice", "A", Verdict.Accepted, "alice")]
    [InlineData("alice", "-", Verdict.Inconclusive, "")]
    [InlineData("alice", "!", Verdict.Rejected, "")]
    [InlineData("alice or bob", "A-", Verdict.Accepted, "alice")]
    [InlineData("alice or bob", "AA", Verdict.Accepted, "alice bob")]
    [InlineData("alice or bob", "AB", Verdict.Rejected, "")]
    [InlineData("alice and bob", "A-", Verdict.Inconclusive, "")]
    [InlineData("alice and bob", "AB", Verdict.Rejected, "")]
    [InlineData("2 of (alice, bob, 1 of (carol, dan))", "A-A-", Verdict.Accepted, "alice carol")]
    [InlineData("2 of (alice, bob, 1 of (carol, dan))", "--AA", Verdict.Inconclusive, "")]
    [InlineData("2 of (alice, bob, 1 of (carol, dan))", "BCAA", Verdict.Rejected, "")]
    [InlineData("2 of (alice, bob, 1 of (carol, dan))", "ABAB", Verdict.Rejected, "")]
    public void Decide_votes_gives_the_verdict(string rule, string votes, Verdict verdict, string supporters)
    {
        string[] names = ["alice", "bob", "carol", "dan"];
        var heard = votes.Select(
            (vote, i) =>
                vote switch
                {
                    '-' => names[i].SaysNothing(),
                    '?' => names[i].IsAway(),
                    '!' => names[i].Garbles(),
                    _ => names[i].Says(vote.ToString()),
                }
        );
        var decision = Decide(rule, [.. heard]);
        Assert.Equal((verdict, supporters), (decision.Verdict, string.Join(' ', decision.Supporters)));
    }

    [Fact]
    public void Decide_missing_vote_says_what_is_missing()
    {
        var decision = Decide("2 of (bob, carol, dan)", "bob".Says("A"), "carol".Says("B"), "dan".SaysNothing());
        Assert.Equal(["2 of 3 needed, 1 has it: bob", "carol disagrees", "dan has not built it"], decision.Reasons);
    }

    [Fact]
    public void Decide_nested_rule_explains_the_failing_groups()
    {
        var decision = Decide(
            "2 of (alice, bob, 1 of (carol, dan))",
            "alice".Says("A"),
            "bob".IsAway(),
            "carol".SaysNothing(),
            "dan".Garbles()
        );
        Assert.Equal(
            [
                "2 of 3 needed, 1 has it: alice",
                "in 1 of (carol, dan): 1 of 2 needed, none has it",
                "bob is unavailable: never synchronised",
                "carol has not built it",
                "dan's claim is malformed and no vote: narSize is not a number",
            ],
            decision.Reasons
        );
    }

    [Fact]
    public void Decide_equal_meaning_in_other_bytes_agrees()
    {
        var decision = Decide("alice and bob", "alice".Says("A/sri"), "bob".Says("A/base32"));
        Assert.Equal(["alice", "bob"], decision.Supporters);
    }

    [Fact]
    public void Decide_accepted_carries_the_first_supporter_in_rule_order()
    {
        var decision = Decide("bob and alice", "alice".Says("A/sri"), "bob".Says("A/base32"));
        Assert.Equal("bob", decision.Accepted?.Claim.Builder);
    }

    [Fact]
    public void Decide_two_accepted_candidates_is_contested_and_refused()
    {
        var decision = Decide("2 of (alice, bob, carol, dan)", "alice".Says("A"), "bob".Says("B"), "carol".Says("A"), "dan".Says("B"));
        Assert.Equal(Verdict.Rejected, decision.Verdict);
        Assert.StartsWith("contested: 2 different outputs satisfy the rule (", decision.Reasons[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AABAB", Verdict.Accepted, "A")]
    [InlineData("AABB-", Verdict.Inconclusive, null)]
    [InlineData("AABB!", Verdict.Rejected, null)]
    [InlineData("AABBC", Verdict.Rejected, null)]
    public void Decide_contested_by_majority_takes_strictly_more_supporters(string votes, Verdict verdict, string? value)
    {
        string[] names = ["alice", "bob", "carol", "dan", "erin"];
        var rule = Heard.Rule("2 of (alice, bob, carol, dan, erin)", majority: true);
        var heard = votes
            .Select(
                (v, i) =>
                    v == '-' ? names[i].SaysNothing()
                    : v == '!' ? names[i].Garbles()
                    : names[i].Says(v.ToString())
            )
            .ToList();
        var decision = rule.Decide(heard, Heard.Now);
        var accepted = decision.Accepted is { } evidence ? System.Text.Encoding.UTF8.GetString(evidence.Claim.Raw.Bytes.Span) : null;
        Assert.Equal((verdict, value), (decision.Verdict, accepted));
    }

    [Fact]
    public void Decide_confidence_is_the_share_of_the_rules_builders()
    {
        Assert.Equal(66, Decide("2 of (alice, bob, carol)", "alice".Says("A"), "bob".Says("A"), "carol".SaysNothing()).Confidence);
    }

    [Fact]
    public void Decide_builder_outside_the_rule_has_no_vote_and_comes_last()
    {
        var decision = Decide("alice and bob", "frank".Says("A"), "alice".Says("A"), "bob".SaysNothing());
        Assert.Equal(Verdict.Inconclusive, decision.Verdict);
        Assert.Equal(["alice", "bob", "frank"], decision.Testimonies.Select(t => t.Builder));
    }

    [Fact]
    public void Decide_builder_that_was_not_asked_leaves_it_open()
    {
        Assert.Equal(Verdict.Inconclusive, Decide("alice and bob", "alice".Says("A")).Verdict);
    }

    [Fact]
    public void Decide_two_testimonies_of_one_builder_are_a_bug()
    {
        Assert.Throws<ArgumentException>(() => Decide("alice", "alice".Says("A"), "alice".Says("A")));
    }

    [Theory]
    [InlineData(ClaimOrigin.LoggedBuilt, "logged", true)]
    [InlineData(ClaimOrigin.LoggedRelayed, "logged", true)]
    [InlineData(ClaimOrigin.SignedCache, "logged", false)]
    [InlineData(ClaimOrigin.LoggedBuilt, "built", true)]
    [InlineData(ClaimOrigin.LoggedRelayed, "built", false)]
    [InlineData(ClaimOrigin.SignedCache, "built", false)]
    public void Decide_where_origin_counts_only_such_claims(ClaimOrigin origin, string condition, bool counts)
    {
        var decision = Decide($"alice where {condition}", "alice".Says("A", origin));
        Assert.Equal(counts ? Verdict.Accepted : Verdict.Rejected, decision.Verdict);
    }

    [Theory]
    [InlineData("2026-04-30T23:59:59Z", true)]
    [InlineData("2026-05-01T00:00:00Z", false)]
    public void Decide_where_before_is_strict(string seen, bool counts)
    {
        var firstSeen = DateTimeOffset.Parse(seen);
        var decision = Decide("alice where before(\"2026-05-01\")", "alice".Says("A", firstSeen: firstSeen));
        Assert.Equal(counts ? Verdict.Accepted : Verdict.Rejected, decision.Verdict);
    }

    [Theory]
    [InlineData(99ul, "log-alice", true)]
    [InlineData(100ul, "log-alice", false)]
    [InlineData(99ul, "another", false)]
    public void Decide_where_until_index_counts_the_first_entries_of_that_log(ulong index, string log, bool counts)
    {
        var decision = Decide("alice where until_index(alice, 100)", "alice".Says("A", index: index, log: log));
        Assert.Equal(counts ? Verdict.Accepted : Verdict.Rejected, decision.Verdict);
    }

    [Fact]
    public void Decide_where_on_a_group_holds_for_each_vote_inside()
    {
        var decision = Decide("(alice and bob) where built", "alice".Says("A"), "bob".Says("A", ClaimOrigin.LoggedRelayed));
        Assert.Equal(
            [
                "2 of 2 needed, 1 has it: alice",
                "bob's claim does not count: it is not from a log of what its builder built (claims: relayed)",
                "rejected: no builder is left that could change this",
            ],
            decision.Reasons
        );
    }

    [Fact]
    public void Decide_failed_condition_takes_the_vote_from_other_candidates_too()
    {
        // bob has spoken for A with a claim that does not count: he cannot join anything else.
        var decision = Decide("alice and bob where built", "alice".Says("B"), "bob".Says("A", ClaimOrigin.LoggedRelayed));
        Assert.Equal(Verdict.Rejected, decision.Verdict);
    }

    [Fact]
    public void Decide_silent_builder_after_the_bound_can_no_longer_join()
    {
        var decision = Decide("alice where before(\"2026-05-01\")", "alice".SaysNothing());
        Assert.Equal(Verdict.Rejected, decision.Verdict);
    }

    [Fact]
    public void Decide_unavailable_builder_after_the_bound_may_have_spoken_in_time()
    {
        Assert.Equal(Verdict.Inconclusive, Decide("alice where before(\"2026-05-01\")", "alice".IsAway()).Verdict);
    }

    [Fact]
    public void Decide_silent_cache_can_never_satisfy_logged()
    {
        var context = new RuleContext("test", [new BuilderSource("nixos", "nixos", null, ClaimOrigin.SignedCache)], []);
        Assert.Equal(Verdict.Rejected, Heard.Rule("nixos where logged", context).Decide(["nixos".SaysNothing()], Heard.Now).Verdict);
    }

    [Fact]
    public void Decide_self_divergence_is_reported_and_supports_nothing()
    {
        var given = (Testimony.Given)"alice".Says("A");
        var diverging = given with { Evidence = given.Evidence with { SelfDivergences = [Heard.Claim("alice", "B")] } };
        var decision = Decide("alice and bob", diverging, "bob".Says("B"));
        Assert.Equal(Verdict.Rejected, decision.Verdict);
        Assert.Contains("alice contradicts itself: a later claim differs from its first, which is its vote", decision.Reasons);
    }

    [Fact]
    public void NextBound_is_the_next_instant_of_the_rule()
    {
        var rule = Heard.Rule(
            "alice where before(\"2026-05-01\") or bob where before(\"2026-07-01\") or carol where before(\"2026-08-01\")"
        );
        Assert.Equal(new DateTimeOffset(2026, 7, 1, 0, 0, 0, TimeSpan.Zero), rule.NextBound(Heard.Now, []));
    }

    [Theory]
    [InlineData(1, 24, Verdict.Inconclusive)]
    [InlineData(2, 24, Verdict.Accepted)]
    [InlineData(2, 25, Verdict.Inconclusive)]
    [InlineData(2, null, Verdict.Inconclusive)]
    public void Decide_counts_witnesses_and_the_age_of_what_they_saw(int witnesses, int? hours, Verdict expected)
    {
        var rule = Heard.Rule("alice where witnessed(2) where fresh(\"24h\")");
        var status = new WitnessStatus(witnesses, hours is { } h ? Heard.Now.AddHours(-h) : null);
        Assert.Equal(expected, rule.Decide(["alice".Says("A", witnessing: status)], Heard.Now).Verdict);
    }

    [Fact]
    public void Decide_of_a_stale_log_says_since_when()
    {
        var rule = Heard.Rule("alice where fresh(\"24h\")");
        var decision = rule.Decide(["alice".Says("A", witnessing: new WitnessStatus(0, Heard.Now.AddDays(-2)))], Heard.Now);
        Assert.Contains(
            decision.Reasons,
            reason => reason.Contains("stale: last known to be complete at 2026-05-30T12:00:00Z", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void NextBound_of_a_fresh_vote_is_when_it_becomes_stale()
    {
        var rule = Heard.Rule("alice where fresh(\"24h\")");
        var heard = "alice".Says("A", witnessing: new WitnessStatus(0, Heard.Now.AddHours(-23)));
        Assert.Equal(Heard.Now.AddHours(1).AddTicks(1), rule.NextBound(Heard.Now, [heard]));
    }

    [Fact]
    public void NextBound_of_a_timeless_rule_is_never()
    {
        Assert.Null(Heard.Rule("alice").NextBound(Heard.Now, []));
    }
}
