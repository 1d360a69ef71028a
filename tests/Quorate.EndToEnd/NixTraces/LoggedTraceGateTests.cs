using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// The whole way: builders' hooks sign into the logs of their nodes, a consumer's node mirrors these logs, and real Nix installs through its gate what
/// the mirrors bear out, while the cache behind it lies.
/// </summary>
public sealed class LoggedTraceGateTests
{
    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.")]
    public async Task Gate_that_follows_two_builders_gives_the_honest_result(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await using var amy = await BuilderNode.StartAsync(lab, "amy");
        await using var ben = await BuilderNode.StartAsync(lab, "ben");
        foreach (var builder in new[] { amy, ben })
        {
            await lab.BuildAsync(builder.Store, "c");
            await builder.FlushAsync();
        }
        await lab.TrustAsync("2 of (amy, ben)", amy.ClaimKey, ben.ClaimKey);
        // Not the store with the hook: what is forged there is nobody's claim.
        var cache = await ForgedCache.MakeAsync(lab, lab.Builder("mallory"));
        await using var gate = await GateProcess.FollowAsync(folder, cache.Url, lab.TrustFile, amy, ben);

        var (installed, messages) = await lab.BuildAsync(lab.Consumer("victim", gate.Url, gate.PublicKey), "c");

        Assert.Equal(cache.Honest, installed);
        Assert.False(messages.Contains("building '", StringComparison.Ordinal), messages + gate.Log);
        Assert.Contains($"copying path '{cache.Honest}' from '{gate.Url}'", messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gate_whose_rule_asks_for_a_witness_serves_nothing_until_it_vouches()
    {
        var nix = await NixInstallation.FindAsync("sid", "2.");
        using var folder = new TemporaryFolder();
        var lab = new TraceLab(nix, folder);
        await using var witness = await WitnessProcess.PrepareAsync(folder);
        await using var amy = await BuilderNode.StartAsync(lab, "amy", witness);
        await using var ben = await BuilderNode.StartAsync(lab, "ben", witness);
        foreach (var builder in new[] { amy, ben })
        {
            await lab.BuildAsync(builder.Store, "c");
            await builder.FlushAsync();
        }
        await File.WriteAllTextAsync(lab.TrustFile, WitnessedTrust(witness, amy, ben), TestContext.Current.CancellationToken);
        var cache = await ForgedCache.MakeAsync(lab, lab.Builder("mallory"));
        await using var gate = await GateProcess.FollowAsync(folder, cache.Url, lab.TrustFile, witness, amy, ben);

        var (_, before) = await lab.BuildAsync(lab.Consumer("early", gate.Url, gate.PublicKey), "c");
        await witness.StartAsync(amy, ben);
        await gate.UntilWitnessedAsync();
        var (installed, after) = await lab.BuildAsync(lab.Consumer("late", gate.Url, gate.PublicKey), "c");

        Assert.True(before.Contains("building '", StringComparison.Ordinal), before + gate.Log);
        Assert.DoesNotContain("copying path", before, StringComparison.Ordinal);
        Assert.Equal(cache.Honest, installed);
        Assert.False(after.Contains("building '", StringComparison.Ordinal), after + gate.Log);
    }

    static string WitnessedTrust(WitnessProcess witness, params IEnumerable<BuilderNode> builders) =>
        "rule: \"2 of (amy where witnessed(1), ben where witnessed(1))\"\n"
        + $"witnesses: {{ wit: {{ key: \"{witness.Key}\" }} }}\n"
        + "builders:\n"
        + string.Concat(
            builders.Select(b =>
                $"  {b.Name}: {{ keys: [\"{b.ClaimKey}\"], log: {b.TraceLog.Text}, witnesses: {{ require: 1, of: [wit] }} }}\n"
            )
        );
}
