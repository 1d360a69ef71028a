using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Xunit;

namespace Quorate.Tests.Cli;

/// <summary>What happens to paths of which Nix does not say at once what they are.</summary>
public sealed class BarePathsTests : IDisposable
{
    const string Gone = "/nix/store/4ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-gone";
    const string Derivation = "/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv";

    readonly CliFixture _f = new();

    public BarePathsTests() => _f.PublishAll();

    public void Dispose() => _f.Dispose();

    [Theory]
    [InlineData(CliFixture.Hello, null)]
    [InlineData("", Derivation)]
    public async Task Run_with_a_nix_store_that_hangs_keeps_the_names(string paths, string? derivation)
    {
        _f.NixStore("exec sleep 600");
        var report = await RunUntilTimeIsUpAsync(paths, derivation);
        Assert.Equal((1, 0), (report.KeptPaths, report.Dropped));
        Assert.Equal(1, _f.SpoolState().Unresolved);
    }

    [Fact]
    public async Task Run_after_a_nix_store_that_hung_does_not_ask_it()
    {
        _f.NixStore("exec sleep 600");
        await RunUntilTimeIsUpAsync(CliFixture.Hello);
        await _f.HookAsync("unix:///nowhere", CliFixture.Secret);
        Assert.Equal(2, _f.SpoolState().Unresolved);
        Assert.Single(File.ReadAllLines(_f["nix-store.args"]));
    }

    [Fact]
    public async Task Run_with_a_nix_store_that_cannot_be_run_keeps_the_names()
    {
        var line = await _f.HookAsync("unix:///nowhere", CliFixture.Hello);
        Assert.Contains("cannot be run", line, StringComparison.Ordinal);
        Assert.Equal((1, 0L), (_f.SpoolState().Unresolved, _f.SpoolState().Dropped));
    }

    [Fact]
    public async Task Run_with_one_bad_path_logs_the_good_ones()
    {
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        var line = await _f.HookAsync(node.Address, $"{CliFixture.Hello} {Gone} {CliFixture.Secret}");
        Assert.StartsWith("2 paths logged in alice", line, StringComparison.Ordinal);
        Assert.Equal(1, _f.SpoolState().Unresolved);
    }

    [Fact]
    public async Task Run_keeps_no_name_that_the_filter_denies()
    {
        _f.Give("", new FilterInfo([], ["secret-*"], [], []));
        await _f.HookAsync("unix:///nowhere", CliFixture.Secret);
        Assert.Equal((0, 0), (_f.SpoolState().Unresolved, _f.SpoolState().Batches));
    }

    [Theory]
    [InlineData("", "hello", "", 0)]
    [InlineData("", "", "hello", 0)]
    [InlineData("", "other", "", 1)]
    // What may be published is a question of the outputs' names.
    [InlineData("hello", "", "", 1)]
    public async Task Run_keeps_no_derivation_that_the_filter_denies(string allow, string denyDeriver, string denyReferences, int kept)
    {
        static string[] List(string glob) => glob.Length > 0 ? [glob + "*"] : [];
        _f.Give("", new FilterInfo(List(allow), [], List(denyDeriver), List(denyReferences)));
        await _f.Hook("unix:///nowhere", "", derivation: Derivation).RunAsync(CancellationToken.None);
        Assert.Equal(kept, _f.SpoolState().Unresolved);
    }

    [Fact]
    public async Task Run_remembers_the_store_that_the_build_used()
    {
        var hook = new Quorate.Cli.Hook.PostBuildHook(
            _f.Options("unix:///nowhere"),
            name =>
                name switch
                {
                    "OUT_PATHS" => CliFixture.Hello,
                    "NIX_CONFIG" => "substituters =\nstore = /tmp/b store\n",
                    "NIX_STORE_DIR" => "/nix/store",
                    _ => null,
                },
            address => new RawControlTransport(address)
        )
        {
            Ancestors = _ => "nix-build\0--store\0/tmp/a\0",
        };
        await hook.RunAsync(CancellationToken.None);
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        var record = spool.ReadPaths(Assert.Single(spool.Unresolved()))!;
        Assert.Equal(["/tmp/a", "/tmp/b store"], record.Stores);
        Assert.Equal("/nix/store", record.StoreDir);
    }

    [Fact]
    public async Task Run_resolves_what_an_earlier_one_left()
    {
        await _f.HookAsync("unix:///nowhere", CliFixture.Secret);
        _f.NixStore();
        await using var node = await FakeNode.StartAsync(_f.Folder);
        node.Publishes(FakeNode.Log("alice"));
        node.Accepts("alice");
        await _f.HookAsync(node.Address, CliFixture.Hello);
        Assert.Equal((0, 1), (_f.SpoolState().Unresolved, _f.SpoolState().Batches));
    }

    [Fact]
    public async Task ResolveAsync_makes_claims_of_paths()
    {
        Add(Record(CliFixture.Hello));
        _f.NixStore();
        Assert.Equal(1, (await _f.ResolveAsync()).Resolved);
        using var spool = HookSpool.Open(_f.Spool, create: false)!;
        var batch = spool.Read(Assert.Single(spool.Waiting()))!;
        Assert.Equal(CliFixture.HelloClaim, System.Text.Encoding.ASCII.GetString(batch.Items[0].Value.Span));
        Assert.Empty(spool.Unresolved());
    }

    [Fact]
    public async Task ResolveAsync_of_a_derivation_makes_claims_of_its_outputs()
    {
        Add(Record() with { Derivation = StorePath.Parse(Derivation) });
        _f.NixStore();
        Assert.Equal(2, (await _f.ResolveAsync()).Resolved);
    }

    [Fact]
    public async Task ResolveAsync_counts_what_was_collected_and_keeps_the_rest()
    {
        Add(Record(CliFixture.Hello, Gone));
        _f.NixStore();
        var progress = await _f.ResolveAsync();
        Assert.Equal((1, 1, 0), (progress.Resolved, progress.Collected, progress.Waiting));
        Assert.Equal(1, _f.SpoolState().Collected);
    }

    [Fact]
    public async Task ResolveAsync_with_a_store_that_fails_waits()
    {
        Add(Record(CliFixture.Hello));
        _f.NixStore("echo 'error: no disk' >&2; exit 1");
        var progress = await _f.ResolveAsync();
        Assert.Equal((0, 1, "error: no disk"), (progress.Collected, progress.Waiting, progress.Problem));
        Assert.Equal(1, _f.SpoolState().Unresolved);
    }

    [Fact]
    public async Task ResolveAsync_gives_up_after_a_week()
    {
        Add(Record(CliFixture.Hello) with { Time = TimeProvider.System.GetUtcNow() - SpoolResolution.Patience - TimeSpan.FromHours(1) });
        _f.NixStore("exit 1");
        Assert.Equal(1, (await _f.ResolveAsync()).Expired);
        Assert.Equal((0, 1L), (_f.SpoolState().Unresolved, _f.SpoolState().Dropped));
    }

    [Fact]
    public async Task ResolveAsync_applies_the_filter_to_references()
    {
        _f.Give("", new FilterInfo([], [], [], ["hello"]));
        Add(Record(CliFixture.Secret));
        _f.NixStore();
        Assert.Equal(1, (await _f.ResolveAsync()).Withheld);
        Assert.Equal((0, 0), (_f.SpoolState().Unresolved, _f.SpoolState().Batches));
    }

    [Fact]
    public async Task ResolveAsync_without_a_known_filter_makes_no_claims()
    {
        Add(Record(CliFixture.Hello) with { Log = "another" });
        _f.NixStore();
        Assert.Equal((0, 1), ((await _f.ResolveAsync()).Resolved, _f.SpoolState().Unresolved));
    }

    [Fact]
    public async Task ResolveAsync_with_a_store_that_was_removed_does_not_make_it_again()
    {
        Add(Record(CliFixture.Hello) with { Stores = [_f["removed"]] });
        _f.NixStore();
        Assert.Equal(1, (await _f.ResolveAsync()).Collected);
        Assert.False(File.Exists(_f["nix-store.args"]));
    }

    [Fact]
    public async Task ResolveAsync_does_not_claim_what_entered_the_store_after_the_build()
    {
        Directory.CreateDirectory(_f["store"] + CliFixture.Hello);
        Add(Record(CliFixture.Hello) with { Stores = [_f["store"]], Time = TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(1) });
        _f.NixStore();
        var progress = await _f.ResolveAsync();
        Assert.Equal((0, 1), (progress.Resolved, progress.Collected));
    }

    [Fact]
    public async Task ResolveAsync_as_root_asks_no_store_that_somebody_elses_spool_names()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may use another user's spool");
        Add(Record(CliFixture.Hello) with { Stores = ["/"] });
        foreach (var path in Directory.GetFileSystemEntries(_f.Spool).Prepend(_f.Spool))
        {
            using var chown = System.Diagnostics.Process.Start("chown", ["1234", path]);
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        _f.NixStore();
        Assert.Contains("another user", (await _f.ResolveAsync()).Problem, StringComparison.Ordinal);
        Assert.False(File.Exists(_f["nix-store.args"]));
    }

    [Fact]
    public void TryDecode_round_trips() =>
        Prop.ForAll<NonNull<string>, bool, uint>(
                (log, own, time) =>
                {
                    // A lone half of a surrogate pair is no text.
                    var name = System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(log.Get));
                    var record = Record(CliFixture.Hello) with
                    {
                        Log = name,
                        Time = DateTimeOffset.FromUnixTimeMilliseconds(time),
                        Stores = own ? [null] : ["/a", null],
                        StateDir = own ? null : name,
                    };
                    return BarePaths.TryDecode(record.Encode(), out var read, out _)
                        && (read.Log, read.Time, read.StateDir) == (record.Log, record.Time, record.StateDir)
                        && read.Stores.SequenceEqual(record.Stores)
                        && read.Paths.SequenceEqual(record.Paths);
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("""{"log":"","time":0,"paths":[],"derivation":null,"stores":[null],"storeDir":null,"stateDir":null}""")]
    [InlineData("""{"log":"","time":0,"paths":["/nix/store/x"],"derivation":null,"stores":[null],"storeDir":null,"stateDir":null}""")]
    [InlineData(
        """{"log":"","time":-1,"paths":[],"derivation":"/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv","stores":[null],"storeDir":null,"stateDir":null}"""
    )]
    [InlineData(
        """{"log":"","time":0,"paths":[],"derivation":"/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv","stores":[],"storeDir":null,"stateDir":null}"""
    )]
    [InlineData(
        """{"log":"","time":0,"paths":[],"derivation":"/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv","stores":[null],"storeDir":null,"stateDir":null,"more":1}"""
    )]
    [InlineData(
        """{"time":0,"log":"","paths":[],"derivation":"/nix/store/ih3wpzyvc2fxr05f6lcpm42cr1y2dawk-hello.drv","stores":[null],"storeDir":null,"stateDir":null}"""
    )]
    public void TryDecode_of_anything_else_is_refused(string body)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(body);
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        Assert.False(BarePaths.TryDecode(System.Text.Encoding.UTF8.GetBytes($"quorate-spool-v2 {digest}\n{body}"), out _, out _));
    }

    static BarePaths Record(params string[] paths) =>
        new(
            "",
            DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()),
            [.. paths.Select(p => StorePath.Parse(p))],
            null,
            [null],
            null,
            null
        );

    void Add(BarePaths record)
    {
        using var spool = HookSpool.Open(_f.Spool, create: true)!;
        Assert.True(spool.TryAdd(record));
    }

    /// <summary>The hook's time is up when the fake nix-store runs.</summary>
    async Task<Quorate.Cli.Hook.HookReport> RunUntilTimeIsUpAsync(string paths, string? derivation = null)
    {
        var clock = new BudgetTime();
        var run = _f.Hook("unix:///nowhere", paths, clock: clock, derivation: derivation).RunAsync(CancellationToken.None);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        // The shell makes the file before it writes.
        while (new FileInfo(_f["nix-store.args"]) is not { Exists: true, Length: > 0 })
        {
            await Task.Delay(10, patience.Token);
        }
        clock.Expire();
        return await run.WaitAsync(patience.Token);
    }
}
