using System.Text;
using Quorate.Core;
using Quorate.Node.Decisions;
using Quorate.Tests.Trust;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Decisions;

public sealed class DecisionJsonTests
{
    static string Json(Decision decision) => Encoding.UTF8.GetString(DecisionJson.Serialize(Heard.Input, decision));

    [Fact]
    public void Serialize_accepted_decision_has_the_documented_shape()
    {
        var cache = (Testimony.Given)"bob".Says("A/x", ClaimOrigin.SignedCache);
        var diverging = cache with { Evidence = cache.Evidence with { SelfDivergences = [Heard.Claim("bob", "B")] } };
        var decision = Heard.Rule("2 of (alice, bob, carol)").Decide(["alice".Says("A", index: 7), diverging, "carol".IsAway()], Heard.Now);
        var hash = Convert.ToBase64String(Sha256Digest.HashData("A"u8).AsSpan());
        var outputs = $$$"""{"out":{"hash":"sha256-{{{hash}}}","size":null,"references":null}}""";
        var digest = Sha256Digest.HashData("A"u8);
        var spelled = Sha256Digest.HashData("A/x"u8);
        var later = Sha256Digest.HashData("B"u8);
        Assert.Equal(
            $$"""
            {"verdict":"accepted","protocol":"test","key":"input","keyHex":"696e707574","engine":"2 of (alice, bob, carol)","confidence":66,
            "accepted":{"digest":"{{digest}}","outputs":{{outputs}},"value":"QQ=="},
            "supporters":["alice","bob"],
            "testimonies":[
            {"builder":"alice","status":"supports","origin":"built","logId":"log-alice","index":7,"treeSize":8,"firstSeen":"2026-05-31T12:00:00Z",
            "digest":"{{digest}}","outputs":{{outputs}},"reason":null,"selfDivergences":[]},
            {"builder":"bob","status":"supports","origin":"cache","logId":null,"index":null,"treeSize":null,"firstSeen":"2026-05-31T12:00:00Z",
            "digest":"{{spelled}}","outputs":{{outputs}},"reason":null,"selfDivergences":[{"digest":"{{later}}"}]},
            {"builder":"carol","status":"unavailable","origin":null,"logId":null,"index":null,"treeSize":null,"firstSeen":null,
            "digest":null,"outputs":null,"reason":"never synchronised","selfDivergences":[]}],
            "reasons":["2 of 3 needed, 2 have it: alice and bob",
            "bob contradicts itself: a later claim differs from its first, which is its vote","carol is unavailable: never synchronised"]}
            """.ReplaceLineEndings(""),
            Json(decision)
        );
    }

    [Fact]
    public void Serialize_undecided_shows_builders_for_and_against_the_best_supported()
    {
        var decision = Heard.Rule("3 of (alice, bob, carol)").Decide(["alice".Says("B"), "bob".Says("A"), "carol".Says("A")], Heard.Now);
        var statuses = System
            .Text.RegularExpressions.Regex.Matches(Json(decision), "\"status\":\"([a-z]+)\"")
            .Select(match => match.Groups[1].Value);
        Assert.Equal(["dissents", "supports", "supports"], statuses);
    }

    [Fact]
    public void Serialize_agreeing_vote_that_does_not_count_says_so()
    {
        var decision = Heard
            .Rule("alice or bob where built")
            .Decide(["alice".Says("A"), "bob".Says("A", ClaimOrigin.LoggedRelayed)], Heard.Now);
        Assert.Contains("\"reason\":\"agrees, but its vote does not count\"", Json(decision), StringComparison.Ordinal);
    }

    [Fact]
    public void Serialize_decision_without_any_claim_is_well_formed()
    {
        var decision = Heard.Rule("alice").Decide(["alice".SaysNothing()], Heard.Now);
        Assert.Contains("\"verdict\":\"inconclusive\"", Json(decision), StringComparison.Ordinal);
    }

    [Fact]
    public void Serialize_key_that_is_no_text_is_shown_in_hex_only()
    {
        var input = new BuildInput(Protocol.Test, new byte[] { 0xff, 0x00 });
        var decision = Heard.Rule("alice").Decide(["alice".SaysNothing()], Heard.Now);
        var json = Encoding.UTF8.GetString(DecisionJson.Serialize(input, decision));
        Assert.Contains("\"key\":null,\"keyHex\":\"ff00\"", json, StringComparison.Ordinal);
    }
}
