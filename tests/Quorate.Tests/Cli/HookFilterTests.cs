using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Cli.Hook;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Xunit;

namespace Quorate.Tests.Cli;

/// <summary>What a hook may publish or keep, and who said so.</summary>
public sealed class HookFilterTests : IDisposable
{
    const string DenySecrets = """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}""";

    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Run_without_a_known_filter_keeps_nothing_and_says_so()
    {
        _f.NixStore();
        var line = await _f.HookAsync("unix:///nowhere", CliFixture.Hello);
        Assert.Contains("no publish filter is known", line, StringComparison.Ordinal);
        Assert.Equal((0, 0, 1L), (_f.SpoolState().Batches, _f.SpoolState().Unresolved, _f.SpoolState().Dropped));
    }

    [Fact]
    public async Task Run_without_a_known_filter_keeps_no_names_either()
    {
        var line = await _f.HookAsync("unix:///nowhere", CliFixture.Hello);
        Assert.Contains("no publish filter is known", line, StringComparison.Ordinal);
        Assert.Equal((0, 1L), (_f.SpoolState().Unresolved, _f.SpoolState().Dropped));
    }

    [Fact]
    public async Task Run_takes_the_filter_of_a_node_that_answers()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Equal("1 path logged in alice", await _f.HookAsync(node.Address, CliFixture.Hello));
    }

    [Fact]
    public async Task Run_applies_the_filter_given_at_installation_besides_the_nodes()
    {
        _f.NixStore();
        _f.Give("", new FilterInfo([], ["secret-*"], [], []));
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Equal(
            "1 path logged in alice, 1 withheld by its filter",
            await _f.HookAsync(node.Address, $"{CliFixture.Hello} {CliFixture.Secret}")
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{"deny":["a/b"]}""")]
    [InlineData("""{"deny":5}""")]
    public async Task Run_with_a_filter_that_is_not_understood_publishes_nothing(string note)
    {
        _f.NixStore();
        _f.PublishAll();
        await File.WriteAllTextAsync(
            Assert.Single(Directory.GetFiles(_f.Spool, "filter-given-*")),
            note,
            TestContext.Current.CancellationToken
        );
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Contains("1 withheld", await _f.HookAsync(node.Address, CliFixture.Hello), StringComparison.Ordinal);
        Assert.Empty(node.Requests);
    }

    [Fact]
    public async Task Install_without_a_node_or_a_filter_refuses_and_names_the_choices()
    {
        var (exit, _, error) = await InstallAsync("unix:///nowhere");
        Assert.Equal(1, exit);
        Assert.Contains("--publish-all", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_f["hook"]));
    }

    [Fact]
    public async Task Install_for_a_log_without_a_filter_refuses()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        var (exit, _, error) = await InstallAsync(node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("every build would be published", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Install_keeps_the_nodes_filter_for_when_the_node_is_away()
    {
        _f.NixStore();
        await using (var node = await FakeNode.StartAsync(_f.Folder))
        {
            node.Publishes(FakeNode.Log("alice", filter: DenySecrets));
            Assert.Equal(0, (await InstallAsync(node.Address)).Exit);
        }
        await _f.HookAsync("unix:///nowhere", $"{CliFixture.Hello} {CliFixture.Secret}");
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        Assert.Equal(CliFixture.Hello, Encoding.ASCII.GetString(Assert.Single(spool.Read(Assert.Single(spool.Waiting()))!.Items).Key.Span));
    }

    [Fact]
    public async Task Install_with_a_filter_file_needs_no_node()
    {
        await File.WriteAllTextAsync(_f["filter.json"], """{"deny":["secret-*"]}""", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await InstallAsync("unix:///nowhere", "--filter", _f["filter.json"])).Exit);
        await _f.HookAsync("unix:///nowhere", CliFixture.Secret);
        Assert.Equal((0, 0), (_f.SpoolState().Unresolved, _f.SpoolState().Batches));
    }

    [Theory]
    [InlineData("""{"denny":[]}""", "denny")]
    [InlineData("""{"deny":["a"],"deny":[]}""", "twice")]
    [InlineData("""{"deny":["/nix/store/x"]}""", "/nix/store/x")]
    [InlineData("""["deny"]""", "not a JSON object")]
    [InlineData("""{"deny":[1]}""", "not a JSON object")]
    public void Parse_of_a_wrong_filter_file_names_the_fault(string json, string fault) =>
        Assert.Contains(
            fault,
            Assert.Throws<FormatException>(() => FilterFile.Parse(Encoding.UTF8.GetBytes(json), "f")).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void Parse_gives_back_every_list() =>
        Prop.ForAll<byte[], byte[]>(
                (deny, allow) =>
                {
                    string[] Globs(byte[] of) => [.. of.Select(b => $"x{b}*")];
                    var json = JsonSerializer.SerializeToUtf8Bytes(
                        new Dictionary<string, string[]> { ["deny"] = Globs(deny), ["allow"] = Globs(allow) }
                    );
                    var filter = FilterFile.Parse(json, "f");
                    return filter.Deny.SequenceEqual(Globs(deny)) && filter.Allow.SequenceEqual(Globs(allow));
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Parse_of_anything_else_is_a_format_error() =>
        Prop.ForAll<byte[]>(bytes =>
            {
                try
                {
                    FilterFile.Parse(bytes, "f");
                    return true;
                }
                catch (FormatException)
                {
                    return true;
                }
            })
            .QuickCheckThrowOnFailure();

    [Fact]
    public async Task Flush_resolves_and_delivers_everything()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        Assert.Equal(0, (await InstallAsync(node.Address, "--publish-all")).Exit);
        await _f.HookAsync("unix:///nowhere", CliFixture.Hello);
        _f.NixStore();
        await _f.HookAsync("unix:///nowhere", CliFixture.Secret);
        Assert.Equal((1, 1), (_f.SpoolState().Unresolved, _f.SpoolState().Batches));

        var (exit, output, _) = await _f.RunAsync("nix", "hook", "flush", "--path", _f["hook"], "--json");

        using var document = JsonDocument.Parse(output);
        Assert.Equal((0, 1, 2), (exit, Number(document, "resolved"), Number(document, "delivered")));
        Assert.Equal(2, node.Requests.Count);
    }

    [Fact]
    public async Task Flush_with_something_left_fails_and_says_why()
    {
        Assert.Equal(0, (await InstallAsync("unix:///nowhere", "--publish-all")).Exit);
        _f.NixStore();
        await _f.HookAsync("unix:///nowhere", CliFixture.Hello);
        var (exit, output, error) = await _f.RunAsync("nix", "hook", "flush", "--path", _f["hook"]);
        Assert.Equal(1, exit);
        Assert.Contains("1 still waiting", output, StringComparison.Ordinal);
        Assert.Contains("/nowhere", error, StringComparison.Ordinal);
    }

    static int Number(JsonDocument document, string member) => document.RootElement.GetProperty(member).GetInt32();

    Task<(int Exit, string Out, string Error)> InstallAsync(string node, params string[] more) =>
        _f.RunAsync([
            "nix",
            "hook",
            "install",
            "--path",
            _f["hook"],
            "--spool",
            _f.Spool,
            "--nix-store",
            _f["nix-store"],
            "--node",
            node,
            .. more,
        ]);
}
