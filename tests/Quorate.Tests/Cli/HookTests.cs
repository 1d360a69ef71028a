using System.Diagnostics;
using System.Text;
using Quorate.Cli.Hook;
using Quorate.Nix.Publishing;
using Quorate.Nix.Store;
using Quorate.Sources.Spool;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class HookTests : IDisposable
{
    readonly CliFixture _f = new();

    public HookTests() => _f.PublishAll();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Run_submits_the_claims_that_Nix_registered()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");

        var line = await _f.HookAsync(node.Address, CliFixture.Hello);

        Assert.Equal("1 path logged in alice", line);
        var value = Convert.ToBase64String(Encoding.UTF8.GetBytes(CliFixture.HelloClaim));
        Assert.Contains($"\"value\":\"{value}\"", Assert.Single(node.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_without_outputs_asks_nobody()
    {
        _f.NixStore();
        Assert.Equal("", await _f.HookAsync("unix:///nowhere", ""));
        Assert.False(File.Exists(_f["nix-store.args"]));
    }

    [Fact]
    public async Task Run_with_only_a_derivation_claims_its_outputs()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        var hook = _f.Hook(node.Address, "", derivation: "/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv");
        Assert.Equal("2 paths logged in alice", (await hook.RunAsync(CancellationToken.None)).Line());
    }

    [Fact]
    public async Task Run_with_a_repeated_path_claims_it_once()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Equal("1 path logged in alice", await _f.HookAsync(node.Address, $"{CliFixture.Hello} {CliFixture.Hello}"));
    }

    [Fact]
    public async Task Run_without_a_node_spools_and_the_next_run_delivers()
    {
        _f.NixStore();
        var line = await _f.HookAsync("unix://" + _f["c.socket"], CliFixture.Hello);
        Assert.Contains("kept for later", line, StringComparison.Ordinal);
        Assert.Equal(1, _f.SpoolState().Batches);

        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        await _f.HookAsync(node.Address, CliFixture.Secret);

        Assert.Equal(0, _f.SpoolState().Batches);
        Assert.Equal(2, node.Requests.Count);
    }

    [Fact]
    public async Task Run_with_a_node_that_never_answers_spools()
    {
        await using var node = await SlowNodeAsync();
        Assert.Contains("too slow", await HookThatGivesUpAsync(node), StringComparison.Ordinal);
        Assert.Equal(1, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Run_after_one_that_was_too_slow_spools_without_asking()
    {
        await using var node = await SlowNodeAsync();
        await HookThatGivesUpAsync(node);
        node.Hangs = false;
        Assert.Contains("a moment ago", await _f.HookAsync(node.Address, CliFixture.Secret), StringComparison.Ordinal);
        Assert.Equal(2, _f.SpoolState().Batches);
        Assert.Empty(node.Requests);
    }

    [Fact]
    public async Task Run_a_while_after_one_that_was_too_slow_delivers_both()
    {
        await using var node = await SlowNodeAsync();
        await HookThatGivesUpAsync(node);
        node.Hangs = false;
        await _f.Hook(node.Address, CliFixture.Secret, clock: new LaterTime(TimeSpan.FromSeconds(31))).RunAsync(CancellationToken.None);
        Assert.Equal(0, _f.SpoolState().Batches);
        Assert.Equal(2, node.Requests.Count);
    }

    async Task<FakeNode> SlowNodeAsync()
    {
        _f.NixStore();
        var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        node.Hangs = true;
        return node;
    }

    /// <summary>The hook's time is up when the node has its request.</summary>
    async Task<string> HookThatGivesUpAsync(FakeNode node)
    {
        var clock = new BudgetTime();
        var run = _f.Hook(node.Address, CliFixture.Hello, clock: clock).RunAsync(CancellationToken.None);
        await node.Held.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        clock.Expire();
        return (await run.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).Line();
    }

    sealed class LaterTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }

    [Theory]
    [InlineData(429, "resource_exhausted")]
    [InlineData(503, "unavailable")]
    [InlineData(500, "internal")]
    public async Task Run_with_a_node_in_trouble_spools(int status, string code)
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Answers["/v1/logs/alice/submit"] = _ => (status, $$"""{"code":"{{code}}","message":"not now"}""");
        Assert.Contains("not now", await _f.HookAsync(node.Address, CliFixture.Hello), StringComparison.Ordinal);
        Assert.Equal(1, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Run_with_garbage_for_an_answer_spools()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Answers["/v1/logs"] = _ => (200, "<html>");
        await _f.HookAsync(node.Address, CliFixture.Hello);
        Assert.Equal(1, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Run_with_several_logs_asks_for_a_choice_and_spools()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"), FakeNode.Log("other"));
        Assert.Contains("--log NAME", await _f.HookAsync(node.Address, CliFixture.Hello), StringComparison.Ordinal);
        Assert.Equal(1, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Run_never_picks_a_log_of_relayed_claims_by_itself()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("relays", claims: "relayed"), FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Equal("1 path logged in alice", await _f.HookAsync(node.Address, CliFixture.Hello));
    }

    [Fact]
    public async Task Run_withholds_what_the_filter_denies()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice", filter: """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}"""));
        node.Accepts("alice");
        var line = await _f.HookAsync(node.Address, $"{CliFixture.Hello} {CliFixture.Secret}");
        Assert.Equal("1 path logged in alice, 1 withheld by its filter", line);
        Assert.DoesNotContain(Base64("secret-tool"), string.Concat(node.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_applies_the_last_known_filter_before_it_spools()
    {
        _f.NixStore();
        await using (var node = await FakeNode.StartAsync(_f.Folder))
        {
            node.Publishes(FakeNode.Log("alice", filter: """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}"""));
            node.Accepts("alice");
            await _f.HookAsync(node.Address, CliFixture.Hello);
        }
        await _f.HookAsync("unix://" + _f["gone.socket"], CliFixture.Secret);
        Assert.Equal(0, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Run_applies_the_filter_to_what_was_spooled_without_one()
    {
        _f.NixStore();
        await _f.HookAsync("unix://" + _f["c.socket"], CliFixture.Secret);
        Assert.Equal(1, _f.SpoolState().Batches);
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice", filter: """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}"""));
        node.Accepts("alice");
        await _f.HookAsync(node.Address, CliFixture.Hello);
        Assert.Equal(0, _f.SpoolState().Batches);
        Assert.Single(node.Requests);
    }

    [Fact]
    public async Task Run_sets_aside_what_the_log_refuses_for_good()
    {
        _f.NixStore();
        await _f.HookAsync("unix://" + _f["c.socket"], CliFixture.Hello);
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Answers["/v1/logs/alice/submit"] = _ => (400, """{"code":"invalid_argument","message":"no"}""");
        await _f.HookAsync(node.Address, CliFixture.Hello);
        Assert.Equal(1, _f.SpoolState().SetAside);
    }

    [Fact]
    public async Task DryRun_says_what_would_be_withheld_and_sends_nothing()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice", filter: """{"allow":[],"deny":[],"denyDeriver":[],"denyReferences":["hello"]}"""));
        var report = await _f.Hook(node.Address, CliFixture.Secret).DryRunAsync(CancellationToken.None);
        Assert.Contains("deny_references: hello", report.Lines().Last(), StringComparison.Ordinal);
        Assert.Empty(node.Requests);
        Assert.Equal(0, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task DryRun_without_paths_asks_nobody()
    {
        _f.NixStore();
        await _f.Hook("unix:///nowhere", "").DryRunAsync(CancellationToken.None);
        Assert.False(File.Exists(_f["nix-store.args"]));
    }

    [Fact]
    public async Task Run_asks_the_store_that_the_build_used()
    {
        _f.NixStore();
        var hook = new PostBuildHook(
            _f.Options("unix:///nowhere"),
            name => name == "OUT_PATHS" ? CliFixture.Hello : null,
            address => new Quorate.Sources.Control.RawControlTransport(address)
        )
        {
            Ancestors = generation => generation == 2 ? "nix-build\0g.nix\0--store\0/tmp/a store\0" : "sh\0--store\0/wrong\0",
        };
        await hook.RunAsync(CancellationToken.None);
        Assert.Contains("--store /tmp/a store --dump-db", File.ReadAllText(_f["nix-store.args"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_asks_no_substituter_about_a_path_that_is_not_there()
    {
        _f.NixStore();
        await _f.Hook("unix:///nowhere", CliFixture.Hello).RunAsync(CancellationToken.None);
        Assert.StartsWith("--option substitute false", File.ReadAllText(_f["nix-store.args"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrapper_exits_0_when_everything_is_missing()
    {
        var wrapper = new HookWrapper(["/nonexistent/quorate"], null, [new("--log", "it's")]);
        wrapper.Install(_f["hook"]);
        using var process = Process.Start(
            new ProcessStartInfo(_f["hook"])
            {
                Environment = { ["OUT_PATHS"] = CliFixture.Hello },
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public void Wrapper_gives_its_options_back()
    {
        var text = new HookWrapper(["/q"], "/dotnet", [new("--log", "it's"), new("--spool", "/a b")]).Text();
        Assert.Equal(["--log=it's", "--spool=/a b"], HookWrapper.OptionsOf(text));
    }

    [Fact]
    public void Wrapper_does_not_overwrite_somebody_elses_hook()
    {
        File.WriteAllText(_f["hook"], "#!/bin/sh\necho mine\n");
        Assert.Throws<IOException>(() => new HookWrapper(["/q"], null, []).Install(_f["hook"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData(
        "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello\n10551daed7fa467d0b58826e7eb9a0f2af7d693de319f2ef775fffcda244b9f6\n120\n\n0"
    )]
    [InlineData("/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello\nzz\n120\n\n0\n")]
    [InlineData(
        "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello\n10551daed7fa467d0b58826e7eb9a0f2af7d693de319f2ef775fffcda244b9f6\n120\n\n5\n"
    )]
    [InlineData(
        "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello\n10551daed7fa467d0b58826e7eb9a0f2af7d693de319f2ef775fffcda244b9f6\n0\n\n0\n"
    )]
    public void ParseRegistration_of_something_else_gives_nothing_or_a_clear_error(string text)
    {
        if (text.Length == 0)
        {
            Assert.Empty(NixStore.ParseRegistration(text));
        }
        else
        {
            Assert.Throws<NixStoreException>(() => NixStore.ParseRegistration(text));
        }
    }

    [Fact]
    public void Apply_never_publishes_a_value_under_another_key()
    {
        var item = new SpoolItem(Encoding.ASCII.GetBytes(CliFixture.Secret), Encoding.ASCII.GetBytes(CliFixture.HelloClaim), null);
        Assert.Empty(HookFilter.Of(PublishFilter.Open).Apply([item]).Publish);
    }

    static string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));
}
