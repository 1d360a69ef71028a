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

    // Whoever mirrors the log cannot know what a claim is about without the derivation.
    [Fact]
    public async Task Claim_that_waited_is_delivered_together_with_its_derivation()
    {
        var build = await BuildAsync();
        await HookAsync(build, "unix:///nowhere.socket");
        await using var node = await NodeAsync();
        node.Keeps(build.Derivation.HashPart);

        await using var client = new ControlClient(new RawControlTransport(NodeAddress.Locate(node.Address, _ => null)));
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        await new HookDelivery(client, spool, "alice").CatchUpAsync(CancellationToken.None);

        var kept = Assert.Single(
            node.Requests,
            r => r.StartsWith($"PUT /traces/drv/{build.Derivation.HashPart}", StringComparison.Ordinal)
        );
        Assert.EndsWith(await File.ReadAllTextAsync(build.OnDisk(build.Derivation)), kept, StringComparison.Ordinal);
        Assert.Equal(0, _f.SpoolState().Batches);
    }

    [Theory]
    [InlineData(503, 1)]
    [InlineData(429, 1)]
    [InlineData(403, 0)]
    public async Task Claim_waits_on_while_its_derivation_may_still_reach_the_node(int status, int waiting)
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync();
        node.Answers[$"/traces/drv/{build.Derivation.HashPart}"] = _ => (status, """{"error":{"code":"some","message":"said"}}""");

        await HookAsync(build, node.Address);

        Assert.Equal(waiting, _f.SpoolState().Batches);
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

    // As Nix 2.8 calls it for what it did not resolve itself: nobody names the outputs, and the derivation cannot.
    [Fact]
    public async Task Hook_that_is_told_no_outputs_asks_for_what_was_realised_and_signs()
    {
        var build = await BuildAsync();
        await using var node = await NodeAsync();
        node.Keeps(build.Derivation.HashPart);
        var report = await HookAsync(build, node.Address, outPaths: "");
        Assert.Equal((1, 0, ""), (report.Signed, report.KeptToSign, report.Problem));
    }

    [Fact]
    public async Task Hook_that_is_told_no_outputs_and_has_no_time_leaves_them_to_be_asked_for()
    {
        var build = await BuildAsync();
        var report = await HookAsync(build, "unix:///nowhere.socket", TimeSpan.Zero, outPaths: "");
        Assert.Equal((0, 1), (report.Signed, report.KeptToSign));
        var progress = await SignWaitingAsync();
        Assert.Equal((1, 0), (progress.Signed, progress.Waiting));
    }

    [Fact]
    public async Task Hook_that_is_told_no_outputs_signs_nothing_that_was_changed()
    {
        var build = await BuildAsync();
        await File.AppendAllTextAsync(build.OnDisk(build.Out), "x");
        var report = await HookAsync(build, "unix:///nowhere.socket", outPaths: "");
        Assert.Equal(0, report.Signed);
        Assert.Equal((0, 1), (_f.SpoolState().ToSign, _f.SpoolState().SetAside));
    }

    [Fact]
    public async Task Hook_of_an_unresolved_derivation_without_outputs_keeps_nothing_to_sign()
    {
        var build = await BuildAsync("""[("/nix/store/00000000000000000000000000000000-x.drv",["out"])]""");
        build.ForgetOutputs(_f["nix-store"]);
        var report = await HookAsync(build, "unix:///nowhere.socket", outPaths: "");
        Assert.Equal((0, 0), (report.Signed, report.KeptToSign));
        Assert.Equal(0, _f.SpoolState().ToSign);
    }

    [Fact]
    public async Task Hook_whose_Nix_does_not_tell_the_outputs_keeps_the_build()
    {
        var build = await BuildAsync();
        build.ForgetOutputs(_f["nix-store"]);
        var report = await HookAsync(build, "unix:///nowhere.socket", outPaths: "");
        Assert.Equal((0, 1), (report.Signed, report.KeptToSign));
        Assert.Contains("Cannot use output path", report.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hook_writes_the_format_that_it_was_told()
    {
        var build = await BuildAsync();
        await HookAsync(build, "unix:///nowhere.socket", claims: new ClaimForm { Format = TraceFormat.Jws2 });
        var claim = Assert.Single(Admit(build, Spooled()).Claims);
        Assert.Equal(TraceFormat.Jws2, claim.Evidence[0].Format);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public async Task Hook_signs_an_input_addressed_build_only_when_it_is_told(bool wanted, int signed)
    {
        var build = await LabBuild.CreateInputAddressedAsync(_f["root"]);
        Prepare(build);
        var report = await HookAsync(build, "unix:///nowhere.socket", claims: new ClaimForm { InputAddressed = wanted });
        Assert.Equal((signed, 0), (report.Signed, report.KeptToSign));
    }

    // The cache is a convenience: a directory that cannot be used makes nothing fail.
    [Fact]
    public async Task Hook_whose_view_cache_is_open_to_others_signs_without_it()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_f["root"]);
        Prepare(build);
        Directory.CreateDirectory(_f["views"], (UnixFileMode)0b111_101_101);
        var report = await HookAsync(build, "unix:///nowhere.socket", claims: new ClaimForm { InputAddressed = true }, views: _f["views"]);
        Assert.Equal(1, report.Signed);
        Assert.Empty(Directory.GetFiles(_f["views"]));
    }

    [Fact]
    public void Options_of_an_installed_hook_say_how_claims_are_written()
    {
        string[] words =
        [
            "--claim-key=k",
            "--trace-log=t",
            "--input-addressed",
            "--view-cache=/v",
            "--dependencies",
            "--include-preimage",
            "--builder-software=github:example/builders",
            "--builder-software-digest=gitCommit=00",
            "--builder-software-digest=sha256=11",
        ];
        Assert.True(HookOptions.TryParse(words, _ => null, out var options, out var error), error);
        Assert.Equal((TraceFormat.Bundle, true, true, true), Said(options.Claims));
        Assert.Equal("/v", options.ViewCache);
        Assert.Equal("github:example/builders", options.Claims.Software!.Uri);
        Assert.Equal(["gitCommit", "sha256"], options.Claims.Software.Digests.Keys);
    }

    [Theory]
    [InlineData("--format=pdf")]
    [InlineData("--format=jws2", "--input-addressed")]
    [InlineData("--format=jws3", "--dependencies")]
    [InlineData("--builder-software-digest=a=b")]
    [InlineData("--builder-software=x", "--builder-software-digest=a")]
    public void Options_that_contradict_each_other_are_refused(params string[] words) =>
        Assert.False(HookOptions.TryParse(["--claim-key=k", "--trace-log=t", .. words], _ => null, out _, out _));

    [Fact]
    public void Options_without_input_addressed_builds_need_no_view_cache()
    {
        Assert.True(HookOptions.TryParse(["--claim-key=k", "--trace-log=t"], _ => null, out var options, out _));
        Assert.Null(options.ViewCache);
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

    static (TraceFormat, bool, bool, bool) Said(ClaimForm form) =>
        (form.Format, form.InputAddressed, form.WithDependencies, form.WithPreimage);

    async Task<LabBuild> BuildAsync(string inputs = "[]")
    {
        var build = await LabBuild.CreateAsync(_f["root"], inputs: inputs);
        Prepare(build);
        return build;
    }

    void Prepare(LabBuild build)
    {
        build.WriteNixStore(_f["nix-store"]);
        using var key = NixCacheSecretKey.Generate("claims");
        key.Write(_f["claims.key"]);
        _f.PublishAll("alice");
    }

    /// <summary>The claim that waits for the log of traces.</summary>
    byte[] Spooled()
    {
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        return Assert.Single(spool.Waiting().Select(name => spool.Read(name)!), batch => batch.Log == "traces").Items[0].Value.ToArray();
    }

    async Task<FakeNode> NodeAsync()
    {
        var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"), FakeNode.Log("traces").Replace("\"nix\"", "\"nix-trace\"", StringComparison.Ordinal));
        node.Accepts("alice");
        node.Accepts("traces");
        return node;
    }

    Task<HookReport> HookAsync(
        LabBuild build,
        string node,
        TimeSpan? budget = null,
        string? outPaths = null,
        ClaimForm? claims = null,
        string? views = null
    ) =>
        new PostBuildHook(
            _f.Options(node, "alice") with
            {
                ClaimKey = _f["claims.key"],
                TraceLog = "traces",
                Store = build.Root,
                Claims = claims ?? ClaimForm.Default,
                ViewCache = views,
            },
            name =>
                name == "OUT_PATHS" ? outPaths ?? string.Join(' ', build.Paths)
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
        return await new SpoolSigning(spool, _f["nix-store"], key, "alice", TimeProvider.System, ClaimForm.Default).SignAsync(
            CancellationToken.None
        );
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
