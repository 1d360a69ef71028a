using System.Text;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class TraceAdmissionTests
{
    static readonly Dictionary<string, StorePath> s_own = new(StringComparer.Ordinal)
    {
        ["out"] = StorePath.Parse(TraceSamples.OutPath),
        ["dev"] = StorePath.Parse(TraceSamples.DevPath),
    };

    public static TheoryData<TraceFormat> Formats => [TraceFormat.Jws2, TraceFormat.Jws3, TraceFormat.Bundle];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Admit_under_another_input_is_refused(TraceFormat format)
    {
        var other = TraceSamples.Question with { Input = ResolvedInputHash.Parse("w368swzkn599d2nkqjqn47dsmwgyqkdr") };
        AssertFault(TraceFault.OtherInput, TraceSamples.Admit(TraceSamples.Sign(format), other));
    }

    [Theory]
    [InlineData(TraceFormat.Jws3)]
    [InlineData(TraceFormat.Bundle)]
    public void Admit_never_mixes_regimes(TraceFormat format)
    {
        var synthetic = TraceSamples.Sign(format, TraceSamples.Statement with { Regime = TraceRegime.SyntheticContentAddressed });
        var question = TraceSamples.Question with
        {
            Regime = TraceRegime.SyntheticContentAddressed,
            Own = format == TraceFormat.Bundle ? null : s_own,
        };
        AssertFault(TraceFault.OtherRegime, TraceSamples.Admit(synthetic));
        Assert.Single(TraceSamples.Admit(synthetic, question).Claims);
        AssertFault(TraceFault.OtherRegime, TraceSamples.Admit(TraceSamples.Sign(format), question));
    }

    // Each profile has a hash of its own for the view of one build.
    [Theory]
    [InlineData(TraceFormat.Jws3)]
    [InlineData(TraceFormat.Bundle)]
    public void Admit_of_a_view_under_the_hash_of_the_other_profile_is_refused(TraceFormat format)
    {
        var synthetic = TraceSamples.Sign(format, TraceSamples.Statement with { Regime = TraceRegime.SyntheticContentAddressed });
        var question = TraceSamples.Question with
        {
            Regime = TraceRegime.SyntheticContentAddressed,
            Own = format == TraceFormat.Bundle ? s_own : null,
        };
        AssertFault(TraceFault.OtherRegime, TraceSamples.Admit(synthetic, question));
    }

    [Fact]
    public void Admit_of_other_outputs_than_the_hash_names_is_refused()
    {
        var synthetic = TraceSamples.Statement with { Regime = TraceRegime.SyntheticContentAddressed };
        var question = TraceSamples.Question with
        {
            Regime = TraceRegime.SyntheticContentAddressed,
            Own = new Dictionary<string, StorePath>(s_own, StringComparer.Ordinal)
            {
                ["dev"] = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a-dev"),
            },
        };
        AssertFault(TraceFault.UnusableOutput, TraceSamples.Admit(TraceSamples.Sign(TraceFormat.Jws3, synthetic), question));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Admit_of_an_output_that_the_derivation_has_not_is_refused(TraceFormat format) =>
        AssertFault(TraceFault.UnknownOutput, TraceSamples.Admit(TraceSamples.Sign(format, WithOutput("lib", "a-lib"))));

    // Another name, another store directory.
    [Theory]
    [MemberData(nameof(Formats))]
    public void Admit_of_a_path_that_cannot_be_the_outputs_is_refused(TraceFormat format)
    {
        AssertFault(TraceFault.UnusableOutput, TraceSamples.Admit(TraceSamples.Sign(format, WithOutput("doc", "b-doc"))));
        AssertFault(TraceFault.UnusableOutput, TraceSamples.Admit(TraceSamples.Sign(format, WithOutput("doc", "a-doc", "/gnu/store"))));
    }

    [Fact]
    public void Admit_of_an_output_without_a_known_scheme_is_refused() =>
        AssertFault(
            TraceFault.UnusableOutput,
            TraceSamples.Admit(
                StatementTests.Signed(statement =>
                    StatementTests.Set(statement, "subject/0/digest", new System.Text.Json.Nodes.JsonObject { ["x"] = "y" })
                )
            )
        );

    [Theory]
    [InlineData("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a/")]
    [InlineData("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a/bin")]
    [InlineData("/nix/store/../store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a")]
    [InlineData("jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a")]
    [InlineData("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza-a")]
    [InlineData("/nix/store/ewnbmck4w96d3z3rqyp1dw3p3ljpvza7-a")]
    public void Admit_of_a_path_that_is_not_canonical_is_refused(string path) =>
        AssertFault(
            TraceFault.UnusableOutput,
            TraceSamples.Admit(
                StatementTests.Signed(statement => StatementTests.Set(statement, "subject/1/digest/nix-ca-store-path", path))
            )
        );

    [Fact]
    public void Admit_of_an_element_over_the_limit_is_refused() =>
        AssertFault(TraceFault.TooLarge, TraceSamples.Admit(new byte[TraceObject.MaxElementBytes + 1]));

    [Fact]
    public void Admit_of_one_claim_twice_merges_all_evidence()
    {
        var first = TraceSamples.Sign(TraceFormat.Bundle);
        var again = TraceSamples.Sign(TraceFormat.Bundle, TraceSamples.Statement with { AttemptId = 43 });
        var findings = Admit(first, again, first);
        Assert.Equal(2, Assert.Single(findings.Claims).Evidence.Count);
        Assert.Equal(0, findings.Refused);
    }

    [Fact]
    public void Admit_of_two_different_maps_of_one_signer_keeps_both()
    {
        var fewer = TraceSamples.Statement with { Outputs = [TraceSamples.Statement.Outputs[0]] };
        Assert.Equal(2, Admit(TraceSamples.Sign(TraceFormat.Bundle), TraceSamples.Sign(TraceFormat.Bundle, fewer)).Claims.Count);
    }

    [Fact]
    public void Admit_of_one_broken_element_leaves_the_others()
    {
        var findings = Admit(Encoding.ASCII.GetBytes("{}"), TraceSamples.Sign(TraceFormat.Bundle), Encoding.ASCII.GetBytes("x"));
        Assert.Single(findings.Claims);
        Assert.Equal(2, findings.Count(TraceFault.Malformed));
    }

    [Fact]
    public void Keys_of_the_same_bytes_are_one_key() =>
        Assert.Single(new TraceKeys([TraceSamples.Key.PublicKey, TraceSamples.Key.PublicKey]).All);

    static TraceFindings Admit(params byte[][] elements)
    {
        var findings = new TraceFindings();
        var traces = TraceObject.OfElements(elements.Select(element => new ReadOnlyMemory<byte>(element)));
        new TraceAdmission(new TraceKeys([TraceSamples.Key.PublicKey])).Admit(traces, TraceSamples.Question, findings);
        return findings;
    }

    static TraceStatement WithOutput(string output, string pathName, string storeDir = StorePath.DefaultStoreDir) =>
        TraceSamples.Statement with
        {
            Outputs =
            [
                .. TraceSamples.Statement.Outputs,
                new SignedOutput(
                    output,
                    StorePath.Parse($"{storeDir}/zyxf9hpfkh9f93jnzw31nlzqjaq6skgg-{pathName}"),
                    Sha256Digest.HashData("x"u8)
                ),
            ],
        };

    static void AssertFault(TraceFault fault, TraceFindings findings)
    {
        Assert.Empty(findings.Claims);
        Assert.Equal(fault, Assert.Single(findings.Details).Fault);
    }
}
