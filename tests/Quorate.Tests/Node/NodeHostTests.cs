using System.Net;
using Microsoft.Win32.SafeHandles;
using Quorate.Crypto.Keys;
using Quorate.Log.Storage;
using Quorate.Node.Configuration;
using Quorate.Node.Hosting;
using Quorate.Sources.Configuration;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class NodeHostTests
{
    const string OneLog = """
        signers: { alice: { path: alice.key } }
        publish:
        - { name: alice, protocol: test, signer: alice }
        trust: { test: { rule: alice } }
        """;

    static readonly Dictionary<string, byte> s_alice = new() { ["alice.key"] = 1 };

    [Fact]
    public async Task Submit_over_control_is_in_the_head_and_decided()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);

        var submitted = await node.SubmitAsync("alice", [("a", "1"), ("b", "2")]);
        var decision = await node.DecideAsync("test", "a");

        Assert.Equal(2, submitted.GetProperty("added").GetInt32());
        Assert.Equal(2UL, submitted.GetProperty("treeSize").GetUInt64());
        Assert.Equal("accepted", decision.GetProperty("verdict").GetString());
        Assert.Equal("1"u8.ToArray(), decision.GetProperty("accepted").GetProperty("value").GetBytesFromBase64());
    }

    [Fact]
    public async Task A_node_whose_log_cannot_be_synced_says_so_and_asks_to_be_stopped()
    {
        var disk = new NoSyncs();
        await using var node = await TestNode.StartAsync(OneLog, s_alice, disk: disk);
        await node.SubmitAsync("alice", [("a", "1")]);
        Assert.False(node.Host.Failed.IsCompleted);

        disk.IsBroken = true;
        // To be sent again, not given up: the entry may be in the log.
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice", [("b", "2")]));
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, refused.StatusCode);

        var what = await node.Host.Failed.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Contains("log alice", what, StringComparison.Ordinal);
        Assert.Contains("no sync", what, StringComparison.Ordinal);
        disk.IsBroken = false;
        await node.RestartAsync();
        Assert.Equal(3, (await node.SubmitAsync("alice", [("b", "2"), ("c", "3")])).GetProperty("treeSize").GetInt32());
    }

    [Theory]
    [InlineData("importing-{0}")]
    [InlineData("replaced/{0}-1767225600")]
    public async Task A_log_whose_import_was_interrupted_is_not_begun_anew(string left)
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.SubmitAsync("alice", [("a", "1")]);
        await node.StopAsync();
        var log = Assert.Single(Directory.GetDirectories(Path.Combine(node.Directory, "state", "logs")));
        var elsewhere = Path.Combine(
            node.Directory,
            "state",
            string.Format(System.Globalization.CultureInfo.InvariantCulture, left, Path.GetFileName(log))
        );
        Directory.CreateDirectory(Path.GetDirectoryName(elsewhere)!);
        Directory.Move(log, elsewhere);

        var refused = await Assert.ThrowsAsync<StartException>(node.RestartAsync);
        Assert.Contains(elsewhere, refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(log));

        Directory.Move(elsewhere, log);
        await node.RestartAsync();
        Assert.Equal(2, (await node.SubmitAsync("alice", [("b", "2")])).GetProperty("treeSize").GetInt32());
    }

    sealed class NoSyncs : WriteAheadDisk
    {
        public bool IsBroken { get; set; }

        public override void DataSync(SafeFileHandle file, string path)
        {
            if (IsBroken && path.EndsWith(".wal", StringComparison.Ordinal))
            {
                throw new IOException($"{path}: no sync");
            }
            base.DataSync(file, path);
        }
    }

    [Fact]
    public async Task Status_names_version_state_and_file()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);

        var status = await node.GetAsync("/v1/status");

        Assert.Equal($"{node.Directory}/state", status.GetProperty("state").GetString());
        Assert.Equal(node.ConfigurationFile, status.GetProperty("configFile").GetString());
        Assert.Equal(1, status.GetProperty("publishedLogs").GetInt32());
        Assert.StartsWith("http://127.0.0.1:", status.GetProperty("listen")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_names_the_gate_with_its_public_key()
    {
        var folder = Directory.CreateTempSubdirectory("qn-").FullName;
        using var key = NixCacheSecretKey.Generate("gate-1");
        key.Write(Path.Combine(folder, "gate.secret"));
        const string withGate = """
            signers: { alice: { path: alice.key } }
            publish:
            - { name: alice, protocol: nix, signer: alice }
            trust: { nix: { rule: alice } }
            gate: { nix: { listen: "http://127.0.0.1:0", signing_key: gate.secret, upstreams: ["http://127.0.0.1:1"] } }
            """;
        await using var node = await TestNode.StartAsync(withGate, s_alice, folder);

        var gate = (await node.GetAsync("/v1/status")).GetProperty("gates")[0];

        Assert.Equal("nix", gate.GetProperty("protocol").GetString());
        Assert.Equal(key.PublicKey.ToString(), gate.GetProperty("publicKey").GetString());
    }

    [Fact]
    public async Task Logs_entries_and_get_show_what_was_submitted()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.SubmitAsync("alice", [("a", "1"), ("b", "2")]);

        var log = (await node.GetAsync("/v1/logs")).GetProperty("published")[0];
        var entries = (await node.GetAsync("/v1/logs/alice/entries?start=0&finish=1")).GetProperty("entries");
        var found = (await node.GetAsync($"/v1/logs/{log.GetProperty("logId").GetString()}/get?keyHex=62")).GetProperty("entries");

        Assert.Equal("published", log.GetProperty("role").GetString());
        Assert.Equal(2UL, log.GetProperty("head").GetProperty("treeSize").GetUInt64());
        Assert.Equal(["a", "b"], entries.EnumerateArray().Select(e => e.GetProperty("key").GetString()));
        Assert.Equal("2"u8.ToArray(), found[0].GetProperty("value").GetBytesFromBase64());
    }

    [Fact]
    public async Task Second_value_of_a_key_is_reported_as_self_divergence()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.SubmitAsync("alice", [("a", "1")]);

        var second = await node.SubmitAsync("alice", [("a", "2")]);

        Assert.Equal("61", second.GetProperty("divergences")[0].GetProperty("keyHex").GetString());
        Assert.Contains(node.LogLines, l => l.Contains("Self-divergence in log alice: key a", StringComparison.Ordinal));
        var metrics = await node.Control.GetStringAsync("/metrics");
        Assert.Contains("quorate_log_self_divergences_total{log=\"alice\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("quorate_log_entries{log=\"alice\",role=\"published\"} 2", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_survive_a_restart()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.SubmitAsync("alice", [("a", "1")]);
        var before = (await node.GetAsync("/v1/logs/alice/head")).GetRawText();

        await node.RestartAsync();

        Assert.Equal(before, (await node.GetAsync("/v1/logs/alice/head")).GetRawText());
    }

    [Theory]
    [InlineData("/v1/logs/alcie/head", HttpStatusCode.NotFound, "did you mean 'alice'?")]
    [InlineData("/v1/logs/alice/entries?start=0&finish=0", HttpStatusCode.BadRequest, "invalid_argument")]
    [InlineData("/v1/logs/alice/entries?start=x&finish=0", HttpStatusCode.BadRequest, "'start' must be a whole number")]
    [InlineData("/v1/logs/alice/get", HttpStatusCode.BadRequest, "give either 'key'")]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound, "not_found")]
    public async Task Bad_reads_have_a_code_and_a_sentence(string path, HttpStatusCode status, string expected)
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);

        var error = await Assert.ThrowsAsync<HttpRequestException>(() => node.GetAsync(path));

        Assert.Equal(status, error.StatusCode);
        Assert.Contains(expected, error.Message.Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/logs/alice/submit", "{\"items\":[{\"key\":\"!\",\"value\":\"\"}]}", 400)]
    [InlineData("/v1/logs/alice/submit", "{\"items\":[],\"itmes\":[]}", 400)]
    [InlineData("/v1/logs/alice/submit", "{\"items\":[],\"items\":[]}", 400)]
    [InlineData("/v1/logs/alice/submit", "{}", 400)]
    [InlineData("/v1/logs/alice/submit", "null", 400)]
    [InlineData("/v1/logs/alice/submit", "", 400)]
    [InlineData("/v1/logs/alice/submit", "{\"items\":[null]}", 400)]
    [InlineData("/v1/logs/alice/submit", "{\"items\":[],\"relayed\":true}", 412)]
    [InlineData("/v1/decide", "{\"protocol\":\"nxi\",\"key\":\"a\"}", 400)]
    [InlineData("/v1/decide", "{\"protocol\":\"test\"}", 400)]
    [InlineData("/v1/decide", "{\"protocol\":\"test\",\"keyHex\":\"6A\"}", 400)]
    [InlineData("/v1/decide", "{\"protocol\":\"nix\",\"key\":\"a\"}", 412)]
    public async Task Bad_posts_are_refused_with_a_code(string path, string body, int status)
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);

        using var response = await node.Control.PostAsync(path, new StringContent(body));

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains("\"code\":", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Public_listener_serves_no_control_route()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        using var client = new HttpClient { BaseAddress = node.PublicUrl };

        foreach (var path in new[] { "/v1/status", "/v1/logs", "/v1/logs/alice/head" })
        {
            using var response = await client.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }
    }

    [Fact]
    public async Task Public_metrics_name_no_log()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        using var client = new HttpClient { BaseAddress = node.PublicUrl };
        await node.SubmitAsync("alice", [("a", "1")]);

        var metrics = await client.GetStringAsync("/metrics");

        Assert.Contains("process_resident_memory_bytes", metrics, StringComparison.Ordinal);
        Assert.Contains("quorate_log_submits_total 1", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_and_readiness_answer_on_both_listeners()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        using var client = new HttpClient { BaseAddress = node.PublicUrl };

        Assert.Equal("ok\n", await client.GetStringAsync("/healthz"));
        Assert.Contains("\"ready\":true", await client.GetStringAsync("/readyz"), StringComparison.Ordinal);
        Assert.Contains("\"ready\":true", await node.Control.GetStringAsync("/readyz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Control_socket_is_open_to_owner_and_group_only()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);

        var mode = File.GetUnixFileMode($"{node.Directory}/c.sock");

        Assert.Equal("110110000", Convert.ToString((int)mode, 2));
    }

    [Fact]
    public async Task Stale_socket_file_is_replaced()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.StopAsync();
        using (
            var socket = new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.Unix,
                System.Net.Sockets.SocketType.Stream,
                System.Net.Sockets.ProtocolType.Unspecified
            )
        )
        {
            socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint($"{node.Directory}/d.sock"));
            File.Move($"{node.Directory}/d.sock", $"{node.Directory}/c.sock");
        }

        await node.RestartAsync();

        Assert.Equal("ok\n", await node.Control.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task File_in_place_of_the_control_socket_is_not_deleted()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        await node.StopAsync();
        var path = $"{node.Directory}/c.sock";
        await File.WriteAllTextAsync(path, "precious");

        var error = await Assert.ThrowsAsync<StartException>(node.RestartAsync);

        Assert.Contains("is not a socket", error.Message, StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task Second_node_on_the_same_state_is_refused_by_name()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        var other = OneLog + $"\nnode: {{ state: {node.Directory}/state, control: unix://{node.Directory}/other.sock }}";

        var error = await Assert.ThrowsAsync<StartException>(() => TestNode.StartAsync(other, s_alice));

        Assert.Contains("is in use by another process", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Port_in_use_is_named()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        var other = $"node: {{ state: {{dir}}/state, listen: [\"{node.PublicUrl.GetLeftPart(UriPartial.Authority)}\"] }}";

        var error = await Assert.ThrowsAsync<StartException>(() => TestNode.StartAsync(other));

        Assert.Contains(
            $"cannot listen on {node.PublicUrl.GetLeftPart(UriPartial.Authority)}: the address is already in use",
            error.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Reload_of_a_bad_file_keeps_the_old_configuration()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        node.Configure(OneLog.Replace("rule: alice", "rule: alcie", StringComparison.Ordinal));

        using var response = await node.Control.PostAsync("/v1/reload", null);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("trust.test.rule", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await node.SubmitAsync("alice", [("a", "1")]);
        Assert.Equal("accepted", (await node.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        Assert.Contains(node.LogLines, l => l.Contains("Reload refused, the old configuration stays", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reload_with_a_log_that_cannot_be_opened_keeps_the_old_ones()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        node.Configure(
            OneLog
                .Replace("signers: {", "signers: { bob: { path: absent.key },", StringComparison.Ordinal)
                .Replace("signer: alice }", "signer: alice }\n- { name: bob, protocol: test, signer: bob }", StringComparison.Ordinal)
        );

        await Assert.ThrowsAsync<ConfigurationException>(node.ReloadAsync);

        Assert.Equal(1, (await node.SubmitAsync("alice", [("a", "1")])).GetProperty("added").GetInt32());
    }

    [Fact]
    public async Task Reload_with_a_gate_that_cannot_listen_puts_the_old_configuration_back()
    {
        await using var node = await StartWithGateAsync();
        await node.SubmitAsync("alice", [("a", "1")]);
        ConfigureWithoutAlice(node);

        var error = await Assert.ThrowsAsync<StartException>(node.ReloadAsync);

        Assert.Contains("the Nix gate cannot listen", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsOldRestored);
        Assert.Contains(node.LogLines, l => l.Contains("Reload refused, the old configuration stays", StringComparison.Ordinal));
        var published = (await node.GetAsync("/v1/logs")).GetProperty("published");
        Assert.Equal(["alice", "nixer"], published.EnumerateArray().Select(l => l.GetProperty("name").GetString()));
        Assert.Equal("accepted", (await node.DecideAsync("test", "a")).GetProperty("verdict").GetString());
        using var client = new HttpClient();
        var info = await client.GetStringAsync(Assert.Single(node.Host.Context.Gates).Address + "/nix-cache-info");
        Assert.Contains("StoreDir: /nix/store", info, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_that_fails_when_the_old_configuration_is_gone_says_so()
    {
        await using var node = await StartWithGateAsync();
        ConfigureWithoutAlice(node);
        File.Delete($"{node.Directory}/alice.key");

        var error = await Assert.ThrowsAsync<StartException>(node.ReloadAsync);

        Assert.False(error.IsOldRestored);
        Assert.Contains("nor could the old configuration be put back", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(node.LogLines, l => l.Contains("the old configuration stays", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Value_of_max_value_does_not_fit_a_body_of_the_same_size()
    {
        await using var node = await TestNode.StartAsync(WithMaxBody("1MiB"), s_alice);

        await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice", [("a", new string('x', 1 << 20))]));

        Assert.Equal(0UL, (await node.GetAsync("/v1/logs/alice/head")).GetProperty("treeSize").GetUInt64());
    }

    [Fact]
    public async Task Value_of_max_value_fits_a_body_half_as_large_again()
    {
        await using var node = await TestNode.StartAsync(WithMaxBody("1536KiB"), s_alice);

        var result = await node.SubmitAsync("alice", [("a", new string('x', 1 << 20))]);

        Assert.Equal(1, result.GetProperty("added").GetInt32());
    }

    [Fact]
    public async Task Reload_opens_new_logs_and_keeps_running_ones()
    {
        await using var node = await TestNode.StartAsync(OneLog, new Dictionary<string, byte> { ["alice.key"] = 1, ["bob.key"] = 2 });
        await node.SubmitAsync("alice", [("a", "1")]);
        node.Configure(
            OneLog
                .Replace("signers: {", "signers: { bob: { path: bob.key },", StringComparison.Ordinal)
                .Replace("signer: alice }", "signer: alice }\n- { name: bob, protocol: test, signer: bob }", StringComparison.Ordinal)
                .Replace("rule: alice", "rule: alice and bob", StringComparison.Ordinal)
        );

        await node.ReloadAsync();
        await node.SubmitAsync("bob", [("a", "1")]);

        var decision = await node.DecideAsync("test", "a");
        Assert.Equal(["alice", "bob"], decision.GetProperty("supporters").EnumerateArray().Select(s => s.GetString()));
    }

    [Fact]
    public async Task Reload_says_what_needs_a_restart()
    {
        await using var node = await TestNode.StartAsync(OneLog, s_alice);
        node.Configure($"node: {{ state: {{dir}}/state, control: \"unix://{{dir}}/other.sock\" }}\n{OneLog}");

        var notes = await node.ReloadAsync();

        Assert.Contains("node.listen, node.control and node.tls take effect at the next restart", notes);
        Assert.Equal("ok\n", await node.Control.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task Filter_holds_back_and_counts_what_may_not_be_published()
    {
        const string filtered = """
            signers: { alice: { path: alice.key } }
            publish:
            - { name: alice, protocol: nix, signer: alice, filter: { deny: ["secret-*"] } }
            """;
        await using var node = await TestNode.StartAsync(filtered, s_alice);
        const string open = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello";
        const string secret = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-secret-plan";

        var result = await node.SubmitAsync("alice", [(open, Claim(open)), (secret, Claim(secret)), (open + "x", "junk")]);

        Assert.Equal(1, result.GetProperty("added").GetInt32());
        Assert.Equal(2, result.GetProperty("filtered").GetInt32());
        Assert.Equal(1UL, result.GetProperty("treeSize").GetUInt64());
    }

    [Fact]
    public async Task Relayed_items_are_taken_by_a_log_of_relayed_claims()
    {
        await using var node = await TestNode.StartAsync(
            OneLog.Replace("signer: alice }", "signer: alice, claims: relayed }", StringComparison.Ordinal),
            s_alice
        );

        var result = await node.PostAsync(
            "/v1/logs/alice/submit",
            new { items = new[] { new { key = "YQ==", value = "MQ==" } }, relayed = true }
        );

        Assert.Equal(1, result.GetProperty("added").GetInt32());
    }

    static string WithMaxBody(string size) =>
        $"node: {{ state: {{dir}}/state, control: \"unix://{{dir}}/c.sock\", max_value: 1MiB, max_body: {size} }}\n{OneLog}";

    static string WithGate(string signer, string listen) =>
        $$"""
            signers: { {{signer}}: { path: {{signer}}.key }, nixer: { path: nixer.key } }
            publish:
            - { name: {{signer}}, protocol: test, signer: {{signer}} }
            - { name: nixer, protocol: nix, signer: nixer }
            trust: { test: { rule: {{signer}} }, nix: { rule: nixer } }
            gate:
              nix: { listen: "{{listen}}", signing_key: gate.secret, upstreams: [http://127.0.0.1:1] }
            """;

    static async Task<TestNode> StartWithGateAsync()
    {
        var folder = Directory.CreateTempSubdirectory("qn-").FullName;
        using (var key = NixCacheSecretKey.Generate("gate-1"))
        {
            key.Write(Path.Combine(folder, "gate.secret"));
        }
        var keys = new Dictionary<string, byte>
        {
            ["alice.key"] = 1,
            ["bob.key"] = 2,
            ["nixer.key"] = 3,
        };
        return await TestNode.StartAsync(WithGate("alice", "http://127.0.0.1:0"), keys, folder);
    }

    /// <summary>Bob's log and rule in place of Alice's, and a gate where something listens already.</summary>
    static void ConfigureWithoutAlice(TestNode node) => node.Configure(WithGate("bob", node.PublicUrl.GetLeftPart(UriPartial.Authority)));

    static string Claim(string path) =>
        $"{{\"path\":\"{path}\",\"narHash\":\"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"narSize\":1,\"references\":[]}}";
}
