using System.Net;
using System.Text.Json;
using Quorate.Testing;
using Quorate.Tests.Log;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class SubscriptionTests
{
    static readonly Dictionary<string, byte> s_bob = new() { ["bob.key"] = 2 };

    const string Bob = """
        signers: { bob: { path: bob.key } }
        publish:
        - { name: bob, protocol: test, signer: bob }
        """;

    /// <summary>A poll interval that no test waits for: what is polled is polled at start or by hand.</summary>
    static string Following(string mode, params IReadOnlyList<string> remotes) =>
        $$"""
            follow:
            - { builder: bob, protocol: test, key: "{{TestNode.PublicKey(2)}}", remotes: [{{string.Join(
                ", ",
                remotes
            )}}], mode: {{mode}}, poll: 1h }
            trust: { test: { rule: bob } }
            """;

    static async Task<JsonElement> FollowedAsync(TestNode node) => (await node.GetAsync("/v1/logs")).GetProperty("followed")[0];

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Claim_of_a_followed_log_is_decided_by_the_follower(string mode)
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1"), ("b", "2")]);
        await using var consumer = await TestNode.StartAsync(Following(mode, bob.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");

        var present = await consumer.DecideAsync("test", "a");
        var absent = await consumer.DecideAsync("test", "c");

        Assert.True(present.GetProperty("verdict").GetString() == "accepted", present.GetRawText());
        Assert.Equal("silent", absent.GetProperty("testimonies")[0].GetProperty("status").GetString());
        var log = await FollowedAsync(consumer);
        Assert.Equal(mode, log.GetProperty("role").GetString());
        Assert.Equal(2UL, log.GetProperty("treeSize").GetUInt64());
        Assert.Equal(JsonValueKind.Null, log.GetProperty("status").GetProperty("fault").ValueKind);
    }

    [Fact]
    public async Task Mirror_decides_while_the_remote_is_down()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following("mirror", bob.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");
        await bob.StopAsync();

        await consumer.SyncAsync("bob");

        Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        Assert.NotEqual(JsonValueKind.Null, (await FollowedAsync(consumer)).GetProperty("status").GetProperty("fault").ValueKind);
        await bob.RestartAsync();
    }

    [Fact]
    public async Task Mirror_whose_disk_was_full_decides_meanwhile_and_goes_on_by_itself()
    {
        var disk = new FailingDisk();
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following("mirror", bob.PublicUrl.ToString()), disk: disk);
        await consumer.SyncAsync("bob");

        disk.Next = FailingDisk.Failure.ShortWrite;
        await bob.SubmitAsync("bob", [("b", "2")]);
        await consumer.SyncAsync("bob");

        var fault = (await FollowedAsync(consumer)).GetProperty("status").GetProperty("fault").GetString();
        Assert.Contains("No space left on device", fault, StringComparison.Ordinal);
        Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());

        disk.Next = null;
        await consumer.SyncAsync("bob");
        Assert.Equal("accepted", (await consumer.DecideAsync("test", "b")).GetProperty("verdict").GetString());
        Assert.Equal(JsonValueKind.Null, (await FollowedAsync(consumer)).GetProperty("status").GetProperty("fault").ValueKind);
    }

    [Fact]
    public async Task Mirror_survives_a_restart_of_the_follower()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following("mirror", bob.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");
        await bob.StopAsync();

        await consumer.RestartAsync();

        Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        await bob.RestartAsync();
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Second_remote_serves_when_the_first_is_dead(string mode)
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following(mode, "http://127.0.0.1:1", bob.PublicUrl.ToString()));

        await consumer.SyncAsync("bob");

        Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Fault_names_its_remote_once(string mode)
    {
        const string dead = "http://127.0.0.1:1";
        await using var consumer = await TestNode.StartAsync(Following(mode, dead));

        await consumer.SyncAsync("bob");

        var fault = (await FollowedAsync(consumer)).GetProperty("status").GetProperty("fault").GetString()!;
        Assert.StartsWith($"{dead}: ", fault, StringComparison.Ordinal);
        Assert.Equal(2, fault.Split(dead).Length);
        Assert.Contains(consumer.LogLines, l => l.EndsWith($"Followed log bob: {fault}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mirror", "garbage")]
    [InlineData("mirror", "error")]
    [InlineData("query", "garbage")]
    [InlineData("query", "error")]
    public async Task Remote_that_answers_nonsense_is_a_fault_and_nothing_else(string mode, string kind)
    {
        await using var remote = await NonsenseServer.StartAsync(kind);
        await using var consumer = await TestNode.StartAsync(Following(mode, remote.Url));

        await consumer.SyncAsync("bob");

        var status = (await FollowedAsync(consumer)).GetProperty("status");
        Assert.NotEqual(JsonValueKind.Null, status.GetProperty("fault").ValueKind);
        Assert.Equal(JsonValueKind.Null, status.GetProperty("misbehaviour").ValueKind);
        var decision = await consumer.DecideAsync("test", "a");
        Assert.Equal("inconclusive", decision.GetProperty("verdict").GetString());
        Assert.Equal("unavailable", decision.GetProperty("testimonies")[0].GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Remote_that_serves_another_log_under_the_name_is_a_fault(string mode)
    {
        // Signed by another key: the log ID in the request is unknown to it.
        await using var other = await TestNode.StartAsync(Bob, new Dictionary<string, byte> { ["bob.key"] = 9 });
        await using var consumer = await TestNode.StartAsync(Following(mode, other.PublicUrl.ToString()));

        await consumer.SyncAsync("bob");

        Assert.Equal(JsonValueKind.Null, (await FollowedAsync(consumer)).GetProperty("head").ValueKind);
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("query")]
    public async Task Log_that_forked_is_misbehaving_and_its_earlier_claims_count(string mode)
    {
        // The same key, two histories: what a builder that shows different logs to different people does.
        await using var honest = await TestNode.StartAsync(Bob, s_bob);
        await honest.SubmitAsync("bob", [("a", "1")]);
        await using var forked = await TestNode.StartAsync(Bob, s_bob);
        await forked.SubmitAsync("bob", [("a", "evil")]);
        await using var consumer = await TestNode.StartAsync(Following(mode, honest.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");
        consumer.Configure(Following(mode, forked.PublicUrl.ToString()));
        await consumer.ReloadAsync();

        await consumer.SyncAsync("bob");

        var log = await FollowedAsync(consumer);
        Assert.Contains("root", log.GetProperty("status").GetProperty("misbehaviour").GetString(), StringComparison.Ordinal);
        Assert.Contains(consumer.LogLines, l => l.Contains("misbehaves", StringComparison.Ordinal));
        if (mode == "mirror")
        {
            Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        }
    }

    [Fact]
    public async Task Query_mode_keeps_its_head_over_a_restart()
    {
        await using var honest = await TestNode.StartAsync(Bob, s_bob);
        await honest.SubmitAsync("bob", [("a", "1")]);
        await using var forked = await TestNode.StartAsync(Bob, s_bob);
        await forked.SubmitAsync("bob", [("a", "evil")]);
        await using var consumer = await TestNode.StartAsync(Following("query", honest.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");
        var head = (await FollowedAsync(consumer)).GetProperty("head").GetRawText();
        consumer.Configure(Following("query", forked.PublicUrl.ToString()));

        await consumer.RestartAsync();
        await consumer.SyncAsync("bob");

        var log = await FollowedAsync(consumer);
        Assert.Equal(head, log.GetProperty("head").GetRawText());
        Assert.NotEqual(JsonValueKind.Null, log.GetProperty("status").GetProperty("misbehaviour").ValueKind);
    }

    [Fact]
    public async Task Damaged_head_of_query_mode_is_a_clear_start_error()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following("query", bob.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");
        await consumer.StopAsync();
        await File.WriteAllTextAsync(
            Directory.GetFiles(Path.Combine(consumer.Directory, "state", "queries")).Single(),
            "junk",
            TestContext.Current.CancellationToken
        );

        var refused = await Assert.ThrowsAsync<Quorate.Node.Hosting.StartException>(consumer.RestartAsync);

        Assert.Contains("follow 'bob'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("is not the verified head", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_may_switch_a_log_between_mirror_and_query()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await bob.SubmitAsync("bob", [("a", "1")]);
        await using var consumer = await TestNode.StartAsync(Following("mirror", bob.PublicUrl.ToString()));
        await consumer.SyncAsync("bob");

        foreach (var mode in new[] { "query", "mirror" })
        {
            consumer.Configure(Following(mode, bob.PublicUrl.ToString()));
            await consumer.ReloadAsync();
            await consumer.SyncAsync("bob");

            Assert.Equal(mode, (await FollowedAsync(consumer)).GetProperty("role").GetString());
            Assert.Equal("accepted", (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        }
    }

    [Fact]
    public async Task Reload_that_stops_following_forgets_the_log()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await using var consumer = await TestNode.StartAsync(Following("mirror", bob.PublicUrl.ToString()));
        consumer.Configure("trust: {}");

        await consumer.ReloadAsync();

        Assert.Equal(0, (await consumer.GetAsync("/v1/logs")).GetProperty("followed").GetArrayLength());
    }

    [Fact]
    public async Task Node_is_not_ready_before_the_first_synchronisation()
    {
        await using var consumer = await TestNode.StartAsync(Following("mirror", "http://127.0.0.1:1"));

        using var response = await consumer.Control.GetAsync("/readyz");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("bob was never synchronised", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slow_remote_blocks_neither_start_nor_decisions()
    {
        await using var remote = await NonsenseServer.StartAsync("slow");
        await using var consumer = await TestNode.StartAsync(Following("mirror", remote.Url));

        var decision = await consumer.DecideAsync("test", "a");

        Assert.Equal("inconclusive", decision.GetProperty("verdict").GetString());
    }

    [Fact]
    public async Task New_entries_arrive_by_polling()
    {
        await using var bob = await TestNode.StartAsync(Bob, s_bob);
        await using var consumer = await TestNode.StartAsync(
            Following("mirror", bob.PublicUrl.ToString()).Replace("poll: 1h", "poll: 1s", StringComparison.Ordinal)
        );
        await bob.SubmitAsync("bob", [("a", "1")]);

        await TestNode.UntilAsync(
            async () => (await consumer.DecideAsync("test", "a")).GetProperty("verdict").GetString() == "accepted",
            "the follower polls on its own"
        );
    }
}
