using System.Text.Json;
using Xunit;

namespace Quorate.Tests.Cli;

/// <summary>What the hook's verbs print for scripts.</summary>
public sealed class HookJsonTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Install_names_the_file_the_setting_and_the_options()
    {
        var (exit, output, error) = await _f.RunAsync(
            "nix",
            "hook",
            "install",
            "--path",
            _f["hook"],
            "--log",
            "alice",
            "--nix-store",
            _f.NixStore(),
            "--publish-all",
            "--node",
            "unix:///nowhere",
            "--json"
        );
        using var document = JsonDocument.Parse(output);
        Assert.Equal((0, ""), (exit, error));
        Assert.Equal($"post-build-hook = {_f["hook"]}", document.RootElement.GetProperty("setting").GetString());
        Assert.Equal("alice", document.RootElement.GetProperty("options").GetProperty("log").GetString());
    }

    [Fact]
    public async Task DryRun_lists_each_path_with_its_claim()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        using var report = await DryRunAsync(node.Address, CliFixture.Hello);
        var path = Assert.Single(report.RootElement.GetProperty("paths").EnumerateArray());
        Assert.Equal(("alice", "none"), (Text(report, "log"), Text(report, "filter")));
        Assert.True(path.GetProperty("publish").GetBoolean());
        Assert.Equal(CliFixture.HelloClaim, path.GetProperty("claim").GetString());
    }

    [Fact]
    public async Task DryRun_names_the_rule_that_withholds()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice", filter: """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}"""));
        using var report = await DryRunAsync(node.Address, CliFixture.Secret);
        var path = Assert.Single(report.RootElement.GetProperty("paths").EnumerateArray());
        Assert.False(path.GetProperty("publish").GetBoolean());
        Assert.Equal("deny: secret-*", path.GetProperty("rule").GetString());
    }

    [Fact]
    public async Task DryRun_without_a_node_says_that_no_filter_is_known()
    {
        _f.NixStore();
        using var report = await DryRunAsync("unix:///nowhere", CliFixture.Hello);
        Assert.Equal((null, "unknown"), (Text(report, "log"), Text(report, "filter")));
        Assert.NotNull(Text(report, "problem"));
    }

    [Fact]
    public async Task DryRun_of_a_path_that_Nix_does_not_know_says_so()
    {
        _f.NixStore("exit 1");
        using var report = await DryRunAsync("unix:///nowhere", CliFixture.Hello);
        Assert.StartsWith("cannot say what was built", Text(report, "problem"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_states_what_the_log_has_now()
    {
        _f.NixStore();
        _f.PublishAll();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        using var report = await RunAsync(node.Address);
        Assert.Equal(("alice", null), (Text(report, "log"), Text(report, "problem")));
        Assert.Equal((1, 0), (Number(report, "added"), Number(report, "keptClaims")));
    }

    [Fact]
    public async Task Run_without_a_node_states_what_is_kept_and_why()
    {
        _f.NixStore();
        _f.PublishAll();
        using var report = await RunAsync("unix:///nowhere");
        Assert.Equal((1, null, _f.Spool), (Number(report, "keptClaims"), Text(report, "log"), Text(report, "spool")));
        Assert.NotNull(Text(report, "problem"));
    }

    [Fact]
    public async Task Completion_gives_the_script_as_a_string()
    {
        var (exit, output, _) = await _f.RunAsync("completion", "fish", "--json");
        using var document = JsonDocument.Parse(output);
        Assert.Equal((0, "fish"), (exit, Text(document, "shell")));
        Assert.Equal((await _f.RunAsync("completion", "fish")).Out, Text(document, "script"));
    }

    async Task<JsonDocument> RunAsync(string node) =>
        JsonDocument.Parse((await _f.Hook(node, CliFixture.Hello).RunAsync(CancellationToken.None)).ToJson());

    static int Number(JsonDocument document, string member) => document.RootElement.GetProperty(member).GetInt32();

    async Task<JsonDocument> DryRunAsync(string node, string paths) =>
        JsonDocument.Parse((await _f.Hook(node, paths).DryRunAsync(CancellationToken.None)).ToJson());

    static string? Text(JsonDocument document, string member) => document.RootElement.GetProperty(member).GetString();
}
