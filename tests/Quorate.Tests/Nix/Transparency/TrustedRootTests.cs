using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix.Transparency;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Transparency;

public sealed class TrustedRootTests
{
    // The log of 2025 in the trusted root of Sigstore's public instance.
    const string Public = """
        {"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{"baseUrl":"https://log2025-1.rekor.sigstore.dev","hashAlgorithm":"SHA2_256","publicKey":{"rawBytes":"MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=","keyDetails":"PKIX_ED25519","validFor":{"start":"2025-09-23T00:00:00Z"}},"logId":{"keyId":"zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A="}}],"certificateAuthorities":[],"ctlogs":[],"timestampAuthorities":[]}
        """;

    [Fact]
    public void Parse_of_the_public_instance_names_its_log()
    {
        var log = Assert.Single(TrustedRoot.Parse(Encoding.ASCII.GetBytes(Public)).Logs);
        Assert.Equal("log2025-1.rekor.sigstore.dev", log.Origin);
        Assert.Equal("zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A=", Convert.ToBase64String(log.KeyId.AsSpan()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Parse_of_either_kind_of_key_takes_it(bool isP256)
    {
        using var sample = new SampleTransparencyLog(isP256);
        var log = Assert.Single(Parse(sample.Root).Logs);
        Assert.Equal(
            (SampleTransparencyLog.Origin, Convert.ToHexString(sample.KeyId)),
            (log.Origin, Convert.ToHexString(log.KeyId.AsSpan()))
        );
    }

    [Fact]
    public void Parse_takes_the_id_of_the_checkpoint_key_too()
    {
        using var sample = new SampleTransparencyLog();
        var root = sample.Root;
        root["tlogs"]![0]!["checkpointKeyId"] = root["tlogs"]![0]!["logId"]!.DeepClone();
        root["tlogs"]![0]!.AsObject().Remove("logId");
        Assert.Single(Parse(root).Logs);
        root["tlogs"]![0]!["logId"] = new JsonObject { ["keyId"] = "AAAA" };
        Assert.Contains("logId", Refusal(root), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mediaType", "application/json", "mediaType")]
    [InlineData("tlogs/0/baseUrl", "ftp://log.example.org", "baseUrl")]
    [InlineData("tlogs/0/baseUrl", "https://", "baseUrl")]
    [InlineData("tlogs/0/baseUrl", "https://other.example.org", "logId")]
    [InlineData("tlogs/0/hashAlgorithm", "SHA2_512", "hashAlgorithm")]
    [InlineData("tlogs/0/publicKey/keyDetails", "PKIX_RSA_PKCS1V15_2048_SHA256", "publicKey")]
    [InlineData("tlogs/0/publicKey/keyDetails", "PKIX_ECDSA_P256_SHA_256", "publicKey")]
    [InlineData("tlogs/0/publicKey/rawBytes", "AAAA", "publicKey")]
    [InlineData("tlogs/0/publicKey/rawBytes", "%", "publicKey")]
    [InlineData("tlogs/0/logId/keyId", "AAAA", "logId")]
    [InlineData("tlogs/0/logId", null, "logId")]
    [InlineData("tlogs/0/publicKey", null, "publicKey")]
    [InlineData("tlogs/0", null, "tlogs[0]")]
    [InlineData("tlogs", null, "tlogs")]
    public void Parse_of_a_wrong_file_names_the_place(string path, string? value, string place)
    {
        using var sample = new SampleTransparencyLog();
        var root = sample.Root;
        StatementTests.Set(root, path, value);
        Assert.Contains(place, Refusal(root), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_of_one_log_twice_is_refused()
    {
        using var sample = new SampleTransparencyLog();
        var root = sample.Root;
        root["tlogs"]!.AsArray().Add(root["tlogs"]![0]!.DeepClone());
        Assert.Contains("once more", Refusal(root), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_of_a_point_that_is_not_on_the_curve_is_refused()
    {
        using var sample = new SampleTransparencyLog(isP256: true);
        var key = sample.KeyInfo;
        key[^1] ^= 1;
        var root = sample.Root;
        root["tlogs"]![0]!["publicKey"]!["rawBytes"] = Convert.ToBase64String(key);
        Assert.Contains("publicKey", Refusal(root), StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_of_any_change_is_a_root_or_a_named_error()
    {
        var changes =
            from at in Gen.Choose(0, Public.Length - 1)
            from value in Gen.Choose(0, 255)
            select Encoding.Latin1.GetBytes(Public[..at] + (char)value + Public[(at + 1)..]);
        Prop.ForAll(
                changes.ToArbitrary(),
                json =>
                    TrustedRoot.TryParse(json, out var root, out var problem) is var ok
                    && ok == (problem.Length == 0)
                    && ok == (root is not null)
            )
            .QuickCheckThrowOnFailure();
    }

    static TrustedRoot Parse(JsonObject root) => TrustedRoot.Parse(Encoding.UTF8.GetBytes(root.ToJsonString()));

    static string Refusal(JsonObject root) => Assert.Throws<MalformedException>(() => Parse(root)).Message;
}
