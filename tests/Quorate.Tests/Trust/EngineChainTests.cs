using System.Text;
using Quorate.Core;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Xunit;

namespace Quorate.Tests.Trust;

public sealed class EngineChainTests
{
    static readonly string[] Builders = ["alice", "bob", "carol"];

    static Task<Decision> DecideAsync(IScriptEngine? script, IReadOnlyList<Engine> engines, params Testimony[] heard) =>
        new EngineChain(engines, Builders, script).DecideAsync(heard, TestContext.Current.CancellationToken);

    static Task<Decision> DecideAsync(Engine engine, params Testimony[] heard) => DecideAsync(null, [engine], heard);

    static string DigestOf(string value) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(value)).ToString();

    [Theory]
    [InlineData(100, "AAA", Verdict.Accepted, 100)]
    [InlineData(66, "AA-", Verdict.Accepted, 66)]
    [InlineData(67, "AA-", Verdict.Inconclusive, 0)]
    [InlineData(67, "AAB", Verdict.Rejected, 0)]
    [InlineData(34, "A--", Verdict.Inconclusive, 0)]
    [InlineData(33, "A--", Verdict.Accepted, 33)]
    [InlineData(33, "AB!", Verdict.Rejected, 0)]
    [InlineData(33, "AB-", Verdict.Inconclusive, 0)]
    [InlineData(0, "---", Verdict.Inconclusive, 0)]
    [InlineData(0, "!!!", Verdict.Rejected, 0)]
    [InlineData(0, "A!!", Verdict.Accepted, 33)]
    public async Task Percentage_counts_exactly_over_configured_builders(int minimum, string votes, Verdict verdict, int confidence)
    {
        var heard = votes.Select(
            (v, i) =>
                v == '-' ? Builders[i].SaysNothing()
                : v == '!' ? Builders[i].Garbles()
                : Builders[i].Says(v.ToString())
        );
        var decision = await DecideAsync(new Engine.Percentage(minimum), [.. heard]);
        Assert.Equal((verdict, confidence), (decision.Verdict, decision.Confidence));
    }

    [Fact]
    public async Task Percentage_tie_is_contested()
    {
        var decision = await DecideAsync(new Engine.Percentage(30), "alice".Says("A"), "bob".Says("B"), "carol".Garbles());
        Assert.StartsWith("no engine decides: percentage 30: contested: ", decision.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Percentage_equal_meaning_counts_together()
    {
        var decision = await DecideAsync(new Engine.Percentage(100), "alice".Says("A/sri"), "bob".Says("A/hex"), "carol".Says("A"));
        Assert.Equal(Verdict.Accepted, decision.Verdict);
    }

    [Fact]
    public async Task LogId_takes_what_its_log_says()
    {
        var decision = await DecideAsync(new Engine.LogIdMatch("log-bob", "bob"), "alice".Says("A"), "bob".Says("B"), "carol".Says("A"));
        Assert.Equal((100, "bob"), (decision.Confidence, Assert.Single(decision.Supporters)));
    }

    [Fact]
    public async Task LogId_of_a_silent_builder_is_inconclusive()
    {
        var decision = await DecideAsync(
            new Engine.LogIdMatch("log-bob", "bob"),
            "alice".Says("A"),
            "bob".SaysNothing(),
            "carol".Says("A")
        );
        Assert.Equal(Verdict.Inconclusive, decision.Verdict);
    }

    [Fact]
    public async Task LogId_of_a_malformed_claim_is_rejected()
    {
        var decision = await DecideAsync(new Engine.LogIdMatch("log-bob", "bob"), "alice".Says("A"), "bob".Garbles(), "carol".Says("A"));
        Assert.Equal(Verdict.Rejected, decision.Verdict);
    }

    [Fact]
    public async Task Chain_takes_the_first_engine_that_does_not_fail()
    {
        var decision = await DecideAsync(
            null,
            [new Engine.Percentage(90), new Engine.LogIdMatch("log-bob", "bob")],
            "alice".Says("A"),
            "bob".Says("B"),
            "carol".Says("A")
        );
        Assert.Equal("logid log-bob", decision.Engine);
    }

    [Fact]
    public async Task Chain_that_fails_gives_one_combined_reason()
    {
        var decision = await DecideAsync(
            null,
            [new Engine.Percentage(90), new Engine.LogIdMatch("log-bob", "bob")],
            "alice".Says("A"),
            "bob".SaysNothing(),
            "carol".Says("A")
        );
        Assert.Equal(
            "no engine decides: percentage 90: 2 of 3 builders agree, 90 % needed; logid log-bob: bob has not built it",
            decision.Reasons[0]
        );
    }

    [Fact]
    public async Task JavaScript_sees_the_digest_of_the_groups_first_supporter()
    {
        var script = new Recording(new ScriptResult.Returned(DigestOf("A/sri")));
        await DecideAsync(script, [new Engine.JavaScript("f")], "alice".Says("A/sri"), "bob".SaysNothing(), "carol".Says("A/hex"));
        Assert.Equal(
            $$"""[[{"LogID":"log-alice","Value":"{{DigestOf("A/sri")}}"},{"LogID":"log-carol","Value":"{{DigestOf("A/sri")}}"}]]""",
            script.Input
        );
    }

    [Fact]
    public async Task JavaScript_chosen_digest_is_accepted()
    {
        var script = new Recording(new ScriptResult.Returned(DigestOf("B")));
        var decision = await DecideAsync(script, [new Engine.JavaScript("f")], "alice".Says("A"), "bob".Says("B"), "carol".SaysNothing());
        Assert.Equal((Verdict.Accepted, 33, "bob"), (decision.Verdict, decision.Confidence, Assert.Single(decision.Supporters)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("undefined")]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task JavaScript_result_that_is_no_input_fails(string returned)
    {
        var script = new Recording(new ScriptResult.Returned(returned));
        var decision = await DecideAsync(script, [new Engine.JavaScript("f")], "alice".Says("A"), "bob".Says("B"), "carol".Says("A"));
        Assert.Equal(Verdict.Rejected, decision.Verdict);
    }

    [Fact]
    public async Task JavaScript_that_hit_a_limit_is_inconclusive()
    {
        var script = new Recording(new ScriptResult.Failed(ScriptFailure.TimedOut, "too slow"));
        var decision = await DecideAsync(script, [new Engine.JavaScript("f")], "alice".Says("A"), "bob".Says("B"), "carol".Says("A"));
        Assert.Equal(Verdict.Inconclusive, decision.Verdict);
    }

    [Fact]
    public async Task JavaScript_without_any_claim_is_not_run()
    {
        var script = new Recording(new ScriptResult.Returned(""));
        await DecideAsync(script, [new Engine.JavaScript("f")], "alice".SaysNothing(), "bob".IsAway(), "carol".Garbles());
        Assert.Null(script.Input);
    }

    [Fact]
    public void Chain_of_javascript_without_interpreter_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new EngineChain([new Engine.JavaScript("f")], Builders, null));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(101)]
    public void Chain_with_an_impossible_percentage_is_refused(int minimum)
    {
        Assert.Throws<ArgumentException>(() => new EngineChain([new Engine.Percentage(minimum)], Builders, null));
    }

    sealed class Recording(ScriptResult result) : IScriptEngine
    {
        public string? Input { get; private set; }

        public Task<ScriptResult> RunAsync(
            string function,
            ReadOnlyMemory<byte> inputsJson,
            ScriptLimits limits,
            CancellationToken cancellationToken
        )
        {
            Input = Encoding.UTF8.GetString(inputsJson.Span);
            return Task.FromResult(result);
        }
    }
}
