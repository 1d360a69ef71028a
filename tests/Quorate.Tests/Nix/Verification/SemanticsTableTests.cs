using Quorate.Nix.Verification;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

/// <summary>The discriminating examples E1 to E10, and the cases that laut's own tests pin, with the verdict of each mode.</summary>
public sealed class SemanticsTableTests
{
    sealed record Case(string Target, string Outputs, string Model, TraceScenario Scenario);

    static TraceScenario Alternating() =>
        new TraceScenario()
            .Fixed("F", "f")
            .Claim("A", "a1", "k1 k3", "F=f")
            .Claim("A", "a2", "k2", "F=f")
            .Claim("B", "b1", "k1", "A=a1")
            .Claim("B", "b2", "k2 k3", "A=a2")
            .Claim("C", "c", "k1 k3", "B=b1")
            .Claim("C", "c", "k2", "B=b2");

    static Case Get(string name) =>
        name switch
        {
            "E1 two of three" => new("C", "c", "2 k1 k2 k3", Alternating()),
            "E1 three of three" => new("C", "c", "3 k1 k2 k3", Alternating()),
            "E2 one builder signs both variants" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario()
                    .Claim("A", "a", "k1")
                    .Claim("A", "a'", "k1")
                    .Claim("B", "b", "k1 k2", "A=a")
                    .Claim("B", "b", "k1 k2", "A=a'")
            ),
            "E3 divergence that reconverges" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario().Claim("A", "a", "k1").Claim("A", "a'", "k2").Claim("B", "b", "k1", "A=a").Claim("B", "b", "k2", "A=a'")
            ),
            "E4 crosswise" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario().Claim("A", "a", "k1").Claim("A", "a'", "k2").Claim("B", "b", "k1", "A=a'").Claim("B", "b", "k2", "A=a")
            ),
            "E5 mixed arity" => new("B", "b", "1 k1 (2 k2 k3)", new TraceScenario().Claim("A", "a", "k1").Claim("B", "b", "k2 k3", "A=a")),
            "E6 Hall failure" => new(
                "B",
                "b",
                "3 k1 k2 k3",
                new TraceScenario()
                    .Claim("A", "a", "k1")
                    .Claim("A", "a'", "k1")
                    .Claim("A", "a''", "k2 k3")
                    .Claim("B", "b", "k1", "A=a")
                    .Claim("B", "b", "k2", "A=a'")
                    .Claim("B", "b", "k3", "A=a''")
            ),
            "E7 only the agreed output is wanted" => new(
                "A",
                "out:o",
                "2 k1 k2",
                new TraceScenario().Claim("A", "out:o,dev:d1", "k1").Claim("A", "out:o,dev:d2", "k2")
            ),
            "E7 a consumer uses both outputs" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario()
                    .Claim("A", "out:o,dev:d1", "k1")
                    .Claim("A", "out:o,dev:d2", "k2")
                    .Claim("B", "b", "k1 k2", "A=out:o,dev:d1")
            ),
            "E8 split resolution" => new(
                "C",
                "c",
                "2 k1 k2",
                new TraceScenario()
                    .Claim("A", "a", "k1 k2")
                    .Claim("A", "a'", "k1")
                    .Claim("B", "b", "k1")
                    .Claim("B", "b'", "k1 k2")
                    .Claim("C", "c", "k1 k2", "A=a B=b")
                    .Claim("C", "c", "k1 k2", "A=a' B=b'")
            ),
            "E9 legacy claim with nothing upstream" => new(
                "B",
                "b",
                "1 k9 (2 k1 k2)",
                new TraceScenario().Silent("A").Legacy("B", "b", "k9")
            ),
            "E10 fixed target that matches" => new("F", "f", "1 k1", new TraceScenario().Fixed("F", "f")),
            "E10 fixed target that does not" => new("F", "g", "1 k1", new TraceScenario().Fixed("F", "f")),
            "E10 no claims" => new("A", "a", "1 k1", new TraceScenario().Silent("A")),
            "chain on which both agree" => new(
                "C",
                "c",
                "2 k1 k2",
                new TraceScenario().Claim("A", "a", "k1 k2").Claim("B", "b", "k1 k2", "A=a").Claim("C", "c", "k1 k2", "B=b")
            ),
            "intermediate disagreement that stays" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario().Claim("A", "a", "k1").Claim("A", "a'", "k2").Claim("B", "b", "k1", "A=a").Claim("B", "b'", "k2", "A=a'")
            ),
            "one of two is enough" => new("B", "b", "1 k1 k2", new TraceScenario().Claim("A", "a", "k1").Claim("B", "b", "k1", "A=a")),
            "or switches branch between positions" => new(
                "B",
                "b",
                "1 (2 k1 k2) (2 k3 k4)",
                new TraceScenario().Claim("A", "a", "k1 k2").Claim("B", "b", "k3 k4", "A=a")
            ),
            "shared dependency" => new(
                "D",
                "d",
                "2 k1 k2",
                new TraceScenario()
                    .Claim("A", "a", "k1 k2")
                    .Claim("B", "b", "k1 k2", "A=a")
                    .Claim("C", "c", "k1 k2", "A=a")
                    .Claim("D", "d", "k1 k2", "B=b C=c")
            ),
            "fixed dependency that was resolved otherwise" => new(
                "A",
                "a",
                "1 k1",
                new TraceScenario().Fixed("F", "f").Claim("A", "a", "k1", "F=g")
            ),
            "unreferenced output differs below" => new(
                "B",
                "b",
                "2 k1 k2",
                new TraceScenario().Claim("A", "out:o,doc:d1", "k1").Claim("A", "out:o,doc:d2", "k2").Claim("B", "b", "k1 k2", "A=out:o")
            ),
            "two consumers of two outputs that nobody signed together" => new(
                "D",
                "d",
                "1 k1 k2",
                new TraceScenario()
                    .Claim("A", "out:o1,dev:d1", "k1")
                    .Claim("A", "out:o2,dev:d2", "k2")
                    .Claim("B", "b", "k1 k2", "A=out:o1")
                    .Claim("C", "c", "k1 k2", "A=dev:d2")
                    .Claim("D", "d", "k1 k2", "B=b C=c")
            ),
            _ => throw new ArgumentException(name),
        };

    [Theory]
    [InlineData("E1 two of three", true, true, true)]
    [InlineData("E1 three of three", true, false, false)]
    [InlineData("E2 one builder signs both variants", false, false, false)]
    [InlineData("E3 divergence that reconverges", true, true, true)]
    [InlineData("E4 crosswise", true, true, false)]
    [InlineData("E5 mixed arity", true, false, true)]
    [InlineData("E6 Hall failure", true, false, false)]
    [InlineData("E7 only the agreed output is wanted", true, true, true)]
    [InlineData("E7 a consumer uses both outputs", false, false, false)]
    [InlineData("E8 split resolution", true, true, false)]
    [InlineData("E9 legacy claim with nothing upstream", true, true, true)]
    [InlineData("E10 fixed target that matches", true, true, true)]
    [InlineData("E10 fixed target that does not", false, false, false)]
    [InlineData("E10 no claims", false, false, false)]
    [InlineData("chain on which both agree", true, true, true)]
    [InlineData("intermediate disagreement that stays", false, false, false)]
    [InlineData("one of two is enough", true, true, true)]
    [InlineData("or switches branch between positions", true, true, true)]
    [InlineData("shared dependency", true, true, true)]
    [InlineData("fixed dependency that was resolved otherwise", false, false, false)]
    [InlineData("unreferenced output differs below", true, true, true)]
    [InlineData("two consumers of two outputs that nobody signed together", true, true, false)]
    public void Judge_in_each_mode_gives_the_known_verdict(string name, bool position, bool paths, bool coalition)
    {
        var verdicts = Enum.GetValues<VerificationMode>()
            .ToDictionary(
                mode => mode,
                mode =>
                {
                    var (target, outputs, model, scenario) = Get(name);
                    return scenario.Judge(target, outputs, model, mode).Verdict == Verdict.Accepted;
                }
            );
        Assert.Equal(
            (position, paths, coalition),
            (verdicts[VerificationMode.Position], verdicts[VerificationMode.Paths], verdicts[VerificationMode.Coalition])
        );
    }

    [Fact]
    public void Judge_of_a_rejected_target_names_the_coalition_and_where_it_blocks()
    {
        var verdict = Alternating().Judge("C", "c", "3 k1 k2 k3", VerificationMode.Coalition);
        Assert.Equal(Verdict.Rejected, verdict.Verdict);
        Assert.False(TraceScenario.Model("3 k1 k2 k3").Holds(verdict.Coalition));
        Assert.NotEmpty(verdict.Blocking!);
    }

    [Fact]
    public void Judge_of_an_accepted_target_gives_its_whole_derivation()
    {
        var (target, outputs, model, scenario) = Get("shared dependency");
        var dag = scenario.Judge(target, outputs, model, VerificationMode.Coalition).Dag!;
        Assert.Equal([3, 2, 1, 0], dag.Positions);
        Assert.All(dag.Signers, signers => Assert.Equal(0b11UL, signers));
    }

    [Fact]
    public void AddNode_with_a_requirement_that_does_not_come_before_is_refused()
    {
        var builder = new TraceGraphBuilder();
        var position = builder.AddPosition();
        Assert.Throws<ArgumentException>(() => builder.AddNode(position, [new Requirement(position, OutputPaths.Of("out", "a"))]));
    }
}
