using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class TraceWriterTests
{
    [Fact]
    public void Sign_reads_back_in_every_format() =>
        Prop.ForAll<NonEmptyArray<byte>, uint, PositiveInt>(
                (bytes, attempt, outputs) =>
                {
                    var statement = Statement(bytes.Get, attempt, outputs.Get % 5 + 1);
                    var question = new TraceQuestion(
                        statement.Input,
                        statement.Regime,
                        statement.Outputs.ToDictionary(output => output.Name, output => output.Path.Name, StringComparer.Ordinal)
                    );
                    return Enum.GetValues<TraceFormat>().All(format => ReadsBack(statement, question, format));
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Sign_of_full_provenance_reads_back()
    {
        var digests = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["nix-nar-sha256"] = new string('a', 64) };
        var provenance = TraceSamples.Statement.Provenance with
        {
            Dependencies =
            [
                new TraceResource(
                    null,
                    null,
                    new Dictionary<string, string>(StringComparer.Ordinal) { ["nix-ca-store-path"] = "/nix/store/x" }
                ),
            ],
            Software = new TraceResource("builder-software", "github:example/builders?rev=0", digests),
            Attestation = new TraceByproduct("quorate-attestation", "application/eat+cwt", "report"u8.ToArray()),
            Metadata = [new TraceResource("quorate-metadata", "https://example.com/sbom", digests)],
        };
        var element = TraceSamples.Sign(
            TraceFormat.Bundle,
            TraceSamples.Statement with
            {
                Provenance = provenance,
                DebugPreimage = "{}"u8.ToArray(),
            }
        );
        var read = TraceProvenance.Read(Assert.Single(TraceSamples.Admit(element).Claims).Evidence[0]);
        Assert.Equal("0000000000000000000000000000002a", read.AttemptId);
        Assert.Equal(provenance.Versions.OrderBy(pair => pair.Key), read.Versions);
        Assert.Equal("/nix/store/x", Assert.Single(read.Dependencies).Digests["nix-ca-store-path"]);
        Assert.Equal("github:example/builders?rev=0", read.Software!.Uri);
        Assert.Equal(digests, read.Software.Digests);
        Assert.Equal("report"u8, read.Attestation!.Content.Span);
        Assert.Equal("https://example.com/sbom", Assert.Single(read.Metadata).Uri);
    }

    [Fact]
    public void Read_of_a_JWS_gives_what_it_can_say()
    {
        var read = TraceProvenance.Read(Assert.Single(TraceSamples.Admit(TraceSamples.Sign(TraceFormat.Jws2)).Claims).Evidence[0]);
        Assert.Equal("42", read.AttemptId);
        Assert.Equal("2.34.8", read.Versions["nixVersion"]);
    }

    // The profile's own example, with the key of laut's unit tests.
    [Fact]
    public void Sign_of_the_published_vector_is_exact()
    {
        var statement = new TraceStatement(
            ResolvedInputHash.Parse("00000000000000000000000000000000"),
            TraceRegime.ContentAddressed,
            [
                new SignedOutput(
                    "out",
                    StorePath.Parse("/nix/store/00000000000000000000000000000000-test"),
                    Sha256Digest.Zero,
                    CastoreEntry: Convert.FromBase64String("CgA=")
                ),
            ],
            Built: true,
            AttemptId: 42,
            TraceProvenance.None with
            {
                Versions = new Dictionary<string, string>(StringComparer.Ordinal) { ["nixFlavor"] = "nix", ["nixVersion"] = "2.34" },
            }
        );
        var bundle = SignedText.Parse(TraceWriter.Sign(statement, TraceFormat.Bundle, TraceSamples.Key, "k"));
        var payload = Convert.FromBase64String(bundle["dsseEnvelope"]!["payload"]!.GetValue<string>());
        Assert.Equal(
            """{"_type":"https://in-toto.io/Statement/v1","predicate":{"buildDefinition":{"buildType":"https://github.com/mschwaig/laut/blob/main/docs/slsa-provenance-v1.md#ca","externalParameters":{"criticalFeatures":[],"resolvedInput":{"digest":{"aterm":"00000000000000000000000000000000"}}}},"runDetails":{"builder":{"id":"urn:laut:builder:sha256:324be2dea8bc44461b0233e51fa48902ed6b1cc671e7739af2551e0bfe68f54e","version":{"nixFlavor":"nix","nixVersion":"2.34"}},"metadata":{"invocationId":"0000000000000000000000000000002a"}}},"predicateType":"https://slsa.dev/provenance/v1","subject":[{"annotations":{"laut_output":{}},"digest":{"nix-ca-store-path":"/nix/store/00000000000000000000000000000000-test","nix-nar-sha256":"0000000000000000000000000000000000000000000000000000000000000000","snix-castore-entry":"CgA="},"name":"out"}]}""",
            Encoding.UTF8.GetString(payload)
        );
        Assert.Equal("471f572c8c3d86dc8b290604545bbc2914a8b1670f13518a8cdf2775c3557440", Sha256Digest.HashData(payload).ToString());
        Assert.Equal(
            "kHRkzYRhg1VM431caOD73qQJ6mxRRHbB9UJgt42cItCIhwYJWGu2nmiKqlQCVyTdxLzw9FZYsCXbXkq0dOVNAg==",
            bundle["dsseEnvelope"]!["signatures"]![0]!["sig"]!.GetValue<string>()
        );
        Assert.Equal(
            "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE",
            bundle["verificationMaterial"]!["publicKey"]!["hint"]!.GetValue<string>()
        );
    }

    [Fact]
    public void Sign_writes_every_object_in_ascending_order_and_one_line()
    {
        var bundle = TraceSamples.Sign(TraceFormat.Bundle);
        Assert.DoesNotContain((byte)'\n', bundle);
        AssertSorted(SignedText.Parse(bundle));
        AssertSorted(SignedText.StatementOf(bundle));
    }

    static void AssertSorted(System.Text.Json.Nodes.JsonNode? node)
    {
        if (node is System.Text.Json.Nodes.JsonObject members)
        {
            var names = members.Select(member => member.Key).ToList();
            Assert.Equal(names.Order(StringComparer.Ordinal), names);
            foreach (var member in members)
            {
                AssertSorted(member.Value);
            }
        }
        else if (node is System.Text.Json.Nodes.JsonArray items)
        {
            foreach (var item in items)
            {
                AssertSorted(item);
            }
        }
    }

    static TraceStatement Statement(byte[] seed, uint attempt, int outputs)
    {
        var digest = Sha256Digest.HashData(seed);
        var hashPart = Quorate.Core.Encodings.Nix32.Encode(digest.AsSpan()[..20]);
        return TraceSamples.Statement with
        {
            Input = ResolvedInputHash.Parse(hashPart),
            AttemptId = attempt,
            Outputs =
            [
                .. Enumerable
                    .Range(0, outputs)
                    .Select(i => new SignedOutput($"o{i}", StorePath.Parse($"/nix/store/{hashPart}-x-o{i}"), digest, "sha256")),
            ],
        };
    }

    static bool ReadsBack(TraceStatement statement, TraceQuestion question, TraceFormat format)
    {
        var findings = TraceSamples.Admit(TraceSamples.Sign(format, statement), question);
        return findings.Claims is [var claim]
            && claim.Input == statement.Input
            && claim
                .Outputs.Select(output => (output.Name, output.Path, output.NarHash))
                .SequenceEqual(statement.Outputs.Select(output => (output.Name, output.Path, (Sha256Digest?)output.NarHash)));
    }
}
