using System.Diagnostics;
using Quorate.Node.Configuration;
using Quorate.Sources.Control;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class VerbTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    const string Testimonies = """
        [{"builder":"alice","status":"dissents","origin":"built","logId":"aa","index":7,"treeSize":40,"firstSeen":"2026-11-01T00:00:00Z","digest":"d1","outputs":{"out":{"hash":"sha256-AAA=","size":120,"references":[]}},"reason":null,"selfDivergences":[{"digest":"d9"}]},
         {"builder":"bob","status":"silent","origin":null,"logId":null,"index":null,"treeSize":null,"firstSeen":null,"digest":null,"outputs":null,"reason":null,"selfDivergences":[]}]
        """;

    [Theory]
    [InlineData("accepted", 0)]
    [InlineData("rejected", 2)]
    [InlineData("inconclusive", 3)]
    [InlineData("perhaps", 1)]
    public async Task Decide_exits_with_the_verdict(string verdict, int exit)
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Decides(verdict);
        Assert.Equal(exit, (await _f.RunAsync("decide", CliFixture.Hello, "--node", node.Address)).Exit);
    }

    [Theory]
    [InlineData("/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello/bin/hello")]
    [InlineData("/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello/")]
    public async Task Decide_takes_anything_inside_a_store_path(string argument)
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Decides("accepted");
        await _f.RunAsync("decide", argument, "--node", node.Address);
        var hex = Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes(CliFixture.Hello));
        Assert.Contains($"\"keyHex\":\"{hex}\"", Assert.Single(node.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decide_follows_a_link_into_the_store()
    {
        File.CreateSymbolicLink(_f["result"], CliFixture.Hello);
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Decides("accepted");
        var (exit, output, _) = await _f.RunAsync("decide", _f["result"], "--node", node.Address);
        Assert.Equal(0, exit);
        Assert.Contains(CliFixture.Hello, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decide_closure_counts_and_exits_with_the_worst()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Answers["/v1/decide"] = body =>
            (
                200,
                $$"""{"verdict":"{{(body.Contains(Convert.ToHexStringLower("secret"u8), StringComparison.Ordinal) ? "rejected" : "accepted")}}","protocol":"nix","keyHex":"","engine":"","confidence":0,"accepted":null,"supporters":[],"testimonies":[],"reasons":["two of three disagree"]}"""
            );
        var (exit, output, _) = await _f.RunAsync("decide", "--closure", CliFixture.Secret, "--node", node.Address);
        Assert.Equal(2, exit);
        Assert.Contains("needs 2 paths", output, StringComparison.Ordinal);
        Assert.Contains($"rejected  {CliFixture.Secret}  two of three disagree", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decide_without_an_input_is_a_usage_error()
    {
        var (exit, _, error) = await _f.RunAsync("decide");
        Assert.Equal(1, exit);
        Assert.Contains("KEY or --key-hex", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decide_without_a_node_lists_what_was_tried()
    {
        var (exit, _, error) = await _f.RunAsync("decide", CliFixture.Hello);
        Assert.Equal(1, exit);
        Assert.Contains("$QUORATE_NODE (not set), /run/quorate/control.socket", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_shows_who_said_what()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Decides("inconclusive", Testimonies, """["1 of 2 needed votes"]""");
        var (exit, output, _) = await _f.RunAsync("why", CliFixture.Hello, "--node", node.Address);
        Assert.Equal(3, exit);
        Assert.Equal(
            """
            /nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello
            ├── inconclusive by 2 of (alice, bob)
            │   └── 1 of 2 needed votes
            ├── claimed output: sha256-AAA=, 120 bytes, 0 references
            │   └── alice: built it, proven: entry 7 of 40, first seen 2026-11-01T00:00:00Z
            │       └── later logged something else: d9 (self-divergence, no vote)
            └── says nothing
                └── bob: its log, as far as it is verified here, has no entry for this

            """,
            string.Join('\n', output.Split('\n').Select(l => l.TrimEnd()))
        );
    }

    [Fact]
    public async Task Why_makes_control_characters_of_others_harmless()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Decides("inconclusive", "[]", """["\u001b[2Jgone [red]x[/]"]""");
        var output = (await _f.RunAsync("why", CliFixture.Hello, "--node", node.Address)).Out;
        Assert.Contains("?[2Jgone [red]x[/]", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SubmitClosure_refuses_a_log_of_built_claims()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        var (exit, _, error) = await _f.RunAsync("nix", "submit-closure", CliFixture.Secret, "--log", "alice", "--node", node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("'alice' is one of built claims", error, StringComparison.Ordinal);
        Assert.Empty(node.Requests);
    }

    [Fact]
    public async Task SubmitClosure_relays_to_the_only_relayed_log()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"), FakeNode.Log("relays", claims: "relayed"));
        node.Accepts("relays");
        var (exit, output, _) = await _f.RunAsync("nix", "submit-closure", CliFixture.Secret, "--node", node.Address);
        Assert.Equal(0, exit);
        Assert.StartsWith("2 paths: 2 added to relays", output, StringComparison.Ordinal);
        Assert.Contains("\"relayed\":true", Assert.Single(node.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SubmitClosure_dry_run_sends_nothing()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(
            FakeNode.Log("relays", claims: "relayed", filter: """{"allow":[],"deny":["secret-*"],"denyDeriver":[],"denyReferences":[]}""")
        );
        var (_, output, _) = await _f.RunAsync("nix", "submit-closure", "--dry-run", CliFixture.Secret, "--node", node.Address);
        Assert.Contains($"withhold  {CliFixture.Secret}\n            deny: secret-*", output, StringComparison.Ordinal);
        Assert.Empty(node.Requests);
    }

    [Fact]
    public async Task Init_writes_a_configuration_that_the_node_reads()
    {
        var (exit, _, _) = await _f.RunAsync("init", "--config", _f["quorate.yaml"], "--state", _f["state"], "--name", "alice");
        Assert.Equal(0, exit);
        Assert.Equal("alice", Assert.Single(ConfigurationReader.ReadFile(_f["quorate.yaml"]).Publish).Builder);
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_f["alice.key"]));
    }

    [Fact]
    public async Task Init_with_traces_writes_a_log_of_them_and_a_claim_key_that_counts()
    {
        var (exit, _, _) = await _f.RunAsync([
            "init",
            "--traces",
            "--listen",
            "http://127.0.0.1:8099",
            "--config",
            _f["quorate.yaml"],
            "--state",
            _f["state"],
            "--name",
            "alice",
        ]);
        Assert.Equal(0, exit);
        var read = ConfigurationReader.ReadFile(_f["quorate.yaml"]);
        Assert.Equal(["alice", "alice-traces"], read.Publish.Select(log => log.Name));
        Assert.Equal("alice", read.Publish[1].Builder);
        Assert.Equal(["http://127.0.0.1:8099"], read.Node.Listen);
        var claimKey = Assert.Single(read.Builders["alice"].ClaimKeys);
        Assert.Equal($"{claimKey.Name}:{claimKey.Key}", File.ReadAllText(_f["alice-claims.public"]));
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_f["alice-claims.secret"]));
    }

    [Fact]
    public async Task Init_with_everything_uncommented_is_read_too()
    {
        await _f.RunAsync("init", "--config", _f["quorate.yaml"], "--state", _f["state"], "--name", "alice");
        var key = "2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo=";
        var other = "QUR9i6xPiigzO/JAfcX082KT2P+Ajipf2H65fEqq+6E=";
        var lines = File.ReadAllLines(_f["quorate.yaml"])
            .Select(l =>
                System.Text.RegularExpressions.Regex.Replace(l, "^( *)# (tokens|filter|  [a-z]|meta|follow|trust|gate)(.*:|.*-)", "$1$2$3")
            )
            .Select(l => System.Text.RegularExpressions.Regex.Replace(l, "^# (  .*)$", "$1"))
            .Select((l, i) => l.Replace(l.Contains("nixos", StringComparison.Ordinal) ? "BASE64" : "\0", other).Replace("BASE64", key));
        File.WriteAllLines(_f["full.yaml"], lines);
        var read = ConfigurationReader.ReadFile(_f["full.yaml"]);
        Assert.Equal(2, read.Follow.Count);
        Assert.NotNull(read.NixGate);
    }

    [Fact]
    public async Task Init_never_overwrites()
    {
        File.WriteAllText(_f["quorate.yaml"], "mine");
        var (exit, _, error) = await _f.RunAsync("init", "--config", _f["quorate.yaml"], "--name", "alice");
        Assert.Equal(1, exit);
        Assert.Contains("not overwritten", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_f["alice.key"]));
    }

    [Fact]
    public async Task Key_show_prints_what_key_new_printed()
    {
        var made = await _f.RunAsync("key", "new", _f["a.key"]);
        Assert.Equal(made.Out, (await _f.RunAsync("key", "show", _f["a.key"])).Out);
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_f["a.key"]));
    }

    [Fact]
    public async Task Key_new_keeps_what_it_names_apart_from_its_value()
    {
        var (_, output, _) = await _f.RunAsync("key", "new", _f["a.key"]);
        Assert.All(output.TrimEnd().Split('\n'), line => Assert.Matches(@"^(public key|log id \([a-z-]+\)) {2,}[^ ]+$", line));
    }

    [Fact]
    public async Task Key_new_never_overwrites()
    {
        await _f.RunAsync("key", "new", _f["a.key"]);
        var before = File.ReadAllText(_f["a.key"]);
        Assert.Equal(1, (await _f.RunAsync("key", "new", _f["a.key"])).Exit);
        Assert.Equal(before, File.ReadAllText(_f["a.key"]));
    }

    [Fact]
    public async Task Token_new_prints_the_public_half_alone()
    {
        var (_, output, _) = await _f.RunAsync("token", "new", "ci", "--output", _f["ci.token"]);
        Assert.Matches("^ci:[A-Za-z0-9+/]{43}=\n$", output);
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_f["ci.token"]));
    }

    [Fact]
    public async Task Token_new_with_a_name_that_no_token_can_have_says_so()
    {
        var (exit, _, error) = await _f.RunAsync("token", "new", "a:b", "--output", _f["ci.token"]);
        Assert.Equal(1, exit);
        Assert.StartsWith("quorate: 'a:b' cannot be the name of a token", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_new_and_init_print_json_on_request()
    {
        var (_, token, _) = await _f.RunAsync("token", "new", "ci", "--output", _f["ci.token"], "--json");
        var (_, init, _) = await _f.RunAsync("init", "--config", _f["q.yaml"], "--state", _f["state"], "--name", "alice", "--json");
        using var tokenDocument = System.Text.Json.JsonDocument.Parse(token);
        using var initDocument = System.Text.Json.JsonDocument.Parse(init);
        Assert.StartsWith("ci:", tokenDocument.RootElement.GetProperty("publicToken").GetString(), StringComparison.Ordinal);
        Assert.Equal(_f["q.yaml"], initDocument.RootElement.GetProperty("configuration").GetString());
    }

    [Fact]
    public async Task Doctor_nix_of_a_missing_file_names_it_in_words()
    {
        var (exit, _, error) = await _f.RunAsync("doctor", "nix", "--gate", "http://127.0.0.1:8098", "--nix-conf", _f["missing.conf"]);
        Assert.Equal(1, exit);
        Assert.Equal($"quorate: --nix-conf: {_f["missing.conf"]} cannot be read\n", error);
    }

    [Fact]
    public async Task Log_id_is_what_Trustix_computes()
    {
        var (_, output, _) = await _f.RunAsync("log", "id", "--protocol", "nix", "--key", "2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo=");
        Assert.Equal("e0f263745e4e3ab07ab5275b00b44f594e0b6d2bd35892a8ebd10a7f86322eb7\n", output);
    }

    [Fact]
    public async Task Log_id_prints_json_on_request()
    {
        const string Key = "2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo=";
        var (exit, output, _) = await _f.RunAsync("log", "id", "--protocol", "nix-trace", "--key", Key, "--json");
        using var document = System.Text.Json.JsonDocument.Parse(output);
        Assert.Equal(0, exit);
        Assert.Equal(
            (await _f.RunAsync("log", "id", "--protocol", "nix-trace", "--key", Key)).Out.TrimEnd(),
            document.RootElement.GetProperty("logId").GetString()
        );
        Assert.Equal("nix-trace", document.RootElement.GetProperty("protocol").GetString());
        Assert.Equal(Key, document.RootElement.GetProperty("publicKey").GetString());
    }

    [Fact]
    public async Task Log_list_shows_a_row_per_log()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        var (_, output, _) = await _f.RunAsync("log", "list", "--node", node.Address);
        Assert.Contains("alice  alice    nix       published  built   3        ok", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_without_a_node_exits_0_with_notes()
    {
        var (exit, output, _) = await _f.RunAsync("doctor");
        Assert.Equal(0, exit);
        Assert.Contains("ok       libsodium.so.2", output, StringComparison.Ordinal);
        Assert.Contains("note     node: no node found", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_reports_a_proven_liar_as_a_fault()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Answers["/v1/status"] = _ => (200, """{"version":"1","state":"ready"}""");
        node.Publishes(
            FakeNode
                .Log("mallory")
                .Replace("\"status\":null", "\"status\":{\"misbehaviour\":\"two roots for size 3\"}", StringComparison.Ordinal)
        );
        var (exit, output, _) = await _f.RunAsync("doctor", "--node", node.Address);
        Assert.Equal(1, exit);
        Assert.Contains("two roots for size 3", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_warns_of_a_key_that_others_may_read()
    {
        await _f.RunAsync("init", "--config", _f["quorate.yaml"], "--state", _f["state"], "--name", "alice");
        File.SetUnixFileMode(_f["alice.key"], (UnixFileMode)0b110_100_100);
        var (_, output, _) = await _f.RunAsync("doctor", "--config", _f["quorate.yaml"]);
        Assert.Contains($"chmod 600 {_f["alice.key"]}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_of_what_the_filter_withholds_is_not_done()
    {
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Answers["/v1/logs/alice/submit"] = _ =>
            (200, """{"added":0,"duplicates":0,"filtered":1,"divergences":[],"treeSize":3,"logRoot":"00"}""");
        var (exit, _, error) = await _f.RunAsync(
            "submit",
            "alice",
            "--key",
            CliFixture.Hello,
            "--value",
            CliFixture.HelloClaim,
            "--node",
            node.Address
        );
        Assert.Equal(1, exit);
        Assert.Contains("withheld", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_takes_no_public_key_for_a_private_one()
    {
        File.WriteAllText(_f["quorate.yaml"], "cache.public");
        File.WriteAllText(_f["cache.public"], "x");
        Assert.DoesNotContain("chmod", (await _f.RunAsync("doctor", "--config", _f["quorate.yaml"])).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_verb_has_help_that_explains()
    {
        foreach (var command in Commands(Quorate.Cli.CommandLine.Build(Host())))
        {
            var (exit, output, _) = await _f.RunAsync([.. command, "--help"]);
            Assert.Equal(0, exit);
            Assert.StartsWith("Description:", output, StringComparison.Ordinal);
            Assert.Contains("Usage:", output, StringComparison.Ordinal);
        }
    }

    // Only what a command line names is built; that must be what is there when all is.
    [Fact]
    public void Every_verb_is_the_same_built_alone()
    {
        foreach (var path in Commands(Quorate.Cli.CommandLine.Build(Host())))
        {
            var (whole, alone) = (
                Find(Quorate.Cli.CommandLine.Build(Host()), path),
                Find(Quorate.Cli.CommandLine.Build(Host(), path), path)
            );
            Assert.Equal(Describe(whole), Describe(alone));
        }

        static System.CommandLine.Command Find(System.CommandLine.Command root, string[] path) =>
            path.Aggregate(root, (command, name) => command.Subcommands.Single(c => c.Name == name));

        static string Describe(System.CommandLine.Command command) =>
            $"{command.Name}: {command.Description} {string.Join(' ', command.Options.Select(o => o.Name))} {string.Join(' ', command.Arguments.Select(a => a.Name))}\n"
            + string.Join('\n', command.Subcommands.Select(Describe));
    }

    [Fact]
    public void A_verb_that_is_named_is_built_alone() =>
        Assert.Equal(
            [
                ["nix"],
                ["nix", "verify"],
            ],
            Commands(Quorate.Cli.CommandLine.Build(Host(), "nix", "verify", "--trust", "log")).Where(path => path.Length > 0)
        );

    [Fact]
    public async Task An_unknown_option_points_to_the_right_help()
    {
        var (exit, _, error) = await _f.RunAsync("log", "list", "--frob");
        Assert.Equal(1, exit);
        Assert.EndsWith("See `quorate log list --help`.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Completion_for_bash_is_a_script_that_bash_reads()
    {
        File.WriteAllText(_f["complete.sh"], (await _f.RunAsync("completion", "bash")).Out);
        using var bash = Process.Start("bash", ["-n", _f["complete.sh"]]);
        await bash.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        Assert.Equal(0, bash.ExitCode);
    }

    [Theory]
    [InlineData("unix:///run/x.socket", "/run/x.socket", "http://localhost/")]
    [InlineData("http://127.0.0.1:8090", null, "http://127.0.0.1:8090/")]
    public void NodeAddress_reads_sockets_and_origins(string text, string? socket, string origin)
    {
        Assert.True(NodeAddress.TryParse(text, out var address, out _));
        Assert.Equal((socket, origin), (address.Socket, address.Origin.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("unix:relative")]
    [InlineData("unix://host/path")]
    [InlineData("ftp://x")]
    [InlineData("http://user@host")]
    [InlineData("http://host/path")]
    public void NodeAddress_refuses_the_rest(string text) => Assert.False(NodeAddress.TryParse(text, out _, out _));

    static Quorate.Cli.CliHost Host() =>
        new()
        {
            Out = TextWriter.Null,
            Error = TextWriter.Null,
            Variable = _ => null,
        };

    static IEnumerable<string[]> Commands(System.CommandLine.Command command, params string[] path)
    {
        yield return path;
        foreach (var child in command.Subcommands)
        {
            foreach (var below in Commands(child, [.. path, child.Name]))
            {
                yield return below;
            }
        }
    }
}
