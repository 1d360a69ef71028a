using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Tests.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Realisations;

public sealed class RealisationTests
{
    const string AHash = "sha256:305930caef136957a3f1bdb389980380cae6d41d0e7798eb4d34455821c9535b";
    const string DeferredHash = "sha256:7447bb4144de738a3e7084d22480f755f72971a10689d4b295a5d8709528ec4e";

    /// <summary>As Nix 2.8.0 wrote and signed it; 2.34.8 leaves the dependency out.</summary>
    const string WithDependency = """
        {"dependentRealisations":{"sha256:305930caef136957a3f1bdb389980380cae6d41d0e7798eb4d34455821c9535b!out":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"},"id":"sha256:7447bb4144de738a3e7084d22480f755f72971a10689d4b295a5d8709528ec4e!out","outPath":"a0hlq7qlj9alw9c14iv996jhl3x3pd7z-deferred","signatures":["lab-1:zUYmGshGvuYUrRuShLuGxSjuqPhC3HtMEEZG8DA1nUTGzktl3D7c+VIdFFVdoRC7xga/7h3SIKEBgT3IvWgVDg=="]}
        """;

    /// <summary>As Nix 2.34.8 wrote and signed it.</summary>
    const string WithoutDependency = """
        {"dependentRealisations":{},"id":"sha256:7447bb4144de738a3e7084d22480f755f72971a10689d4b295a5d8709528ec4e!out","outPath":"a0hlq7qlj9alw9c14iv996jhl3x3pd7z-deferred","signatures":["lab-1:ch4crEfOoPo+pjh1E7LG88RfPGMe56eR3HD6C9CF+CLDLCFzzzGT9pTm48nX8YlNCL3lLdo5ypoN4/YJeww0BA=="]}
        """;

    /// <summary>Key of the Nix that wrote the two; made for the purpose.</summary>
    const string LabKey = "lab-1:1FXXpsBC7ChJjy3H/N/Bhlaa2GnaVhdA4W1/g7ILsmU=";

    const string EntryKey = """{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"foo"}""";
    const string EntrySecret = "test-key:tU7tTvLcScf8pmz/eTV0BEtLmRsPpZfKaRcd0nCN+pysBZPHSeg61/u2oc7mIOewfuAY1V1BiX32homTaDJ2Jw==";
    const string EntrySignature = "WsjxK4/EI74COtzMDI+VCjQU9O4FydK0+YeY1CE5hUevogd+T+CPvNXza7oog3GTMS+ZlBwsC2S3ppwusKnJDg==";

    [Theory]
    [InlineData("out")]
    [InlineData("dev")]
    public void TryOf_derivation_without_inputs_gives_the_id_that_nix_gave(string output)
    {
        Assert.True(
            DrvOutputId.TryOf(LabDerivations.Parse(LabDerivations.A), "a", output, LabDerivations.Hashes, out var id, out var problem),
            problem
        );
        Assert.Equal($"{AHash}!{output}", id.ToString());
        Assert.Equal(id, DrvOutputId.Of(ResolvedDerivation.Of(LabDerivations.Parse(LabDerivations.A), "a"), output));
    }

    [Fact]
    public void TryOf_derivation_upon_a_floating_one_gives_the_id_that_nix_gave()
    {
        var deferred = LabDerivations.Parse(LabDerivations.Deferred);
        Assert.True(DrvOutputId.TryOf(deferred, "deferred", "doc", LabDerivations.Hashes, out var id, out var problem), problem);
        Assert.Equal($"{DeferredHash}!doc", id.ToString());
    }

    [Fact]
    public void TryOf_unknown_output_is_refused() =>
        Assert.False(DrvOutputId.TryOf(LabDerivations.Parse(LabDerivations.A), "a", "lib", LabDerivations.Hashes, out _, out _));

    [Theory]
    [InlineData(AHash + "!out", true)]
    [InlineData(AHash + "!", false)]
    [InlineData(AHash + "!o!t", false)]
    [InlineData(AHash + "^out", false)]
    [InlineData("sha512" + AHash, false)]
    [InlineData("sha256:305930CAEF136957A3F1BDB389980380CAE6D41D0E7798EB4D34455821C9535B!out", false)]
    public void TryParse_id_takes_only_what_it_prints(string text, bool expected)
    {
        Assert.Equal(expected, DrvOutputId.TryParse(text, out var id));
        Assert.Equal(expected, DrvOutputId.TryParseFileName(text + ".doi", out _));
        Assert.True(!expected || id.ToString() == text);
    }

    [Fact]
    public void TryParseFileName_takes_the_escaped_exclamation_mark()
    {
        Assert.True(DrvOutputId.TryParseFileName(AHash + "%21out.doi", out var id));
        Assert.Equal($"realisations/{AHash}!out.doi", id.CachePath);
        Assert.False(DrvOutputId.TryParseFileName(AHash + "%21out", out _));
        Assert.False(DrvOutputId.TryParseFileName(AHash + "!%21out.doi", out _));
    }

    [Theory]
    [InlineData(WithDependency)]
    [InlineData(WithoutDependency)]
    public void Parse_what_nix_wrote_prints_and_verifies(string json)
    {
        var realisation = Realisation.Parse(NixSamples.Bytes(json), StorePath.DefaultStoreDir);
        Assert.Equal(json, realisation.ToJson());
        Assert.True(NixCachePublicKey.TryParse(LabKey, out var key));
        Assert.True(realisation.IsSignedBy(key));
        Assert.False((realisation with { OutPath = LabDerivations.AOut }).IsSignedBy(key));
        Assert.False(realisation.IsSignedBy(NixSamples.PublicKey));
    }

    [Fact]
    public void SignedBy_adds_a_signature_that_verifies()
    {
        using var key = NixSamples.SecretKey;
        var realisation = Realisation.Parse(NixSamples.Bytes(WithDependency), StorePath.DefaultStoreDir).SignedBy(key);
        Assert.Equal(2, realisation.Signatures.Length);
        Assert.True(realisation.IsSignedBy(NixSamples.PublicKey));
        Assert.Equal(realisation, Realisation.Parse(NixSamples.Bytes(realisation.ToJson()), StorePath.DefaultStoreDir));
    }

    [Theory]
    [InlineData("""{"id":"x","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"}""", "id")]
    [InlineData("""{"id":"ID"}""", "outPath")]
    [InlineData("""{"id":"ID","outPath":"/nix/store/y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"}""", "outPath")]
    [InlineData("""{"id":"ID","id":"ID","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"}""", "JSON")]
    [InlineData("""{"id":"ID","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a","more":1}""", "unknown")]
    [InlineData("""{"id":"ID","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a","signatures":{}}""", "signatures")]
    [InlineData("""{"id":"ID","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a","signatures":["k:AA=="]}""", "signatures[0]")]
    [InlineData("""{"id":"ID","outPath":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a","dependentRealisations":{"x":"y"}}""", "dependent")]
    [InlineData("""[]""", "object")]
    public void TryParse_malformed_realisation_is_refused(string json, string problem)
    {
        var bytes = NixSamples.Bytes(json.Replace("ID", AHash + "!out", StringComparison.Ordinal));
        Assert.False(Realisation.TryParse(bytes, StorePath.DefaultStoreDir, out _, out var found));
        Assert.Contains(problem, found, StringComparison.Ordinal);
    }

    [Fact]
    public void Entry_of_nix_itself_signs_to_the_signature_of_nix_itself()
    {
        using var secret = NixCacheSecretKey.Parse(NixSamples.Bytes(EntrySecret));
        var json =
            $$$"""{"key":{{{EntryKey}}},"value":{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":[{"keyName":"test-key","sig":"{{{EntrySignature}}}"}]}}""";
        Assert.True(BuildTraceEntry.TryParse(NixSamples.Bytes(json), StorePath.DefaultStoreDir, out var entry, out var problem), problem);
        Assert.Equal(json, entry.ToJson());
        Assert.True(entry.IsSignedBy(secret.PublicKey));
        Assert.Equal(entry, (entry with { Signatures = [] }).SignedBy(secret));
        Assert.Equal("build-trace-v2/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv/foo.doi", entry.Key.CachePath);
        Assert.Equal("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv^foo", entry.Key.ToString());
    }

    [Fact]
    public void TryParseValue_takes_both_shapes_of_signatures()
    {
        Assert.True(BuildTraceKey.TryParse(StorePath.DefaultStoreDir, "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv", "foo.doi", out var key));
        var text = $$"""{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":["test-key:{{EntrySignature}}"]}""";
        Assert.True(BuildTraceEntry.TryParseValue(NixSamples.Bytes(text), key, out var entry, out var problem), problem);
        Assert.True(BuildTraceEntry.TryParseValue(NixSamples.Bytes(entry.ToValueJson()), key, out var again, out problem), problem);
        Assert.Equal(entry, again);
        Assert.Contains("\"keyName\":\"test-key\"", entry.ToValueJson(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        """{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar","outputName":"foo"},"value":{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo"}}"""
    )]
    [InlineData(
        """{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"f/o"},"value":{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo"}}"""
    )]
    [InlineData("""{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"foo"}}""")]
    [InlineData("""{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"foo"},"value":{}}""")]
    [InlineData(
        """{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"foo"},"value":{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":[{"keyName":"a:b","sig":""}]}}"""
    )]
    public void TryParse_malformed_entry_is_refused(string json) =>
        Assert.False(BuildTraceEntry.TryParse(NixSamples.Bytes(json), StorePath.DefaultStoreDir, out _, out var problem) || problem == "");

    [Fact]
    public void Parse_any_realisation_that_is_printed_reads_back() =>
        Prop.ForAll(
                Ids().ToArbitrary(),
                Gen.ListOf(Ids()).ToArbitrary(),
                DerivationGenerators.Path("p").ToArbitrary(),
                (id, dependencies, path) =>
                {
                    using var key = NixSamples.SecretKey;
                    var realisation = new Realisation(id, path)
                    {
                        Dependencies = dependencies
                            .Distinct()
                            .Aggregate(new Realisation(id, path).Dependencies, (all, one) => all.Add(one, path)),
                    }.SignedBy(key);
                    var again = Realisation.Parse(NixSamples.Bytes(realisation.ToJson()), StorePath.DefaultStoreDir);
                    return again == realisation && again.IsSignedBy(NixSamples.PublicKey);
                }
            )
            .QuickCheckThrowOnFailure();

    static Gen<DrvOutputId> Ids() =>
        from number in Gen.Choose(0, 100)
        from output in Gen.Elements("out", "dev", "a+b")
        select new DrvOutputId(Sha256Digest.HashData(NixSamples.Bytes($"{number}")), output);
}
