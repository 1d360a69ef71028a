using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix.Verification;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

public sealed class SemanticsPropertyTests
{
    static readonly Config s_config = Config.QuickThrowOnFailure.WithMaxTest(600);

    [Fact]
    public void Judge_by_coalitions_equals_enumerating_every_coalition_and_derivation()
    {
        var accepted = 0;
        var rejected = 0;
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var graph = RandomTraces.Of(seed);
                    var expected = CoalitionOracle.Accepts(graph);
                    _ = expected ? accepted++ : rejected++;
                    return Judged(graph, VerificationMode.Coalition) == (expected ? Verdict.Accepted : Verdict.Rejected);
                }
            )
            .Check(s_config);
        // A generator that never got one of the answers would show nothing.
        Assert.True(accepted > 50 && rejected > 50, $"{accepted} accepted, {rejected} rejected");
    }

    [Theory]
    [InlineData(VerificationMode.Coalition)]
    [InlineData(VerificationMode.Paths)]
    [InlineData(VerificationMode.Position)]
    public void Judge_with_more_evidence_keeps_what_was_accepted(VerificationMode mode) =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    // The other modes follow laut, where a legacy claim hides weak positions that later claims uncover.
                    var graph = RandomTraces.Of(seed, withLegacy: mode == VerificationMode.Coalition);
                    return Judged(graph, mode) != Verdict.Accepted || Judged(graph.WithMore(), mode) == Verdict.Accepted;
                }
            )
            .Check(s_config);

    [Fact]
    public void Judge_by_coalitions_accepts_nothing_that_positions_reject() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var graph = RandomTraces.Of(seed, withLegacy: false);
                    return Judged(graph, VerificationMode.Coalition) != Verdict.Accepted
                        || Judged(graph, VerificationMode.Position) == Verdict.Accepted;
                }
            )
            .Check(s_config);

    [Fact]
    public void Judge_with_a_spent_budget_is_never_a_verdict() =>
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, int.MaxValue), Gen.Choose(0, 12)).ToArbitrary(),
                input =>
                {
                    var graph = RandomTraces.Of(input.Item1);
                    var free = Judged(graph, VerificationMode.Coalition);
                    var capped = graph.Judge(VerificationMode.Coalition, new SearchLimits(input.Item2, 1 + (input.Item2 / 4))).Verdict;
                    return capped == free || capped == Verdict.Inconclusive;
                }
            )
            .Check(s_config);

    [Fact]
    public void Judge_of_many_independent_divergences_costs_their_sum()
    {
        // 2,000 diverging leaves, each with its own reconverging consumer, under one target: 2^2000 combinations.
        var builder = new TraceGraphBuilder();
        var consumers = new List<Requirement>();
        for (var i = 0; i < 2000; i++)
        {
            var leaf = builder.AddPosition();
            var node = builder.AddNode(leaf, []);
            builder.AddClaim(node, 0, OutputPaths.Of("out", "x"));
            builder.AddClaim(node, 1, OutputPaths.Of("out", "y"));
            var consumer = builder.AddPosition();
            builder.AddClaim(builder.AddNode(consumer, [new Requirement(leaf, OutputPaths.Of("out", "x"))]), 0, OutputPaths.Of("out", "z"));
            builder.AddClaim(builder.AddNode(consumer, [new Requirement(leaf, OutputPaths.Of("out", "y"))]), 1, OutputPaths.Of("out", "z"));
            consumers.Add(new Requirement(consumer, OutputPaths.Of("out", "z")));
        }
        var root = builder.AddPosition();
        var top = builder.AddNode(root, consumers);
        builder.AddClaim(top, 0, OutputPaths.Of("out", "t"));
        builder.AddClaim(top, 1, OutputPaths.Of("out", "t"));
        var target = builder.AddTarget(root, OutputPaths.Of("out", "t"));
        var verdict = TraceSemantics.Judge(
            VerificationMode.Coalition,
            builder.Build(),
            target,
            TraceScenario.Model("2 k1 k2"),
            new SearchLimits(Steps: 100_000),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(Verdict.Accepted, verdict.Verdict);
    }

    static Verdict Judged(RandomTraces graph, VerificationMode mode) => graph.Judge(mode).Verdict;
}
