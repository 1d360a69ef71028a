using System.Net;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>The gate with nothing but logs of build traces: where it finds what an identifier is about, and that it counts what they hold.</summary>
public sealed class GateOverLogsTests
{
    static DrvOutputId TopId => DrvOutputId.Of(TraceScene.ResolvedTop, "out");

    static BuildTraceKey TopKey => new(TraceScene.ResolvedTop.Path, "out");

    [Fact]
    public async Task Realisation_is_answered_from_mirrored_logs()
    {
        await using var scene = await LogScene.StartAsync();
        await scene.ClaimAllAsync();

        var (status, verdict, body) = await scene.AskAsync(TopId.CachePath);

        Assert.Equal((HttpStatusCode.OK, "accepted"), (status, verdict));
        var realisation = Realisation.Parse(body, StorePath.DefaultStoreDir);
        Assert.Equal((TopId, TraceScene.TopInfo.StorePath), (realisation.Id, realisation.OutPath));
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Entry_is_answered_from_followed_logs(string mode)
    {
        await using var scene = await LogScene.StartAsync(mode);
        await scene.ClaimAllAsync();

        var (status, _, body) = await scene.AskAsync(TopKey.CachePath);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(BuildTraceEntry.TryParseValue(body, TopKey, out var entry, out var problem), problem);
        Assert.Equal(TraceScene.TopInfo.StorePath, entry.OutPath);
    }

    [Fact]
    public async Task Realisation_is_answered_after_a_restart_without_any_builder()
    {
        await using var scene = await LogScene.StartAsync();
        await scene.ClaimAllAsync();
        Assert.Equal(HttpStatusCode.OK, (await scene.AskAsync(TopId.CachePath)).Status);
        await scene.StopBuildersAsync();

        await scene.Consumer.RestartAsync();

        Assert.Equal(HttpStatusCode.OK, (await scene.AskAsync(TopId.CachePath)).Status);
    }

    [Fact]
    public async Task Claim_that_is_logged_later_is_counted()
    {
        await using var scene = await LogScene.StartAsync();
        await scene.ClaimAsync("amy", TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.SyncAsync();
        Assert.Equal((HttpStatusCode.NotFound, "rejected"), Said(await scene.AskAsync(TopId.CachePath)));

        await scene.ClaimAsync("ben", TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.SyncAsync();

        // A refusal is believed for two seconds.
        await Quorate.Testing.TestNode.UntilAsync(
            async () => (await scene.AskAsync(TopId.CachePath)).Status == HttpStatusCode.OK,
            "the second claim counts"
        );
    }

    [Theory]
    [InlineData("mirror", """before("2100-01-01")""", HttpStatusCode.OK)]
    [InlineData("mirror", """before("2000-01-01")""", HttpStatusCode.NotFound)]
    [InlineData("mirror", """fresh("1h")""", HttpStatusCode.OK)]
    [InlineData("query", """before("2100-01-01")""", HttpStatusCode.OK)]
    [InlineData("query", """before("2000-01-01")""", HttpStatusCode.NotFound)]
    [InlineData("query", """fresh("1h")""", HttpStatusCode.OK)]
    public async Task Condition_on_a_log_is_judged_by_what_the_node_keeps_of_it(string mode, string condition, HttpStatusCode expected)
    {
        await using var scene = await LogScene.StartAsync(mode);
        scene.Trust("amy where " + condition, scene.LogId("amy"));
        await scene.Consumer.ReloadAsync();
        await scene.ClaimAllAsync();

        Assert.Equal(expected, (await scene.AskAsync(TopKey.CachePath)).Status);
    }

    [Fact]
    public async Task Condition_never_holds_where_the_trust_file_names_witnesses_that_the_node_does_not_ask()
    {
        await using var scene = await LogScene.StartAsync();
        using var witness = Ed25519PrivateKey.Generate();
        var key = NoteVerifierKey.Cosignature("wim.example", witness.PublicKey).ToString();
        scene.Trust("""amy where fresh("1h")""", scene.LogId("amy"), key);
        await scene.Consumer.ReloadAsync();
        await scene.ClaimAllAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await scene.AskAsync(TopKey.CachePath)).Status);
    }

    [Fact]
    public async Task Identifier_that_no_log_knows_is_unknown()
    {
        await using var scene = await LogScene.StartAsync();
        await scene.ClaimAllAsync();

        Assert.Equal((HttpStatusCode.NotFound, "unknown"), Said(await scene.AskAsync(TraceScene.UnresolvedTopId.CachePath)));
    }

    [Fact]
    public async Task Builders_that_contradict_each_other_are_a_refusal()
    {
        await using var scene = await LogScene.StartAsync();
        await scene.ClaimAsync("amy", TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.ClaimAsync("ben", TraceScene.ResolvedTop, ("out", TraceScene.Content("top", "other").StorePath));
        await scene.SyncAsync();

        Assert.Equal((HttpStatusCode.NotFound, "rejected"), Said(await scene.AskAsync(TopKey.CachePath)));
    }

    static (HttpStatusCode, string) Said((HttpStatusCode Status, string Verdict, byte[] Body) answer) => (answer.Status, answer.Verdict);
}
