using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Testing;
using Quorate.Trust;
using Xunit;

namespace Quorate.Conformance.NixBuildTraces;

/// <summary>A real closure with the signatures of two real builders, as it is and damaged.</summary>
public sealed class VerificationTests
{
    const string Folder = "nix-build-traces";
    const string Hello = "yvixdlqwq3l5ikd0b5c3f39pxmfynwhl-hello-2.12.1.drv";
    const string HelloOut = "/nix/store/56zjcp964v7lcigv4fjgw0aqgyqpz75h-hello-2.12.1";
    const string Stage1 = "cjpxbf5h30808h53lckfyvzacsvfs08q-bootstrap-stage1-stdenv-linux.drv";
    const string Binutils = "6a4wpppqvmf5dwr49gfm3hrxhd58hg0w-bootstrap-stage0-binutils-wrapper-.drv";

    readonly HelloClosure _closure = HelloClosure.Read();
    readonly MemoryTraces _traces = MemoryTraces.Of(Vectors.Find(Folder + "/traces"));

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2, "A", "B")]
    [InlineData(1, "A")]
    [InlineData(1, "B")]
    [InlineData(1, "A", "B")]
    public async Task Hello_verifies_with_its_builders(int required, params string[] builders)
    {
        var result = await VerifyAsync(Hello, Trust(required, builders));
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal(OutputPaths.Of("out", HelloOut), result.Outputs);
        Assert.Equal(157, result.Positions.Count);
        Assert.Equal(93, result.Fixed.Count);
        Assert.Equal(157, result.Exploration!.Lookups);
        Assert.All(result.Positions, position => Assert.Equal(builders.Select(b => "builder" + b), position.Signers));
        Assert.Equal(
            _traces.Hashes.Select(hash => hash.ToString()).Order(StringComparer.Ordinal),
            result.Positions.Select(position => position.Resolved!.Value.ToString()).Order(StringComparer.Ordinal)
        );
        Assert.Empty(result.Divergences);
    }

    [Theory]
    [InlineData(VerificationMode.Position)]
    [InlineData(VerificationMode.Paths)]
    public async Task Hello_verifies_in_the_other_modes_too(VerificationMode mode) =>
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(Hello, Trust(2, "A", "B"), mode: mode)).Verdict);

    [Theory]
    [InlineData(Stage1, 8, 4, "/nix/store/46f69c5mdfn57k6vmfzlwg23c3dzr1md-bootstrap-stage1-stdenv-linux")]
    [InlineData(Binutils, 4, 2, "/nix/store/j87rlazyfsgd5xg9ppz1jhmagxbk46mn-bootstrap-stage0-binutils-wrapper-")]
    public async Task Smaller_roots_verify(string root, int positions, int fixedOutputs, string output)
    {
        var result = await VerifyAsync(root, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal((positions, fixedOutputs), (result.Positions.Count, result.Fixed.Count));
        Assert.Equal(OutputPaths.Of("out", output), result.Outputs);
    }

    [Fact]
    public async Task Expected_output_that_nobody_built_is_rejected()
    {
        var other = OutputPaths.Of("out", "/nix/store/00000000000000000000000000000000-hello-2.12.1");
        var result = await VerifyAsync(Hello, Trust(2, "A", "B"), other);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(Path(Hello), Assert.Single(result.Missing).Derivation);
    }

    [Fact]
    public async Task Removed_trace_is_named_and_rejects_what_depends_on_it()
    {
        var accepted = await VerifyAsync(Hello, Trust(2, "A", "B"));
        var victim = accepted.Positions[^1];
        _traces.Remove(victim.Resolved!.Value.ToString());
        var result = await VerifyAsync(Hello, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Rejected, result.Verdict);
        var missing = Assert.Single(result.Missing);
        Assert.Equal(victim.Derivation, missing.Derivation);
        Assert.Equal("no claim of any builder that the model names", missing.Reason);
    }

    [Fact]
    public async Task Swapped_traces_are_about_another_input()
    {
        var positions = (await VerifyAsync(Hello, Trust(2, "A", "B"))).Positions;
        var (one, other) = (positions[^1].Resolved!.Value.ToString(), positions[^2].Resolved!.Value.ToString());
        (_traces[one], _traces[other]) = (_traces[other], _traces[one]);
        var result = await VerifyAsync(Hello, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Contains("OtherInput", Assert.Single(result.Missing).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flipped_bit_costs_its_builder_the_position()
    {
        var victim = (await VerifyAsync(Hello, Trust(2, "A", "B"))).Positions[40];
        var hash = victim.Resolved!.Value.ToString();
        var text = Encoding.UTF8.GetString(_traces[hash]);
        // The last character of a signature has unused bits; the one before has none.
        var end = text.IndexOf('"', text.IndexOf("eyJ", StringComparison.Ordinal)) - 2;
        _traces[hash] = Encoding.UTF8.GetBytes(string.Concat(text.AsSpan(0, end), text[end] == 'A' ? "B" : "A", text.AsSpan(end + 1)));

        var both = await VerifyAsync(Hello, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Rejected, both.Verdict);
        Assert.Equal(victim.Derivation, Assert.Single(both.Missing).Derivation);
        Assert.Equal(1, both.Exploration!.RefusedCounts[TraceFault.BadSignature]);
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(Hello, Trust(1, "A", "B"))).Verdict);
    }

    [Fact]
    public async Task Third_key_that_signed_nothing_cannot_be_counted()
    {
        using var stranger = NixCacheSecretKey.Generate("builderC");
        var trust = Trust(3, [Key("A"), Key("B"), stranger.PublicKey]);
        var result = await VerifyAsync(Hello, trust);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(["builderA", "builderB"], result.Coalition);
    }

    [Fact]
    public async Task Divergence_that_one_builder_makes_up_is_shown_and_not_believed()
    {
        var root = await VerifyAsync(Binutils, Trust(2, "A", "B"));
        var leaf = root.Positions[^1];
        var other = Lie(leaf, "B");
        Append(leaf.Resolved!.Value.ToString(), other);
        var result = await VerifyAsync(Binutils, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Accepted, result.Verdict);
        var divergence = Assert.Single(result.Divergences);
        Assert.Equal(leaf.Derivation, divergence.Derivation);
        Assert.Equal(
            [
                ["builderA", "builderB"],
                ["builderB"],
            ],
            divergence.Outcomes.Select(outcome => outcome.Builders)
        );
        // Believing either builder alone, both results of the leaf itself are believed: contested, until one is asked for.
        var leafName = leaf.Derivation.BaseName;
        var contested = await VerifyAsync(leafName, Trust(1, "A", "B"));
        Assert.Equal(Verdict.Inconclusive, contested.Verdict);
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(leafName, Trust(1, "A", "B"), leaf.Claims[0].Outputs)).Verdict);
    }

    [Fact]
    public async Task Source_that_does_not_answer_makes_a_rejection_inconclusive()
    {
        var accepted = await VerifyAsync(Hello, Trust(2, "A", "B"));
        _traces[accepted.Positions[^1].Resolved!.Value.ToString()] = "no trace"u8.ToArray();
        var result = await VerifyAsync(Hello, Trust(2, "A", "B"));
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Equal(accepted.Positions[^1].Derivation, Assert.Single(result.Missing).Derivation);
    }

    [Fact]
    public async Task Changed_derivation_is_not_the_one_of_its_path()
    {
        var path = Path(Hello);
        _closure.Aterms[path] = [.. _closure.Aterms[path].Select(b => b == (byte)'2' ? (byte)'3' : b)];
        await Assert.ThrowsAsync<MalformedException>(() => VerifyAsync(Hello, Trust(1, "A")));
    }

    [Fact]
    public async Task Fixed_output_needs_no_evidence_and_must_match()
    {
        var (path, derivation) = _closure.Derivations.First(d => d.Value.Kind == DerivationKind.FixedOutput);
        var output = derivation.Outputs[0].Path!.ToString();
        var alone = await VerifyAsync(path.BaseName, Trust(2, "A", "B"));
        Assert.Equal((Verdict.Accepted, OutputPaths.Of("out", output)), (alone.Verdict, alone.Outputs));
        Assert.Equal(Verdict.Rejected, (await VerifyAsync(path.BaseName, Trust(2, "A", "B"), OutputPaths.Of("out", HelloOut))).Verdict);
    }

    [Fact]
    public async Task Input_addressed_root_is_refused()
    {
        var parts = DerivationParts.Of(_closure.Derivations[Path(Binutils)]);
        var addressed = parts with { Inputs = [], Outputs = [new DerivationOutput("out", StorePath.Parse(HelloOut), "", "")] };
        var path = DerivationPaths.Of(addressed.ToDerivation(), "addressed");
        _closure.Aterms[path] = addressed.ToDerivation().ToAterm();
        var result = await VerifyAsync(path.BaseName, Trust(1, "A"));
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Contains("input-addressed", Assert.Single(result.Reasons), StringComparison.Ordinal);
    }

    // CycloneDX 1.6: every bom-ref must be unique within the BOM; its JSON Schema cannot say so.
    [Fact]
    public async Task Bill_of_materials_has_one_component_for_each_path_and_depends_on_nothing_else()
    {
        using var stream = new MemoryStream();
        CycloneDx.Write(stream, await VerifyAsync(Hello, Trust(2, "A", "B")), DateTimeOffset.UnixEpoch);
        using var bom = JsonDocument.Parse(stream.ToArray());
        var components = bom
            .RootElement.GetProperty("components")
            .EnumerateArray()
            .Select(c => c.GetProperty("bom-ref").GetString())
            .ToList();
        var dependencies = bom.RootElement.GetProperty("dependencies").EnumerateArray().ToList();
        Assert.Equal(components.Count, components.Distinct().Count());
        Assert.Equal(components.Count + 1, dependencies.Select(d => d.GetProperty("ref").GetString()).Distinct().Count());
        Assert.Equal(components.Count + 1, dependencies.Count);
        Assert.Empty(
            dependencies.SelectMany(d => d.GetProperty("dependsOn").EnumerateArray()).Select(d => d.GetString()).Except(components)
        );
    }

    [Fact]
    public async Task Summary_is_signed_and_names_what_was_verified()
    {
        using var key = Crypto.Ed25519PrivateKey.Generate();
        var result = await VerifyAsync(Binutils, Trust(2, "A", "B"));
        var summary = new VerificationSummary("urn:test", "file:///trust", Sha256Digest.HashData("trust"u8));
        var bytes = summary.Sign(result, key, DateTimeOffset.UnixEpoch);
        Assert.True(StrictJson.TryParse(bytes, out var json, out _));
        Assert.True(DsseEnvelope.TryRead(json.RootElement, 1 << 20, out var envelope, out _));
        var signed = DsseEnvelope.PreAuthenticationEncoding(envelope.PayloadType, envelope.Payload.Span);
        Assert.True(key.PublicKey.Verify(signed, envelope.Signatures[0].Signature.Span));
        Assert.True(StrictJson.TryParse(envelope.Payload, out var statement, out _));
        var subject = statement.RootElement.GetProperty("subject")[0];
        Assert.Equal("out", subject.GetProperty("name").GetString());
        Assert.Equal(result.Outputs!.Pairs[0].Value, subject.GetProperty("digest").GetProperty("nix-ca-store-path").GetString());
        var predicate = statement.RootElement.GetProperty("predicate");
        Assert.Equal("PASSED", predicate.GetProperty("verificationResult").GetString());
        Assert.Equal("1970-01-01T00:00:00Z", predicate.GetProperty("timeVerified").GetString());
        json.Dispose();
        statement.Dispose();
    }

    [Fact]
    public async Task Drawing_is_well_formed_and_has_every_derivation()
    {
        var result = await VerifyAsync(Hello, Trust(2, "A", "B"));
        var svg = System.Xml.Linq.XDocument.Parse(DagDrawing.Svg(result));
        Assert.Equal(157 + 93, svg.Descendants().Count(element => element.Name.LocalName == "rect"));
        Assert.Equal(
            result.Positions.Sum(position => position.Inputs.Count),
            svg.Descendants().Count(element => element.Name.LocalName == "line")
        );
    }

    Task<TraceVerification> VerifyAsync(
        string target,
        TraceTrust trust,
        OutputPaths? expected = null,
        VerificationMode mode = VerificationMode.Coalition
    ) =>
        new TraceVerifier(new MemoryDerivations(_closure.Aterms), [_traces], TimeProvider.System).VerifyAsync(
            new VerificationRequest(Path(target), expected ?? OutputPaths.Empty, trust) { Mode = mode },
            progress: null,
            Cancelled
        );

    /// <summary>A genuine signature of a builder under another outcome.</summary>
    static byte[] Lie(VerifiedPosition position, string builder)
    {
        using var key = PrivateKey(builder);
        var outputs = position
            .Claims[0]
            .Stated.Select(output => new SignedOutput(
                output.Name,
                StorePath.Parse($"/nix/store/00000000000000000000000000000000-{output.Path.Name}"),
                Sha256Digest.HashData("other"u8)
            ));
        var statement = new TraceStatement(
            position.Resolved!.Value,
            TraceRegime.ContentAddressed,
            [.. outputs],
            Built: true,
            AttemptId: 1,
            TraceProvenance.None
        );
        return TraceWriter.Sign(statement, TraceFormat.Jws2, key, "builder" + builder);
    }

    void Append(string hash, byte[] jws)
    {
        var text = Encoding.UTF8.GetString(_traces[hash]).TrimEnd();
        var end = text.LastIndexOf(']');
        _traces[hash] = Encoding.UTF8.GetBytes($"{text[..end]},\"{Encoding.UTF8.GetString(jws)}\"{text[end..]}");
    }

    static TraceTrust Trust(int required, params string[] builders) => Trust(required, [.. builders.Select(Key)]);

    static TraceTrust Trust(int required, params NixCachePublicKey[] keys) =>
        LautTrustFile.Parse(
            Encoding.UTF8.GetBytes(
                $$"""{"threshold":{{required}},"of":[{{string.Join(",", keys.Select(k => $$"""{"key":"{{k}}"}"""))}}]}"""
            )
        );

    static NixCachePublicKey Key(string builder) =>
        NixCachePublicKey.TryParse(File.ReadAllText(Vectors.Find($"{Folder}/keys/builder{builder}_key.public")).Trim(), out var key)
            ? key
            : throw new FormatException(builder);

    static Crypto.Ed25519PrivateKey PrivateKey(string builder)
    {
        var text = File.ReadAllText(Vectors.Find($"{Folder}/keys/builder{builder}_key.private")).Trim();
        return Crypto.Ed25519PrivateKey.FromSeed(Convert.FromBase64String(text[(text.IndexOf(':') + 1)..]).AsSpan(0, 32));
    }

    static StorePath Path(string baseName) => StorePath.Parse($"/nix/store/{baseName}");
}
