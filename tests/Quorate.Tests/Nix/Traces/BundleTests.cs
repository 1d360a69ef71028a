using System.Text;
using System.Text.Json.Nodes;
using Quorate.Crypto;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class BundleTests
{
    static readonly byte[] s_good = TraceSamples.Sign(TraceFormat.Bundle);

    [Fact]
    public void Admit_of_a_signed_bundle_gives_its_claim()
    {
        var claim = Assert.Single(TraceSamples.Admit(s_good).Claims);
        Assert.Equal(TraceSamples.Key.PublicKey, claim.Signer);
        Assert.Equal(TraceSamples.Input, claim.Input);
        Assert.Equal(["dev", "out"], claim.Outputs.Select(output => output.Name));
        Assert.Equal(TraceSamples.OutPath, claim.PathOf("out")!.ToString());
        Assert.Equal(TraceSamples.Statement.Outputs[0].NarHash, claim.Outputs[1].NarHash);
        Assert.True(claim.Built);
        Assert.True(s_good.AsSpan().SequenceEqual(Assert.Single(claim.Evidence).Raw.Span));
    }

    [Fact]
    public void Admit_under_an_arbitrary_hint_is_accepted() =>
        Assert.Single(TraceSamples.Admit(Changed(bundle => SetHints(bundle, "anything", "anything"))).Claims);

    [Fact]
    public void Admit_under_the_older_media_type_is_accepted() =>
        Assert.Single(
            TraceSamples.Admit(Changed(bundle => bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3")).Claims
        );

    [Fact]
    public void Admit_keeps_log_entries_with_the_bundle()
    {
        var logged = Changed(bundle => bundle["verificationMaterial"]!["tlogEntries"] = new JsonArray(new JsonObject()));
        Assert.True(logged.AsSpan().SequenceEqual(Assert.Single(TraceSamples.Admit(logged).Claims).Evidence[0].Raw.Span));
    }

    [Fact]
    public void Admit_of_different_hints_is_refused() => AssertMalformed(Changed(bundle => SetHints(bundle, "one", "two")));

    [Fact]
    public void Admit_of_an_unknown_member_is_refused()
    {
        AssertMalformed(Changed(bundle => bundle["extra"] = 1));
        AssertMalformed(Changed(bundle => bundle["verificationMaterial"]!["certificate"] = "x"));
    }

    [Theory]
    [InlineData("mediaType")]
    [InlineData("verificationMaterial")]
    [InlineData("dsseEnvelope")]
    public void Admit_without_a_member_or_with_null_for_it_is_refused(string member)
    {
        AssertMalformed(Changed(bundle => bundle.Remove(member)));
        AssertMalformed(Changed(bundle => bundle[member] = null));
    }

    [Fact]
    public void Admit_of_two_signatures_or_none_is_refused()
    {
        AssertMalformed(
            Changed(bundle =>
            {
                var signatures = bundle["dsseEnvelope"]!["signatures"]!.AsArray();
                signatures.Add(signatures[0]!.DeepClone());
            })
        );
        AssertMalformed(Changed(bundle => bundle["dsseEnvelope"]!["signatures"] = new JsonArray()));
    }

    [Fact]
    public void Admit_of_another_bundle_type_is_refused() =>
        AssertMalformed(Changed(bundle => bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.2+json"));

    [Fact]
    public void Admit_of_a_bundle_with_a_duplicate_member_is_refused()
    {
        var text = Encoding.UTF8.GetString(s_good);
        AssertMalformed(Encoding.UTF8.GetBytes(text.Insert(1, "\"mediaType\":\"x\",")));
    }

    [Fact]
    public void Admit_of_a_pure_signature_is_refused() =>
        AssertFault(
            TraceFault.BadSignature,
            SignedText.Bundle(SignedText.StatementOf(s_good).ToJsonString(), TraceSamples.Key, pure: true)
        );

    [Fact]
    public void Admit_of_a_signature_over_another_payload_type_is_refused()
    {
        // Well signed, but as another type: once under its own name, once renamed to ours.
        var other = SignedText.Bundle(SignedText.StatementOf(s_good).ToJsonString(), TraceSamples.Key, "text/plain");
        AssertMalformed(other);
        var renamed = SignedText.Parse(other);
        renamed["dsseEnvelope"]!["payloadType"] = "application/vnd.in-toto+json";
        AssertFault(TraceFault.BadSignature, Encoding.UTF8.GetBytes(renamed.ToJsonString()));
    }

    [Fact]
    public void Admit_of_a_changed_signature_is_refused() =>
        AssertFault(
            TraceFault.BadSignature,
            Changed(bundle =>
            {
                var signature = bundle["dsseEnvelope"]!["signatures"]![0]!;
                var bytes = Convert.FromBase64String(signature["sig"]!.GetValue<string>());
                bytes[5] ^= 1;
                signature["sig"] = Convert.ToBase64String(bytes);
            })
        );

    [Fact]
    public void Admit_of_a_changed_payload_is_refused() =>
        AssertFault(
            TraceFault.BadSignature,
            Changed(bundle =>
            {
                var statement = SignedText.StatementOf(s_good).ToJsonString();
                var changed = statement.Replace("jwnbmck4", "awnbmck4", StringComparison.Ordinal);
                bundle["dsseEnvelope"]!["payload"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(changed));
            })
        );

    [Fact]
    public void Admit_of_a_key_that_was_not_asked_for_is_counted_as_that() =>
        AssertFault(TraceFault.UnknownSigner, TraceSamples.Sign(TraceFormat.Bundle, key: TraceSamples.OtherKey));

    [Fact]
    public void Admit_of_a_builder_id_of_another_key_is_refused()
    {
        // Signed by the other key in the name of ours, and by ours in the name of the other.
        var statement = SignedText.StatementOf(s_good).ToJsonString();
        AssertFault(TraceFault.BadSignature, SignedText.Bundle(statement, TraceSamples.OtherKey));
        var foreign = SignedText.StatementOf(TraceSamples.Sign(TraceFormat.Bundle, key: TraceSamples.OtherKey)).ToJsonString();
        AssertFault(TraceFault.UnknownSigner, SignedText.Bundle(foreign, TraceSamples.Key));
    }

    internal static void AssertMalformed(byte[] bundle) => AssertFault(TraceFault.Malformed, bundle);

    internal static void AssertFault(TraceFault fault, byte[] element)
    {
        var findings = TraceSamples.Admit(element);
        Assert.Empty(findings.Claims);
        Assert.Equal(fault, Assert.Single(findings.Details).Fault);
        Assert.Equal(1, findings.Count(fault));
    }

    static byte[] Changed(Action<JsonObject> change)
    {
        var bundle = SignedText.Parse(s_good);
        change(bundle);
        return Encoding.UTF8.GetBytes(bundle.ToJsonString());
    }

    static void SetHints(JsonObject bundle, string hint, string keyId)
    {
        bundle["verificationMaterial"]!["publicKey"]!["hint"] = hint;
        bundle["dsseEnvelope"]!["signatures"]![0]!["keyid"] = keyId;
    }
}
