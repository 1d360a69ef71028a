using System.Text;
using Quorate.Trust;
using Quorate.Trust.Rules;

namespace Quorate.Fuzz.Targets;

sealed class TrustRuleTarget : IFuzzTarget
{
    static readonly RuleContext s_context = new(
        "test",
        [
            new BuilderSource("alice", "alice", "log-alice", ClaimOrigin.LoggedBuilt),
            new BuilderSource("bob", "bob", "log-bob", ClaimOrigin.LoggedRelayed),
            new BuilderSource("2nd", "2nd", null, ClaimOrigin.SignedCache),
        ],
        ["debian"]
    );

    public string Name => "trust-rule";

    public IEnumerable<byte[]> Seeds =>
        [
            "2 of (alice, bob, \"2nd\")"u8.ToArray(),
            "alice and (bob or \"2nd\" where logged)"u8.ToArray(),
            "all of (alice where until_index(alice, 12), bob) where before(\"2026-05-01T00:00:00Z\")"u8.ToArray(),
            "any of (alice where built where witnessed(2), debian)"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        if (!TrustRule.TryParse(text, s_context, contestedByMajority: false, out var rule, out var error))
        {
            var lines = text.Split('\n');
            FuzzException.ThrowUnless(
                error.Line >= 1 && error.Line <= lines.Length && error.Column >= 1 && error.Column <= lines[error.Line - 1].Length + 1,
                "an error points outside the rule"
            );
            return;
        }
        FuzzException.ThrowUnless(
            TrustRule.TryParse(rule.Text, s_context, contestedByMajority: false, out var again, out _) && again.Text == rule.Text,
            "an accepted rule does not print itself"
        );
        var decision = rule.Decide([], DateTimeOffset.UnixEpoch);
        FuzzException.ThrowUnless(decision.Verdict != Verdict.Accepted, "a rule accepts what nobody claims");
    }
}
