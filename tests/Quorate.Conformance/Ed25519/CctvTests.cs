using System.Text;
using System.Text.Json;
using Quorate.Crypto;
using Quorate.Testing;
using Xunit;

namespace Quorate.Conformance.Ed25519;

/// <summary>
/// C2SP's edge cases of Ed25519. They are signatures that some implementations accept; which ones we accept is pinned, so that two verifiers
/// of one log never disagree and a change of the library shows.
/// </summary>
public sealed class CctvTests
{
    [Fact]
    public void Exactly_43_of_914_edge_cases_are_accepted()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find("ed25519/cctv.json")));
        var total = 0;
        var accepted = 0;
        foreach (var vector in document.RootElement.EnumerateArray())
        {
            total++;
            if (!Verifies(vector))
            {
                continue;
            }
            accepted++;
            string?[] forbidden = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R"];
            var flags = vector.GetProperty("flags");
            var found = flags.ValueKind == JsonValueKind.Array ? flags.EnumerateArray().Select(flag => flag.GetString()) : [];
            Assert.Empty(found.Intersect(forbidden));
        }
        Assert.Equal((914, 43), (total, accepted));
    }

    static bool Verifies(JsonElement vector) =>
        Ed25519PublicKey.TryCreate(Convert.FromHexString(vector.GetProperty("key").GetString()!), out var key)
        && key.Verify(
            Encoding.UTF8.GetBytes(vector.GetProperty("msg").GetString()!),
            Convert.FromHexString(vector.GetProperty("sig").GetString()!)
        );
}
