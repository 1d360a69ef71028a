using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Trust;

public sealed class TrustRuleParseTests
{
    [Theory]
    [InlineData("alice", "alice")]
    [InlineData("  alice\n", "alice")]
    [InlineData("\"alice\"", "alice")]
    [InlineData("(alice)", "alice")]
    [InlineData("2 of (alice, bob, 1 of (carol, dan))", "2 of (alice, bob, 1 of (carol, dan))")]
    [InlineData("2of(alice,bob)", null)]
    [InlineData("2 of(alice,bob)", "2 of (alice, bob)")]
    [InlineData("all of (alice, bob, carol)", "3 of (alice, bob, carol)")]
    [InlineData("any of (alice, bob)", "1 of (alice, bob)")]
    [InlineData("alice and bob and carol", "3 of (alice, bob, carol)")]
    [InlineData("alice or bob", "1 of (alice, bob)")]
    [InlineData("alice and (bob or carol)", "2 of (alice, 1 of (bob, carol))")]
    [InlineData("2 of (alice and bob, carol, dan or erin)", "2 of (2 of (alice, bob), carol, 1 of (dan, erin))")]
    [InlineData("alice where logged", "alice where logged")]
    [InlineData("alice where logged and bob", "2 of (alice where logged, bob)")]
    [InlineData("(alice and bob) where built", "2 of (alice, bob) where built")]
    [InlineData("alice where logged where before(\"2026-05-01\")", "alice where logged where before(\"2026-05-01T00:00:00Z\")")]
    [InlineData("alice where before(\"2026-05-01T02:00:00+02:00\")", "alice where before(\"2026-05-01T00:00:00Z\")")]
    [InlineData("alice where before(\"2026-05-01T02:00:00.25Z\")", "alice where before(\"2026-05-01T02:00:00.25Z\")")]
    [InlineData("alice where until_index(alice, 12345)", "alice where until_index(alice, 12345)")]
    [InlineData("alice where until_index(log-alice, 0)", "alice where until_index(alice, 0)")]
    [InlineData("alice where until_index(7)", "alice where until_index(alice, 7)")]
    public void TryParse_rule_gives_the_model(string text, string? expected)
    {
        if (expected is null)
        {
            Heard.Error(text);
            return;
        }
        Assert.Equal(expected, Heard.Rule(text).Text);
    }

    [Theory]
    [InlineData("", 1, 1, "the rule is empty; write for example '2 of (alice, bob, carol)'")]
    [InlineData("2 of (alice, bobb)", 1, 14, "unknown builder 'bobb'; did you mean 'bob'?")]
    [InlineData("2 of (alice, zzzzzzzz)", 1, 14, "unknown builder 'zzzzzzzz'")]
    [InlineData("2 of (alice,\n  bob, alice)", 2, 8, "builder 'alice' is named twice (first at 1:7); a builder has one vote")]
    [InlineData("2 of (alice, 1 of (bob, alice))", 1, 25, "builder 'alice' is named twice (first at 1:7); a builder has one vote")]
    [InlineData("2 of (alice or bob, bob or carol)", 1, 21, "builder 'bob' is named twice (first at 1:16); a builder has one vote")]
    [InlineData("0 of (alice, bob)", 1, 1, "0 of a group of 2 is impossible; 1 to 2 are")]
    [InlineData("3 of (alice, bob)", 1, 1, "3 of a group of 2 is impossible; 1 to 2 are")]
    [InlineData("2 of (alice)", 1, 1, "2 of a group of 1 is impossible; only 1 is")]
    [InlineData("99999999999999999999 of (alice)", 1, 1, "99999999999999999999 of a group of 1 is impossible; only 1 is")]
    [InlineData("02 of (alice, bob)", 1, 1, "a number is written without leading zeros")]
    [InlineData("alice and bob or carol", 1, 15, "'and' and 'or' are mixed; say with parentheses which belongs together")]
    [InlineData("2 of (alice, bob", 1, 6, "this parenthesis is not closed")]
    [InlineData("2 of (alice, bob))", 1, 18, "this parenthesis closes nothing")]
    [InlineData("2 of ()", 1, 7, "a group needs at least one builder")]
    [InlineData("2 of (alice,)", 1, 13, "expected a builder or a group, not ')'")]
    [InlineData("2 (alice, bob)", 1, 3, "expected 'of' after '2', not '('")]
    [InlineData("2 of alice", 1, 6, "expected '(', not 'alice'")]
    [InlineData("alice bob", 1, 7, "expected 'and', 'or', 'where' or the end of the rule, not 'bob'")]
    [InlineData("alice and", 1, 10, "expected a builder or a group, not the end of the rule")]
    [InlineData("of", 1, 1, "expected a builder or a group before 'of' (a builder of that name must be quoted)")]
    [InlineData("2nd", 1, 1, "a name that begins with a digit must be quoted: \"2nd\"")]
    [InlineData("alice & bob", 1, 7, "'&' means nothing in a rule; quote a name that holds it")]
    [InlineData("alice and \"bob", 1, 11, "this quote is not closed on its line")]
    [InlineData("\"a\\b\"", 1, 3, "in quotes a backslash stands only before a quote or another backslash")]
    [InlineData("alice where", 1, 12, "expected a condition after 'where', not the end of the rule")]
    [InlineData(
        "alice where biult",
        1,
        13,
        "unknown condition 'biult'; did you mean 'built'?; there are logged, built, before, until_index, witnessed, fresh"
    )]
    [InlineData(
        "alice where attested",
        1,
        13,
        "the condition 'attested' is not available in this version; a rule never ignores a condition"
    )]
    [InlineData(
        "alice where attested(\"p\")",
        1,
        13,
        "the condition 'attested' is not available in this version; a rule never ignores a condition"
    )]
    [InlineData("alice where witnessed", 1, 13, "'witnessed' takes one number: witnessed(2)")]
    [InlineData("alice where witnessed(0)", 1, 23, "expected a number of witnesses from 1, without leading zeros")]
    [InlineData("alice where witnessed(4)", 1, 23, "no log of builder 'alice' has more than 3 witnesses configured, so 4 could never hold")]
    [InlineData("alice where fresh", 1, 13, "'fresh' takes one quoted duration: fresh(\"24h\")")]
    [InlineData("alice where fresh(24h)", 1, 19, "'fresh' takes one quoted duration: fresh(\"24h\")")]
    [InlineData("alice where fresh(\"024h\")", 1, 19, "not a duration like \"90s\", \"10m\", \"24h\" or \"7d\", at most ten years")]
    [InlineData("alice where fresh(\"0s\")", 1, 19, "not a duration like \"90s\", \"10m\", \"24h\" or \"7d\", at most ten years")]
    [InlineData("alice where logged(1)", 1, 20, "'logged' takes no argument")]
    [InlineData("alice where before", 1, 13, "'before' takes one quoted date: before(\"2026-05-01\")")]
    [InlineData("alice where before(2026-05-01)", 1, 20, "'before' takes one quoted date: before(\"2026-05-01\")")]
    [InlineData(
        "alice where before(\"2026-13-01\")",
        1,
        20,
        "not a date as RFC 3339 writes it: \"2026-05-01\" (midnight UTC) or \"2026-05-01T12:00:00Z\""
    )]
    [InlineData(
        "alice where before(\"2026-05-01T00:00:00\")",
        1,
        20,
        "not a date as RFC 3339 writes it: \"2026-05-01\" (midnight UTC) or \"2026-05-01T12:00:00Z\""
    )]
    [InlineData("alice where until_index", 1, 13, "'until_index' takes a log and a number: until_index(alice, 12345)")]
    [InlineData("alice where until_index(alcie, 5)", 1, 25, "unknown log 'alcie'; did you mean 'alice'?")]
    [InlineData("alice where until_index(alice, x)", 1, 32, "expected the number of entries that count, without leading zeros")]
    [InlineData(
        "alice where until_index(alice, 18446744073709551616)",
        1,
        32,
        "expected the number of entries that count, without leading zeros"
    )]
    [InlineData("(alice and bob) where until_index(5)", 1, 23, "name the log: until_index(LOG, n); n alone is for a single builder")]
    [InlineData(
        "(alice and bob) where until_index(alice, 5)",
        1,
        23,
        "log 'alice' is builder alice's, so no vote of 'bob' could ever hold; bind the condition to alice alone"
    )]
    [InlineData("alice where until_index(a, b, c)", 1, 29, "no condition takes more than two arguments")]
    public void TryParse_wrong_rule_names_the_place(string text, int line, int column, string message)
    {
        var error = Heard.Error(text);
        Assert.Equal((line, column, message), (error.Line, error.Column, error.Message));
    }

    [Fact]
    public void TryParse_wrong_rule_shows_a_caret_under_the_place()
    {
        Assert.Equal("2 of (alice, bobb)\n             ^", Heard.Error("2 of (alice, bobb)").Excerpt);
    }

    [Fact]
    public void TryParse_builder_of_another_protocol_says_so()
    {
        var context = Heard.Context("alice") with { OtherBuilders = ["deb"] };
        Assert.Equal("builder 'deb' has no log or cache of protocol 'test'", Heard.Error("deb", context).Message);
    }

    [Fact]
    public void TryParse_until_index_of_a_builder_with_two_logs_asks_for_the_name()
    {
        var context = new RuleContext(
            "test",
            [
                new BuilderSource("alice", "old", "log-1", ClaimOrigin.LoggedBuilt),
                new BuilderSource("alice", "new", "log-2", ClaimOrigin.LoggedBuilt),
            ],
            []
        );
        Assert.Equal(
            "builder 'alice' has 2 logs; name one: until_index(old, n)",
            Heard.Error("alice where until_index(3)", context).Message
        );
    }

    [Fact]
    public void TryParse_until_index_of_a_cache_is_refused()
    {
        var context = new RuleContext("test", [new BuilderSource("nixos", "nixos", null, ClaimOrigin.SignedCache)], []);
        Assert.Equal(
            "builder 'nixos' has no log, so 'until_index' could never hold",
            Heard.Error("nixos where until_index(3)", context).Message
        );
    }

    [Fact]
    public void TryParse_keyword_as_builder_needs_quotes()
    {
        Assert.Equal("2 of (\"of\", \"2nd\")", Heard.Rule("\"of\" and \"2nd\"", Heard.Context("of", "2nd")).Text);
    }

    [Fact]
    public void TryParse_deep_nesting_is_refused()
    {
        var error = Heard.Error(new string('(', 4000) + "alice" + new string(')', 4000));
        Assert.Equal("the rule is nested deeper than 32 levels", error.Message);
    }

    [Fact]
    public void TryParse_long_text_is_refused()
    {
        Assert.Equal("the rule is longer than 8192 characters", Heard.Error(new string(' ', 8193)).Message);
    }

    [Fact]
    public void TryParse_many_builders_are_refused()
    {
        var names = Enumerable.Range(0, 65).Select(i => $"b{i}").ToArray();
        var error = Heard.Error($"1 of ({string.Join(", ", names)})", Heard.Context(names));
        Assert.Equal("the rule names more than 64 builders", error.Message);
    }

    [Fact]
    public void Model_of_a_rule_is_the_contract_type()
    {
        var model = Heard.Rule("2 of (alice, bob where built)").Model;
        var threshold = Assert.IsType<TrustModel.Threshold>(model);
        Assert.Equal(2, threshold.Required);
        Assert.Equal(new TrustModel.Key("alice"), threshold.Children[0]);
        Assert.Equal(new TrustModel.Where(new TrustModel.Key("bob"), new VoteCondition.Built()), threshold.Children[1]);
    }
}
