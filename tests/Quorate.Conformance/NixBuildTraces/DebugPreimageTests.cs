using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Testing;
using Xunit;

namespace Quorate.Conformance.NixBuildTraces;

/// <summary>The debugging preimages of laut's own claims, against those that this program writes about the same builds.</summary>
public sealed class DebugPreimageTests
{
    /// <summary>laut's newer signer has no JSON of the derivation any more, because Nix prints another one in every other version.</summary>
    const string Dropped = "rdrv_json_preimage";

    [Fact]
    public void Preimages_of_all_builds_are_those_of_the_fixtures()
    {
        using var key = NixCacheSecretKey.Generate("builder");
        var form = new ClaimForm { Format = TraceFormat.Jws2, WithPreimage = true };
        var signer = new TraceSigner(key, form, new Dictionary<string, string>(StringComparer.Ordinal));
        var compared = 0;
        foreach (var file in Directory.GetFiles(Vectors.Find("nix-build-traces/traces"), "*", SearchOption.AllDirectories))
        {
            using var trace = JsonDocument.Parse(File.ReadAllBytes(file));
            foreach (var signature in trace.RootElement.GetProperty("signatures").EnumerateArray())
            {
                using var claim = Payload(signature.GetString()!);
                var theirs = claim.RootElement.GetProperty("in").GetProperty("debug");
                using var own = Payload(Encoding.ASCII.GetString(signer.Sign(Build(theirs)).Element.Raw.Span));
                Assert.Equal(
                    Members(theirs, without: Dropped),
                    Members(own.RootElement.GetProperty("in").GetProperty("debug"), without: "")
                );
                compared++;
            }
        }
        Assert.Equal(314, compared);
    }

    static ExaminedBuild.Sound Build(JsonElement debug)
    {
        var path = StorePath.Parse(debug.GetProperty("rdrv_path").GetString());
        return new ExaminedBuild.Sound(
            path,
            TraceRegime.ContentAddressed,
            Encoding.UTF8.GetBytes(debug.GetProperty("rdrv_aterm_ca_preimage").GetString()!),
            ResolvedInputHash.Of(path),
            Sources: [],
            // What was built is not what is compared.
            [new SignedOutput("out", path, Sha256Digest.Zero)],
            Facts: []
        );
    }

    static JsonDocument Payload(string jws)
    {
        var payload = jws.Split('.')[1].Replace('-', '+').Replace('_', '/');
        return JsonDocument.Parse(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
    }

    static SortedDictionary<string, string> Members(JsonElement debug, string without)
    {
        var members = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in debug.EnumerateObject().Where(member => member.Name != without))
        {
            members.Add(member.Name, member.Value.GetString()!);
        }
        return members;
    }
}
