using System.Text;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class JwsTests
{
    const string Header = """{"alg":"EdDSA","crv":"Ed25519","kid":"b:324be2dea8bc4446","type":"laut","v":"2"}""";
    const string Payload =
        """{"in":{"rdrv_aterm_ca":"gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r"},"out":{"nix":{"out":{"path":"/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a"}}}}""";

    [Theory]
    [InlineData(TraceFormat.Jws2)]
    [InlineData(TraceFormat.Jws3)]
    public void Admit_of_a_signed_JWS_gives_its_claim(TraceFormat format)
    {
        var claim = Assert.Single(TraceSamples.Admit(TraceSamples.Sign(format)).Claims);
        Assert.Equal(TraceSamples.Key.PublicKey, claim.Signer);
        Assert.Equal(TraceSamples.DevPath, claim.PathOf("dev")!.ToString());
        Assert.Equal(TraceSamples.Statement.Outputs[0].NarHash, claim.Outputs[1].NarHash);
        Assert.Null(claim.Built);
        Assert.Equal(format, claim.Evidence[0].Format);
    }

    [Fact]
    public void Admit_of_the_smallest_JWS_gives_its_claim()
    {
        var claim = Assert.Single(TraceSamples.Admit(SignedText.Jws(Header, Payload, TraceSamples.Key)).Claims);
        Assert.Equal(["out"], claim.Outputs.Select(output => output.Name));
        Assert.Null(claim.Outputs[0].NarHash);
    }

    // The name in a kid is the signer's choice and identifies nobody.
    [Theory]
    [InlineData("b:3", "x:y:3")]
    [InlineData("b:3", ":3")]
    public void Admit_under_another_key_name_is_accepted(string from, string to) =>
        Assert.Single(
            TraceSamples.Admit(SignedText.Jws(Header.Replace(from, to, StringComparison.Ordinal), Payload, TraceSamples.Key)).Claims
        );

    [Theory]
    [InlineData("\"EdDSA\"", "\"none\"")]
    [InlineData("\"EdDSA\"", "\"HS256\"")]
    [InlineData("\"Ed25519\"", "\"Ed448\"")]
    [InlineData("\"laut\"", "\"JWT\"")]
    [InlineData("\"2\"", "\"1\"")]
    [InlineData("\"2\"", "2")]
    [InlineData("\"b:324be2dea8bc4446\"", "7")]
    [InlineData("\"b:324be2dea8bc4446\"", "\"324be2dea8bc4446\"")]
    [InlineData("{\"alg\"", "{\"crit\":[],\"alg\"")]
    [InlineData("{\"alg\"", "{\"alg\":\"EdDSA\",\"alg\"")]
    [InlineData("{\"alg\"", "[\"alg\"")]
    public void Admit_of_another_header_is_refused(string from, string to) =>
        BundleTests.AssertMalformed(SignedText.Jws(Header.Replace(from, to, StringComparison.Ordinal), Payload, TraceSamples.Key));

    [Theory]
    [InlineData("gy2z3n5w", "ey2z3n5w")]
    [InlineData("gy2z3n5w", "gy2z3n5")]
    [InlineData("\"gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r\"", "null")]
    [InlineData("\"in\"", "\"xx\"")]
    [InlineData("\"nix\"", "\"xx\"")]
    [InlineData("{\"path\":\"/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a\"}", "{}")]
    [InlineData("{\"out\":{\"path\":\"/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a\"}}", "{}")]
    [InlineData("-a\"", "-a\",\"hash\":\"sha256:00\"")]
    [InlineData("-a\"", "-a\",\"path\":\"/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a\"")]
    [InlineData("{\"rdrv", "{\"from_ia\":false,\"rdrv")]
    [InlineData("{\"rdrv", "{\"from_ia\":true,\"rdrv")]
    public void Admit_of_another_payload_is_refused(string from, string to) =>
        BundleTests.AssertMalformed(SignedText.Jws(Header, Payload.Replace(from, to, StringComparison.Ordinal), TraceSamples.Key));

    [Fact]
    public void Admit_of_a_changed_last_character_is_refused()
    {
        var element = SignedText.Jws(Header, Payload, TraceSamples.Key);
        // The last of 86 characters carries two bits: a change of a used one is a wrong signature, of an unused one not canonical.
        element[^2] ^= 1;
        BundleTests.AssertFault(TraceFault.BadSignature, element);
    }

    [Fact]
    public void Admit_of_a_key_that_was_not_asked_for_is_counted_as_that() =>
        BundleTests.AssertFault(TraceFault.UnknownSigner, TraceSamples.Sign(TraceFormat.Jws2, key: TraceSamples.OtherKey));

    [Fact]
    public void Admit_of_a_kid_of_our_key_under_a_foreign_signature_is_refused() =>
        BundleTests.AssertFault(TraceFault.BadSignature, SignedText.Jws(Header, Payload, TraceSamples.OtherKey));

    [Fact]
    public void Sign_writes_what_laut_writes()
    {
        var parts = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Jws2)).Split('.');
        Assert.Equal(
            """{"alg":"EdDSA","crv":"Ed25519","detachHash":"nix-ca-path","kid":"builder:324be2dea8bc4446","type":"laut","v":"2"}""",
            Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(parts[0]))
        );
        Assert.Equal(
            """
            {"builder":{"nix_flavor":"nix","nix_version":"2.34.8","rebuild_id":42,"store_root":"/nix/store"},
            "in":{"rdrv_aterm_ca":"gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r"},
            "out":{"nix":{
            "dev":{"hash":"DEV","hashAlgo":"sha256","method":"nar","path":"/nix/store/zyxf9hpfkh9f93jnzw31nlzqjaq6skgg-a-dev"},
            "out":{"hash":"OUT","hashAlgo":"sha256","method":"nar","path":"/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a"}}}}
            """.Replace("\n", "", StringComparison.Ordinal).Replace("DEV", Hash(1), StringComparison.Ordinal).Replace(
                "OUT",
                Hash(0),
                StringComparison.Ordinal
            ),
            Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(parts[1]))
        );
    }

    [Fact]
    public void Sign_of_what_a_JWS_cannot_say_is_an_error()
    {
        Assert.Throws<ArgumentException>(() =>
            TraceSamples.Sign(TraceFormat.Jws2, TraceSamples.Statement with { Regime = TraceRegime.SyntheticContentAddressed })
        );
        Assert.Throws<ArgumentException>(() => TraceSamples.Sign(TraceFormat.Jws3, TraceSamples.Statement with { Built = false }));
    }

    static string Hash(int output) => Quorate.Nix.NarHash.ToNix32(TraceSamples.Statement.Outputs[output].NarHash);
}
