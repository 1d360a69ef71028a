using System.Net;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix.Realisations;
using Quorate.Node.Hosting;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>A gate for build traces when what it is to believe changes while it runs.</summary>
public sealed class GateReloadTests
{
    static readonly string s_top = DrvOutputId.Of(TraceScene.ResolvedTop, "out").CachePath;

    [Fact]
    public async Task Stricter_trust_file_holds_at_once()
    {
        await using var scene = await ClaimedByAmyAsync("1 of (amy, ben)");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene));

        scene.Trust("2 of (amy, ben)");
        await scene.Consumer.ReloadAsync();

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene));
    }

    [Fact]
    public async Task Looser_trust_file_holds_at_once()
    {
        await using var scene = await ClaimedByAmyAsync("2 of (amy, ben)");
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene));

        scene.Trust("1 of (amy, ben)");
        await scene.Consumer.ReloadAsync();

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene));
    }

    [Fact]
    public async Task Trust_file_that_only_names_another_log_holds_at_once()
    {
        await using var scene = await LogScene.StartAsync();
        scene.Trust("amy where logged", scene.LogId("amy"));
        await scene.Consumer.ReloadAsync();
        await scene.ClaimAllAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene));

        scene.Trust("amy where logged", scene.LogId("ben"));
        await scene.Consumer.ReloadAsync();

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene));
    }

    [Fact]
    public async Task Changed_trust_file_means_nothing_before_a_reload()
    {
        await using var scene = await ClaimedByAmyAsync("1 of (amy, ben)");

        scene.Trust("2 of (amy, ben)");

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene));
    }

    [Theory]
    [InlineData("rule: \"2 of (amy, ben\"\n", "trust.yaml")]
    [InlineData("rule: \"carol\"\nbuilders: { amy: { keys: [] } }\n", "trust.yaml")]
    [InlineData(null, "trust.yaml")]
    public async Task Broken_trust_file_keeps_the_old_one_and_is_told(string? text, string named)
    {
        await using var scene = await ClaimedByAmyAsync("1 of (amy, ben)");
        var gate = scene.GateUrl;
        if (text is null)
        {
            File.Delete(scene.TrustFile);
        }
        else
        {
            await File.WriteAllTextAsync(scene.TrustFile, text, TestContext.Current.CancellationToken);
        }

        var error = await Assert.ThrowsAsync<StartException>(scene.Consumer.ReloadAsync);

        Assert.True(error.IsOldRestored);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(
            scene.Consumer.LogLines,
            line => line.Contains("Reload refused, the old configuration stays", StringComparison.Ordinal)
        );
        Assert.Equal((gate, HttpStatusCode.OK), (scene.GateUrl, await StatusAsync(scene)));
    }

    [Fact]
    public async Task Trust_file_of_a_refused_reload_does_not_hold()
    {
        await using var scene = await ClaimedByAmyAsync("2 of (amy, ben)");
        scene.Trust("1 of (amy, ben)");
        // An address that this machine has not: the gate has made way for the new one when that shows.
        scene.Consumer.Configure(
            scene.Configuration().Replace("http://127.0.0.1:0\n    signing", "http://192.0.2.1:8098\n    signing", StringComparison.Ordinal)
        );

        var error = await Assert.ThrowsAsync<StartException>(scene.Consumer.ReloadAsync);

        Assert.Contains("192.0.2.1", error.Message, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene));
    }

    [Fact]
    public async Task Claim_key_that_was_taken_from_the_configuration_counts_no_more()
    {
        await using var scene = await ClaimedByAmyAsync("1 of (amy, ben)");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene));
        using var other = Ed25519PrivateKey.Generate();

        scene.Consumer.Configure(scene.Configuration(amysKey: new NixCachePublicKey("amy-2", other.PublicKey).ToString()));
        await scene.Consumer.ReloadAsync();

        // The trust file still has the key; that the log's claims are amy's is what the configuration says.
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene));
    }

    static async Task<LogScene> ClaimedByAmyAsync(string rule)
    {
        var scene = await LogScene.StartAsync(rule: rule);
        await scene.ClaimAsync("amy", TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.SyncAsync();
        return scene;
    }

    static async Task<HttpStatusCode> StatusAsync(LogScene scene) => (await scene.AskAsync(s_top)).Status;
}
