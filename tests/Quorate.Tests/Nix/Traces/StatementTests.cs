using System.Text.Json.Nodes;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

/// <summary>Statements that are properly signed and say something else than the profile allows, or less than we need.</summary>
public sealed class StatementTests
{
    static readonly byte[] s_good = TraceSamples.Sign(TraceFormat.Bundle);

    [Theory]
    [InlineData("_type")]
    [InlineData("predicateType")]
    [InlineData("predicate")]
    [InlineData("predicate/buildDefinition")]
    [InlineData("predicate/buildDefinition/buildType")]
    [InlineData("predicate/buildDefinition/externalParameters")]
    [InlineData("predicate/buildDefinition/externalParameters/resolvedInput")]
    [InlineData("predicate/buildDefinition/externalParameters/resolvedInput/digest")]
    [InlineData("predicate/runDetails")]
    [InlineData("predicate/runDetails/builder")]
    [InlineData("predicate/runDetails/builder/id")]
    [InlineData("predicate/runDetails/metadata")]
    [InlineData("predicate/runDetails/metadata/invocationId")]
    [InlineData("subject")]
    [InlineData("subject/0")]
    [InlineData("subject/0/name")]
    [InlineData("subject/0/digest")]
    public void Admit_without_a_mandatory_field_is_refused(string path)
    {
        BundleTests.AssertMalformed(Signed(statement => Set(statement, path, null)));
        BundleTests.AssertMalformed(Signed(statement => Set(statement, path, new JsonArray())));
        BundleTests.AssertMalformed(Signed(statement => Set(statement, path, 7)));
        BundleTests.AssertMalformed(Signed(statement => Set(statement, path, "")));
    }

    // The digests of the input and of an output.
    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("""{"":"x"}""")]
    [InlineData("""{"k":""}""")]
    [InlineData("""{"k":1}""")]
    [InlineData("""{"k":null}""")]
    public void Admit_of_digests_of_another_shape_is_refused(string digest)
    {
        BundleTests.AssertMalformed(
            Signed(statement => Set(statement, "predicate/buildDefinition/externalParameters/resolvedInput/digest", JsonNode.Parse(digest)))
        );
        BundleTests.AssertMalformed(Signed(statement => Set(statement, "subject/0/digest", JsonNode.Parse(digest))));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    public void Admit_of_no_critical_features_is_accepted(string features) =>
        Assert.Single(TraceSamples.Admit(WithFeatures(features)).Claims);

    [Theory]
    [InlineData("""["gpu-access"]""")]
    [InlineData("""[""]""")]
    [InlineData("""["a","b"]""")]
    public void Admit_of_critical_features_is_well_formed_but_refused(string features) =>
        BundleTests.AssertFault(TraceFault.CriticalFeature, WithFeatures(features));

    [Theory]
    [InlineData("\"str\"")]
    [InlineData("{}")]
    [InlineData("false")]
    [InlineData("[null]")]
    [InlineData("[1]")]
    [InlineData("""["a","a"]""")]
    public void Admit_of_critical_features_of_another_shape_is_refused(string features) =>
        BundleTests.AssertMalformed(WithFeatures(features));

    [Fact]
    public void Admit_of_an_unknown_external_parameter_is_refused()
    {
        const string Parameters = "predicate/buildDefinition/externalParameters";
        BundleTests.AssertMalformed(Signed(statement => Set(statement, Parameters + "/other", 1)));
        // The shape of an earlier draft.
        BundleTests.AssertMalformed(
            Signed(statement => Set(statement, Parameters, new JsonObject { ["resolvedInputHash"] = TraceSamples.InputText }))
        );
    }

    [Theory]
    [InlineData("predicate/buildDefinition/resolvedDependencies")]
    [InlineData("predicate/buildDefinition/internalParameters")]
    [InlineData("predicate/runDetails/builder/builderDependencies")]
    [InlineData("predicate/other")]
    [InlineData("subject/0/annotations/other")]
    [InlineData("other")]
    public void Admit_of_an_unknown_member_elsewhere_is_accepted(string path) =>
        Assert.Single(TraceSamples.Admit(Signed(statement => Set(statement, path, new JsonObject()))).Claims);

    [Fact]
    public void Admit_of_an_unknown_digest_scheme_is_accepted()
    {
        var element = Signed(statement =>
        {
            Set(statement, "subject/0/digest/example", "x");
            Set(statement, "predicate/buildDefinition/externalParameters/resolvedInput/digest/example", "y");
        });
        Assert.Single(TraceSamples.Admit(element).Claims);
    }

    [Fact]
    public void Admit_of_an_input_by_unknown_schemes_only_is_about_another_input() =>
        BundleTests.AssertFault(
            TraceFault.OtherInput,
            Signed(statement =>
                Set(statement, "predicate/buildDefinition/externalParameters/resolvedInput/digest", new JsonObject { ["example"] = "x" })
            )
        );

    [Theory]
    [InlineData("name", "7")]
    [InlineData("uri", "7")]
    [InlineData("downloadLocation", "[]")]
    [InlineData("mediaType", "{}")]
    [InlineData("content", "\"not base64\"")]
    [InlineData("annotations", "[]")]
    public void Admit_of_a_resource_with_a_wrong_field_is_refused(string field, string value)
    {
        BundleTests.AssertMalformed(Signed(statement => Set(statement, $"subject/0/{field}", JsonNode.Parse(value))));
        BundleTests.AssertMalformed(
            Signed(statement =>
                Set(statement, $"predicate/buildDefinition/externalParameters/resolvedInput/{field}", JsonNode.Parse(value))
            )
        );
    }

    [Fact]
    public void Admit_of_two_subjects_of_one_name_is_refused() =>
        BundleTests.AssertMalformed(Signed(statement => Set(statement, "subject/1/name", "dev")));

    [Fact]
    public void Admit_of_an_invocation_id_of_another_shape_is_refused()
    {
        const string Path = "predicate/runDetails/metadata/invocationId";
        BundleTests.AssertMalformed(Signed(statement => Set(statement, Path, new string('A', 32))));
        BundleTests.AssertMalformed(Signed(statement => Set(statement, Path, new string('0', 31))));
    }

    [Fact]
    public void Admit_of_builder_versions_that_are_no_texts_is_refused()
    {
        const string Path = "predicate/runDetails/builder/version";
        BundleTests.AssertMalformed(Signed(statement => Set(statement, Path, new JsonObject { ["nixVersion"] = 2 })));
        BundleTests.AssertMalformed(Signed(statement => Set(statement, Path, "2.34")));
        Assert.Single(TraceSamples.Admit(Signed(statement => Set(statement, Path, null))).Claims);
    }

    [Fact]
    public void Admit_of_a_statement_with_a_duplicate_member_is_refused()
    {
        var text = SignedText.StatementOf(s_good).ToJsonString();
        BundleTests.AssertMalformed(
            SignedText.Bundle(
                text.Replace("\"name\":\"dev\"", "\"name\":\"dev\",\"name\":\"dev\"", StringComparison.Ordinal),
                TraceSamples.Key
            )
        );
    }

    [Fact]
    public void Admit_of_a_build_that_the_signer_did_not_execute_says_so()
    {
        var element = TraceSamples.Sign(TraceFormat.Bundle, TraceSamples.Statement with { Built = false });
        Assert.False(Assert.Single(TraceSamples.Admit(element).Claims).Built);
        BundleTests.AssertMalformed(Signed(statement => Set(statement, "predicate/runDetails/metadata/quorate_built", "false")));
    }

    internal static byte[] Signed(Action<JsonObject> change)
    {
        var statement = SignedText.StatementOf(s_good);
        change(statement);
        return SignedText.Bundle(statement.ToJsonString(), TraceSamples.Key);
    }

    internal static void Set(JsonObject statement, string path, JsonNode? value)
    {
        var parts = path.Split('/');
        JsonNode node = statement;
        foreach (var part in parts[..^1])
        {
            node = char.IsAsciiDigit(part[0]) ? node[part[0] - '0']! : node[part]!;
        }
        if (char.IsAsciiDigit(parts[^1][0]))
        {
            node[parts[^1][0] - '0'] = value;
        }
        else
        {
            node[parts[^1]] = value;
        }
    }

    static byte[] WithFeatures(string features) =>
        Signed(statement => Set(statement, "predicate/buildDefinition/externalParameters/criticalFeatures", JsonNode.Parse(features)));
}
