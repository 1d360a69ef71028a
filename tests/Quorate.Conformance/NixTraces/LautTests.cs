using System.Text;
using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Testing;
using Xunit;

namespace Quorate.Conformance.NixTraces;

/// <summary>laut's own fixtures: 157 resolved derivations of <c>hello</c>, each signed by Nix 2.28.3 and Lix 2.91.1.</summary>
public sealed class LautTests
{
    [Fact]
    public void All_314_signatures_verify_and_name_the_file_that_they_are_in()
    {
        var admission = new TraceAdmission(Keys("A", "B"));
        var claims = 0;
        foreach (var file in Files())
        {
            var findings = Admit(admission, file, ResolvedInputHash.Parse(Path.GetFileName(file)), file);
            Assert.Equal(0, findings.Refused);
            Assert.Equal(2, findings.Claims.Count);
            Assert.Equal(
                findings.Claims[0].Outputs.Select(output => output.Path),
                findings.Claims[1].Outputs.Select(output => output.Path)
            );
            Assert.NotEqual(findings.Claims[0].Signer, findings.Claims[1].Signer);
            claims += findings.Claims.Count;
        }
        Assert.Equal(314, claims);
    }

    [Fact]
    public void Builders_say_which_Nix_they_ran()
    {
        var file = Files()[0];
        var findings = Admit(new TraceAdmission(Keys("A")), file, ResolvedInputHash.Parse(Path.GetFileName(file)), file);
        var provenance = TraceProvenance.Read(Assert.Single(findings.Claims).Evidence[0]);
        Assert.Equal(("nix", "2.28.3"), (provenance.Versions["nixFlavor"], provenance.Versions["nixVersion"]));
        Assert.Equal(1, findings.Count(TraceFault.UnknownSigner));
    }

    [Fact]
    public void A_file_under_another_name_is_about_another_input()
    {
        var files = Files();
        var swapped = Admit(new TraceAdmission(Keys("A", "B")), files[0], ResolvedInputHash.Parse(Path.GetFileName(files[1])), files[0]);
        Assert.Empty(swapped.Claims);
        Assert.Equal(2, swapped.Count(TraceFault.OtherInput));
    }

    [Fact]
    public void A_flipped_bit_anywhere_in_a_signature_is_refused()
    {
        var file = Files()[0];
        var question = Question(file, ResolvedInputHash.Parse(Path.GetFileName(file)));
        var jws = Elements(file)[0].ToArray();
        var admission = new TraceAdmission(Keys("A", "B"));
        for (var at = jws.AsSpan().LastIndexOf((byte)'.') + 1; at < jws.Length; at++)
        {
            jws[at] ^= 1;
            var findings = new TraceFindings();
            admission.Admit(TraceElement.Of(jws), question, findings);
            Assert.Empty(findings.Claims);
            jws[at] ^= 1;
        }
    }

    [Fact]
    public void The_builders_keys_are_named_as_in_their_signatures()
    {
        using var key = NixCacheSecretKey.Read(Vectors.Find("nix-build-traces/keys/builderA_key.private"), out _);
        Assert.Equal("builderA:diZIhvLSthXHFH+qz5dY/Fegz/u7Z+8aMekjrabc+fI=", key.PublicKey.ToString());
        Assert.StartsWith("bcda8d54470fea3b", TraceKeys.Thumbprint(key.PublicKey.Key), StringComparison.Ordinal);
    }

    static string[] Files() => [.. Directory.GetFiles(Vectors.Find("nix-build-traces/traces")).Order(StringComparer.Ordinal)];

    static TraceKeys Keys(params string[] builders) =>
        new(
            builders.Select(builder =>
                NixCachePublicKey.TryParse(
                    File.ReadAllText(Vectors.Find($"nix-build-traces/keys/builder{builder}_key.public")),
                    out var key
                )
                    ? key.Key
                    : throw new InvalidDataException(builder)
            )
        );

    static IReadOnlyList<ReadOnlyMemory<byte>> Elements(string file) => [.. Read(file).Elements.Select(element => element.Raw)];

    static TraceObject Read(string file) =>
        TraceObject.TryRead(File.ReadAllBytes(file), out var traces, out var problem) ? traces : throw new InvalidDataException(problem);

    static TraceFindings Admit(TraceAdmission admission, string file, ResolvedInputHash input, string questionOf)
    {
        var findings = new TraceFindings();
        admission.Admit(Read(file), Question(questionOf, input), findings);
        return findings;
    }

    /// <summary>Asks for the outputs that the first signer names: the derivations themselves are other tests' matter.</summary>
    static TraceQuestion Question(string file, ResolvedInputHash input)
    {
        var payload = Encoding.ASCII.GetString(Elements(file)[0].Span).Split('.')[1];
        using var document = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(payload));
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var output in document.RootElement.GetProperty("out").GetProperty("nix").EnumerateObject())
        {
            names[output.Name] = StorePath.Parse(output.Value.GetProperty("path").GetString()!).Name;
        }
        return new TraceQuestion(input, TraceRegime.ContentAddressed, names);
    }
}
