using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Sources.Script;
using Quorate.Testing;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Xunit;

namespace Quorate.Conformance.TrustixDecide;

/// <summary>
/// Every recorded decision of a Go Trustix over three logs, made again by our engines. An answer is written as the logs that carried it,
/// what they said and the confidence, or "refused". Where ours differs on purpose, the table below says so; nothing else may differ.
/// </summary>
public sealed class TrustixDecideTests
{
    const string Exact = "Trustix rounds 100 / 3 down before it multiplies; ours counts exactly: 3 of 3 is 100 %, 2 of 3 is 66 %";
    const string Denominator =
        "Trustix divides by the logs that answered; ours by the configured ones, so blocking a log raises nobody's share";
    const string Tie = "Trustix takes a random one of equal shares; ours refuses a contested answer";
    const string Script = "Trustix always reports a script's confidence as 1; ours is the share of configured builders that agree";
    const string Order =
        "Trustix hands a script its inputs in random order, so its tie-break is random; ours in configuration order (and its confidence is the share, not 1)";
    const string Chain = "the percentage that Trustix reached by its denominator is not reached here, so the next engine decides";

    // config, case, Trustix's answer, ours, why.
    static readonly (string Config, string Case, string Trustix, string Ours, string Why)[] Differences =
    [
        ("d-agg", "all-agree", "1,2,3 say value A (99)", "1,2,3 say value A (100)", Exact),
        ("d-agg", "only-log1", "1 say value A (100)", "refused", Chain),
        ("d-js0", "all-agree", "1,2,3 say value A (1)", "1,2,3 say value A (100)", Script),
        ("d-js0", "two-vs-one", "1,2 say value A (1)", "1,2 say value A (66)", Script),
        ("d-js0", "one-vs-two", "2,3 say value A (1)", "2,3 say value A (66)", Script),
        ("d-js0", "three-way", "2 say value B (1)", "1 say value A (33)", Order),
        ("d-js0", "two-of-three-agree-one-missing", "1,2 say value A (1)", "1,2 say value A (66)", Script),
        ("d-js0", "two-disagree-one-missing", "1 say value A (1)", "1 say value A (33)", Script),
        ("d-js0", "only-log1", "1 say value A (1)", "1 say value A (33)", Script),
        ("d-js0", "only-log2", "2 say value A (1)", "2 say value A (33)", Script),
        ("d-pct33", "all-agree", "1,2,3 say value A (99)", "1,2,3 say value A (100)", Exact),
        ("d-pct33", "three-way", "2 say value B (33)", "refused", Tie),
        ("d-pct33", "two-of-three-agree-one-missing", "1,2 say value A (100)", "1,2 say value A (66)", Denominator),
        ("d-pct33", "two-disagree-one-missing", "2 say value B (50)", "refused", Tie),
        ("d-pct33", "only-log1", "1 say value A (100)", "1 say value A (33)", Denominator),
        ("d-pct33", "only-log2", "2 say value A (100)", "2 say value A (33)", Denominator),
        ("d-pct50", "all-agree", "1,2,3 say value A (99)", "1,2,3 say value A (100)", Exact),
        ("d-pct50", "two-of-three-agree-one-missing", "1,2 say value A (100)", "1,2 say value A (66)", Denominator),
        ("d-pct50", "two-disagree-one-missing", "1 say value A (50)", "refused", Denominator),
        ("d-pct50", "only-log1", "1 say value A (100)", "refused", Denominator),
        ("d-pct50", "only-log2", "2 say value A (100)", "refused", Denominator),
        ("d-pct50-log3down", "all-agree", "1,2 say value A (100)", "1,2 say value A (66)", Denominator),
        ("d-pct50-log3down", "two-vs-one", "1,2 say value A (100)", "1,2 say value A (66)", Denominator),
        ("d-pct50-log3down", "one-vs-two", "1 say value B (50)", "refused", Denominator),
        ("d-pct50-log3down", "three-way", "1 say value A (50)", "refused", Denominator),
        ("d-pct50-log3down", "two-of-three-agree-one-missing", "1,2 say value A (100)", "1,2 say value A (66)", Denominator),
        ("d-pct50-log3down", "two-disagree-one-missing", "2 say value B (50)", "refused", Denominator),
        ("d-pct50-log3down", "only-log1", "1 say value A (100)", "refused", Denominator),
        ("d-pct50-log3down", "only-log2", "2 say value A (100)", "refused", Denominator),
        ("d-pct67", "all-agree", "1,2,3 say value A (99)", "1,2,3 say value A (100)", Exact),
        ("d-pct67", "two-of-three-agree-one-missing", "1,2 say value A (100)", "refused", Denominator),
        ("d-pct67", "only-log1", "1 say value A (100)", "refused", Denominator),
        ("d-pct67", "only-log2", "2 say value A (100)", "refused", Denominator),
        ("d-pct99", "all-agree", "1,2,3 say value A (99)", "1,2,3 say value A (100)", Exact),
        ("d-pct99", "two-of-three-agree-one-missing", "1,2 say value A (100)", "refused", Denominator),
        ("d-pct99", "only-log1", "1 say value A (100)", "refused", Denominator),
        ("d-pct99", "only-log2", "2 say value A (100)", "refused", Denominator),
    ];

    [Theory]
    [InlineData("d-pct33")]
    [InlineData("d-pct50")]
    [InlineData("d-pct50-log3down")]
    [InlineData("d-pct67")]
    [InlineData("d-pct99")]
    [InlineData("d-logid")]
    [InlineData("d-agg")]
    [InlineData("d-js")]
    [InlineData("d-js0")]
    public async Task Recorded_decisions_are_made_again(string config)
    {
        var interpreter = new DukScriptEngine(TimeProvider.System);
        Assert.SkipUnless(
            interpreter.IsInstalled || !config.Contains("js", StringComparison.Ordinal),
            "the Debian package 'duktape' is not installed"
        );
        using var recorded = JsonDocument.Parse(
            await File.ReadAllBytesAsync(Vectors.Find($"trustix/decide/{config}.json"), TestContext.Current.CancellationToken)
        );
        var logs = recorded.RootElement.GetProperty("logIDs").EnumerateArray().Select(id => id.GetString()!).ToList();
        var toml = await File.ReadAllTextAsync(
            Vectors.Find($"trustix/decide/{config.Replace("-log3down", "", StringComparison.Ordinal)}.toml"),
            TestContext.Current.CancellationToken
        );
        string[] builders = ["1", "2", "3"];
        var chain = new EngineChain(TrustixConfig.Deciders(toml, id => builders[logs.IndexOf(id)]), builders, interpreter);

        List<string> unexpected = [];
        var used = 0;
        foreach (var recordedCase in recorded.RootElement.GetProperty("cases").EnumerateArray())
        {
            var name = recordedCase.GetProperty("case").GetString()!;
            var testimonies = recordedCase
                .GetProperty("values")
                .EnumerateArray()
                .Select(
                    (value, i) =>
                        Testify(builders[i], logs[i], value.GetString(), config.EndsWith("log3down", StringComparison.Ordinal) && i == 2)
                )
                .ToList();
            var ours = Show(await chain.DecideAsync(testimonies, TestContext.Current.CancellationToken));
            var trustix = Show(recordedCase.GetProperty("response_json"), logs);
            var intended = Differences.Where(d => d.Config == config && d.Case == name).ToList();
            used += intended.Count;
            if (intended.Count == 0 ? ours != trustix : intended[0].Trustix != trustix || intended[0].Ours != ours)
            {
                unexpected.Add($"(\"{config}\", \"{name}\", \"{trustix}\", \"{ours}\", ),");
            }
        }
        Assert.True(unexpected.Count == 0, string.Join("\n", unexpected));
        Assert.Equal(Differences.Count(d => d.Config == config), used);
    }

    static Testimony Testify(string builder, string logId, string? value, bool isDown)
    {
        if (isDown)
        {
            return new Testimony.Unavailable(builder, "remote down");
        }
        if (value is null)
        {
            return new Testimony.Silent(builder);
        }
        var raw = new RawEvidence(Encoding.UTF8.GetBytes(value));
        Assert.True(new OpaqueClaimFormat().TryParse(default, raw.Bytes, out var outputs, out _));
        var claim = new Claim(new BuildInput(Protocol.Nix, default), outputs!, builder, ClaimOrigin.LoggedBuilt, raw);
        return new Testimony.Given(builder, new Evidence(claim, new LogPosition(logId, 0, 1), DateTimeOffset.UnixEpoch, []));
    }

    static string Show(Decision decision) =>
        decision.Accepted is { } accepted
            ? $"{string.Join(',', decision.Supporters)} say {Encoding.UTF8.GetString(accepted.Claim.Raw.Bytes.Span)} ({decision.Confidence})"
            : "refused";

    static string Show(JsonElement response, List<string> logs)
    {
        if (!response.TryGetProperty("Decision", out var decision))
        {
            return "refused";
        }
        var supporters = decision.GetProperty("LogIDs").EnumerateArray().Select(id => logs.IndexOf(id.GetString()!) + 1).Order();
        var value = Encoding.UTF8.GetString(decision.GetProperty("Value").GetBytesFromBase64());
        Assert.Equal(Sha256Digest.HashData(Encoding.UTF8.GetBytes(value)).ToArray(), decision.GetProperty("Digest").GetBytesFromBase64());
        return $"{string.Join(',', supporters)} say {value} ({decision.GetProperty("Confidence").GetInt32()})";
    }
}
