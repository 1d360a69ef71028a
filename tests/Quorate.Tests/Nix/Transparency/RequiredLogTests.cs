using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto.Notes;
using Quorate.Nix.Traces;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Transparency;

public sealed class RequiredLogTests : IDisposable
{
    readonly SampleTransparencyLog _log = new();

    public void Dispose() => _log.Dispose();

    static JsonObject Bundle() => JsonNode.Parse(TraceSamples.Sign(TraceFormat.Bundle))!.AsObject();

    static string Body(JsonObject bundle) => SampleTransparencyLog.Body(bundle, TraceSamples.Key.PublicKey);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Admit_of_every_entry_of_small_logs_takes_it(bool isP256)
    {
        using var log = new SampleTransparencyLog(isP256);
        for (var size = 1UL; size <= 69; size++)
        {
            // All indices where signing is cheap; elsewhere the ends and the middle, where proofs differ in shape.
            for (var index = 0UL; index < size; index += isP256 ? Math.Max(1, size / 2) : 1)
            {
                var bundle = Bundle();
                Assert.Single(Admit(bundle, log, log.Entry(Body(bundle), index, size)).Claims);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Admit_passes_over_extension_lines_and_cosignatures_of_others(bool isP256)
    {
        using var log = new SampleTransparencyLog(isP256);
        var bundle = Bundle();
        var other = new NoteSignature("witness.example/w", 0x01020304, new byte[72]);
        Assert.Single(Admit(bundle, log, log.Entry(Body(bundle), extensions: "one\ntwo\n", others: [other])).Claims);
    }

    [Fact]
    public void Admit_compares_the_body_as_a_value()
    {
        var bundle = Bundle();
        var reordered = JsonNode.Parse(Body(bundle))!.AsObject();
        var kind = reordered["kind"]!.DeepClone();
        reordered.Remove("kind");
        reordered["kind"] = kind;
        Assert.Single(Admit(bundle, _log, _log.Entry(" " + reordered.ToJsonString().Replace("/", "\\/", StringComparison.Ordinal))).Claims);
    }

    [Fact]
    public void Admit_needs_one_good_entry_among_all()
    {
        var bundle = Bundle();
        var (good, bad) = (_log.Entry(Body(bundle)), _log.Entry(Body(bundle), index: 3));
        bad["logIndex"] = "4";
        Assert.Single(Admit(bundle, _log, bad, good).Claims);
        AssertFault(TraceFault.BadLogProof, Admit(Bundle(), _log, (JsonObject)bad.DeepClone()));
    }

    [Fact]
    public void Admit_without_a_proof_is_not_logged()
    {
        AssertFault(TraceFault.NotLogged, Admit(Bundle(), _log));
        var stripped = new TraceFindings();
        Admission(_log).Admit(TraceElement.Of(TraceSamples.Sign(TraceFormat.Bundle)), TraceSamples.Question, stripped);
        AssertFault(TraceFault.NotLogged, stripped);
    }

    [Theory]
    [InlineData(TraceFormat.Jws2)]
    [InlineData(TraceFormat.Jws3)]
    public void Admit_of_a_jws_is_not_logged(TraceFormat format)
    {
        var findings = new TraceFindings();
        Admission(_log).Admit(TraceElement.Of(TraceSamples.Sign(format)), TraceSamples.Question, findings);
        AssertFault(TraceFault.NotLogged, findings);
    }

    [Fact]
    public void Admit_where_no_log_is_required_reads_no_proof()
    {
        var bundle = Bundle();
        bundle["verificationMaterial"]!["tlogEntries"] = new JsonArray(1, "x", null);
        Assert.Single(TraceSamples.Admit(Encoding.ASCII.GetBytes(bundle.ToJsonString())).Claims);
    }

    public static TheoryData<string, string> Mutations =>
        new()
        {
            { "logIndex", "9223372036854775807" },
            { "logIndex", "9223372036854775808" },
            { "logIndex", "3" },
            { "logIndex", "02" },
            { "logIndex", "+2" },
            { "logIndex", "-1" },
            { "logIndex", "" },
            { "logId/keyId", "" },
            { "logId/keyId", "AAAA" },
            { "kindVersion/kind", "dsse" },
            { "kindVersion/version", "0.0.1" },
            { "canonicalizedBody", "" },
            { "canonicalizedBody", "e30=" },
            { "canonicalizedBody", "%" },
            { "inclusionProof/hashes/0", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
            { "inclusionProof/hashes/0", "AAAA" },
            { "inclusionProof/checkpoint/envelope", "" },
            { "inclusionProof/checkpoint/envelope", "log.example.org/rekor\n7\n" },
        };

    [Theory]
    [MemberData(nameof(Mutations))]
    public void Admit_of_a_changed_entry_is_refused(string path, string value)
    {
        var bundle = Bundle();
        var entry = _log.Entry(Body(bundle));
        StatementTests.Set(entry, path, value);
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, entry));
    }

    [Fact]
    public void Admit_of_a_proof_of_another_length_is_refused()
    {
        var bundle = Bundle();
        var (longer, shorter, none) = (_log.Entry(Body(bundle)), _log.Entry(Body(bundle)), _log.Entry(Body(bundle)));
        longer["inclusionProof"]!["hashes"]!.AsArray().Add(Convert.ToBase64String(new byte[32]));
        shorter["inclusionProof"]!["hashes"]!.AsArray().RemoveAt(2);
        none["inclusionProof"]!.AsObject().Remove("hashes");
        AssertFault(TraceFault.BadLogProof, Admit(Bundle(), _log, longer));
        AssertFault(TraceFault.BadLogProof, Admit(Bundle(), _log, shorter));
        AssertFault(TraceFault.BadLogProof, Admit(Bundle(), _log, none));
    }

    [Fact]
    public void Admit_of_more_hashes_than_any_tree_has_is_refused()
    {
        var bundle = Bundle();
        var entry = _log.Entry(Body(bundle));
        entry["inclusionProof"]!["hashes"] = new JsonArray([
            .. Enumerable.Range(0, 64).Select(_ => (JsonNode)Convert.ToBase64String(new byte[32])),
        ]);
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, entry));
    }

    // What is logged is well proved, and about something else.
    [Theory]
    [InlineData("SHA2_512", "SHA2_256")]
    [InlineData("PKIX_ED25519_PH", "PKIX_ED25519")]
    [InlineData("\"digest\":\"", "\"digest\":\"AAAA")]
    [InlineData("\"content\":\"", "\"content\":\"AAAA")]
    [InlineData("\"rawBytes\":\"", "\"rawBytes\":\"AAAA")]
    [InlineData("{\"apiVersion\"", "{\"more\":1,\"apiVersion\"")]
    [InlineData("{\"apiVersion\"", "{\"kind\":\"hashedrekord\",\"apiVersion\"")]
    public void Admit_of_a_logged_body_about_something_else_is_refused(string from, string to)
    {
        var bundle = Bundle();
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, _log.Entry(Body(bundle).Replace(from, to, StringComparison.Ordinal))));
    }

    [Fact]
    public void Admit_of_an_entry_for_another_signer_is_refused()
    {
        var bundle = Bundle();
        var body = SampleTransparencyLog.Body(bundle, TraceSamples.OtherKey.PublicKey);
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, _log.Entry(body)));
    }

    [Theory]
    [InlineData("log.example.org/rekor\n7", "log.example.org/other\n7")]
    [InlineData("\n7\n", "\n8\n")]
    [InlineData("\n7\n", "\n07\n")]
    [InlineData("— log.example.org/rekor", "— log.example.org/other")]
    public void Admit_of_a_changed_checkpoint_is_refused(string from, string to)
    {
        var bundle = Bundle();
        var entry = _log.Entry(Body(bundle));
        var checkpoint = entry["inclusionProof"]!["checkpoint"]!;
        var changed = ((string)checkpoint["envelope"]!).Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual((string)checkpoint["envelope"]!, changed);
        checkpoint["envelope"] = changed;
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, entry));
    }

    [Fact]
    public void Admit_of_another_logs_entry_is_refused()
    {
        using var other = new SampleTransparencyLog(isP256: true);
        var bundle = Bundle();
        AssertFault(TraceFault.BadLogProof, Admit(bundle, _log, other.Entry(Body(bundle))));
    }

    // The claim's own signature comes first: a log proves nothing about what nobody signed.
    [Fact]
    public void Admit_of_a_logged_bundle_with_a_bad_signature_is_a_bad_signature()
    {
        var bundle = Bundle();
        bundle["dsseEnvelope"]!["signatures"]![0]!["sig"] = Convert.ToBase64String(new byte[64]);
        AssertFault(TraceFault.BadSignature, Admit(bundle, _log, _log.Entry(Body(bundle))));
    }

    /// <summary>Whatever byte of an entry is changed: it is refused, or still proves the very same body.</summary>
    [Fact]
    public void Admit_of_any_changed_entry_is_refused_or_means_the_same()
    {
        var bundle = Bundle();
        var text = _log.Entry(Body(bundle)).ToJsonString();
        var changes =
            from at in Gen.Choose(0, text.Length - 1)
            from value in Gen.Choose(32, 126)
            select text[..at] + (char)value + text[(at + 1)..];
        Prop.ForAll(
                changes.ToArbitrary(),
                changed =>
                {
                    var raw = Encoding.UTF8.GetBytes(
                        Bundle()
                            .ToJsonString()
                            .Replace("{\"publicKey\"", "{\"tlogEntries\":[" + changed + "],\"publicKey\"", StringComparison.Ordinal)
                    );
                    var findings = new TraceFindings();
                    Admission(_log).Admit(TraceElement.Of(raw), TraceSamples.Question, findings);
                    return findings.Claims.Count + findings.Refused == 1
                        && (
                            findings.Claims.Count == 0
                            || (
                                JsonNode.Parse(changed)! is var entry
                                && (string)entry["logIndex"]! == "2"
                                && Convert
                                    .FromBase64String((string)entry["canonicalizedBody"]!)
                                    .AsSpan()
                                    .SequenceEqual(Encoding.UTF8.GetBytes(Body(Bundle())))
                            )
                        );
                }
            )
            .QuickCheckThrowOnFailure();
    }

    static TraceAdmission Admission(SampleTransparencyLog log) => new(new TraceKeys([TraceSamples.Key.PublicKey]), log.Required);

    static TraceFindings Admit(JsonObject bundle, SampleTransparencyLog log, params JsonObject[] entries)
    {
        bundle["verificationMaterial"]!["tlogEntries"] = new JsonArray([.. entries]);
        var findings = new TraceFindings();
        Admission(log).Admit(TraceElement.Of(Encoding.UTF8.GetBytes(bundle.ToJsonString())), TraceSamples.Question, findings);
        return findings;
    }

    static void AssertFault(TraceFault fault, TraceFindings findings)
    {
        Assert.Empty(findings.Claims);
        Assert.Equal(fault, Assert.Single(findings.Details).Fault);
    }
}
