using System.Text;
using System.Text.Json;
using Quorate.Cli.Hook;
using Quorate.Crypto.Keys;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class HookSigningTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Fact]
    public async Task Hook_with_a_claim_key_signs_the_build_and_delivers_the_claim()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync();
        node.Keeps(build.Derivation.HashPart);
        var report = await HookAsync(build, node.Address);
        Assert.Single(node.Requests, r => r.StartsWith($"PUT /traces/drv/{build.Derivation.HashPart}", StringComparison.Ordinal));
        Assert.Equal((1, 0, ""), (report.Signed, report.KeptToSign, report.Problem));
        var submitted = Assert.Single(node.Requests, request => request.Contains("/v1/logs/traces/submit", StringComparison.Ordinal));
        using var body = JsonDocument.Parse(submitted[submitted.IndexOf('{', StringComparison.Ordinal)..]);
        var item = body.RootElement.GetProperty("items")[0].EnumerateObject().ToDictionary(m => m.Name, m => m.Value.ToString());
        var bytes = item.Values.Select(Bytes).ToArray();
        Assert.Contains(bytes, b => Encoding.ASCII.GetString(b) == build.Derivation.HashPart);
        Assert.Contains(bytes, b => Admit(build, b).Claims is [{ Built: true }]);
        Assert.Equal((0, 0), (_f.SpoolState().ToSign, _f.SpoolState().Batches));
    }

    [Fact]
    public async Task Hook_without_a_readable_key_keeps_the_build_and_flush_signs_it()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync();
        File.Move(_f["claims.key"], _f["elsewhere"]);
        var report = await HookAsync(build, node.Address);
        Assert.Equal((0, 1), (report.Signed, report.KeptToSign));
        Assert.Equal(1, _f.SpoolState().ToSign);
        File.Move(_f["elsewhere"], _f["claims.key"]);
        var progress = await SignWaitingAsync();
        Assert.Equal((1, 0), (progress.Signed, progress.Waiting));
        Assert.Equal((0, 1), (_f.SpoolState().ToSign, _f.SpoolState().Batches));
    }

    [Fact]
    public async Task Hook_whose_node_is_away_keeps_the_claim()
    {
        var build = await BuildAsync();
        var report = await HookAsync(build, "unix:///nowhere.socket");
        Assert.Equal(1, report.Signed);
        Assert.Equal(2, _f.SpoolState().Batches);
    }

    [Fact]
    public async Task Hook_signs_nothing_of_which_the_filter_holds_an_output_back()
    {
        var build = await BuildAsync();
        _f.Give("alice", new FilterInfo([], ["a-dev"], [], []));
        await using var node = await NodeAsync();
        var report = await HookAsync(build, node.Address);
        Assert.Equal(0, report.Signed);
        Assert.Equal(0, _f.SpoolState().ToSign);
        Assert.DoesNotContain(node.Requests, request => request.Contains("/v1/logs/traces/submit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Hook_of_an_unresolved_derivation_signs_nothing_and_keeps_nothing()
    {
        var build = await BuildAsync("""[("/nix/store/00000000000000000000000000000000-x.drv",["out"])]""");
        await using var node = await NodeAsync();
        var report = await HookAsync(build, node.Address);
        Assert.Equal((0, 0, ""), (report.Signed, report.KeptToSign, report.Problem));
        Assert.Equal(0, _f.SpoolState().ToSign);
    }

    [Fact]
    public async Task Hook_of_changed_outputs_signs_nothing_and_sets_the_note_aside()
    {
        var build = await BuildAsync();
        await File.AppendAllTextAsync(build.OnDisk(build.Out), "x");
        await using var node = await NodeAsync();
        var report = await HookAsync(build, node.Address);
        Assert.Equal(0, report.Signed);
        Assert.Contains("not signed", report.Problem, StringComparison.Ordinal);
        Assert.Equal((0, 1), (_f.SpoolState().ToSign, _f.SpoolState().SetAside));
    }

    // A build never waits: with no time at all the note is there, and nothing else happened.
    [Fact]
    public async Task Hook_without_time_notes_the_build_to_be_signed_later()
    {
        var build = await BuildAsync();
        var report = await HookAsync(build, "unix:///nowhere.socket", TimeSpan.Zero);
        Assert.Equal((0, 1), (report.Signed, report.KeptToSign));
        Assert.Equal(1, _f.SpoolState().ToSign);
    }

    [Fact]
    public void Options_with_a_key_and_no_log_are_refused() =>
        Assert.False(HookOptions.TryParse(["--claim-key", "k"], _ => null, out _, out _));

    async Task<LabBuild> BuildAsync(string inputs = "[]")
    {
        var build = await LabBuild.CreateAsync(_f["root"], inputs: inputs);
        build.WriteNixStore(_f["nix-store"]);
        using var key = NixCacheSecretKey.Generate("claims");
        key.Write(_f["claims.key"]);
        _f.PublishAll("alice");
        return build;
    }

    async Task<FakeNode> NodeAsync()
    {
        var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"), FakeNode.Log("traces").Replace("\"nix\"", "\"nix-trace\"", StringComparison.Ordinal));
        node.Accepts("alice");
        node.Accepts("traces");
        return node;
    }

    Task<HookReport> HookAsync(LabBuild build, string node, TimeSpan? budget = null) =>
        new PostBuildHook(
            _f.Options(node, "alice") with
            {
                ClaimKey = _f["claims.key"],
                TraceLog = "traces",
                Store = build.Root,
            },
            name =>
                name == "OUT_PATHS" ? string.Join(' ', build.Paths)
                : name == "DRV_PATH" ? build.Derivation.ToString()
                : null,
            address => new RawControlTransport(address)
        )
        {
            Ancestors = _ => null,
            Budget = budget ?? TimeSpan.FromSeconds(30),
        }.RunAsync(CancellationToken.None);

    async Task<SigningProgress> SignWaitingAsync()
    {
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        using var key = NixCacheSecretKey.Read(_f["claims.key"], out _);
        return await new SpoolSigning(spool, _f["nix-store"], key, "alice", TimeProvider.System).SignAsync(CancellationToken.None);
    }

    TraceFindings Admit(LabBuild build, byte[] element)
    {
        using var key = NixCacheSecretKey.Read(_f["claims.key"], out _);
        var findings = new TraceFindings();
        new TraceAdmission(new TraceKeys([key.PublicKey.Key])).Admit(
            TraceElement.Of(element),
            TraceSamples.Question with
            {
                Input = ResolvedInputHash.Of(build.Derivation),
            },
            findings
        );
        return findings;
    }

    static byte[] Bytes(string text)
    {
        var buffer = new byte[text.Length];
        return Convert.TryFromBase64String(text, buffer, out var written) ? buffer[..written] : Encoding.UTF8.GetBytes(text);
    }
}
