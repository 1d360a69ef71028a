using System.Text;
using Quorate.Core;
using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Trust;

/// <summary>Short ways to say what builders said.</summary>
static class Heard
{
    public static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly BuildInput Input = new(Protocol.Test, "input"u8.ToArray());

    public static RuleContext Context(params string[] builders) =>
        new("test", [.. builders.Select(b => new BuilderSource(b, b, $"log-{b}", ClaimOrigin.LoggedBuilt, Witnesses: 3))], []);

    public static TrustRule Rule(string text, RuleContext context, bool majority = false)
    {
        Assert.True(TrustRule.TryParse(text, context, majority, out var rule, out var error), error?.ToString());
        return rule;
    }

    public static TrustRule Rule(string text, bool majority = false) =>
        Rule(text, Context("alice", "bob", "carol", "dan", "erin", "frank"), majority);

    public static RuleError Error(string text, RuleContext context)
    {
        Assert.False(TrustRule.TryParse(text, context, false, out _, out var error), "the rule was accepted");
        return error;
    }

    public static RuleError Error(string text) => Error(text, Context("alice", "bob", "carol", "dan", "erin", "frank"));

    public static Claim Claim(string builder, string value, ClaimOrigin origin = ClaimOrigin.LoggedBuilt)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        // Text after a slash is spelling, not meaning.
        var meaning = Encoding.UTF8.GetBytes(value.Split('/')[0]);
        var outputs = OutputMap.Single("out", new Output(Sha256Digest.HashData(meaning)));
        return new Claim(Input, outputs, builder, origin, new RawEvidence(bytes));
    }

    public static Testimony Says(
        this string builder,
        string value,
        ClaimOrigin origin = ClaimOrigin.LoggedBuilt,
        ulong index = 0,
        DateTimeOffset? firstSeen = null,
        string? log = null,
        WitnessStatus? witnessing = null
    ) =>
        new Testimony.Given(
            builder,
            new Evidence(
                Claim(builder, value, origin),
                origin == ClaimOrigin.SignedCache ? null : new LogPosition(log ?? $"log-{builder}", index, index + 1),
                firstSeen ?? Now.AddDays(-1),
                []
            )
            {
                Witnessing = origin == ClaimOrigin.SignedCache ? null : witnessing ?? new WitnessStatus(0, null),
            }
        );

    public static Testimony SaysNothing(this string builder) => new Testimony.Silent(builder);

    public static Testimony IsAway(this string builder) => new Testimony.Unavailable(builder, "never synchronised");

    public static Testimony Garbles(this string builder) => new Testimony.Malformed(builder, "narSize is not a number");
}
