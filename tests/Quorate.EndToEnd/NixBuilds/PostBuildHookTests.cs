using System.Text;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>The post-build hook under real builds of every Nix that Debian has.</summary>
public sealed class PostBuildHookTests
{
    static readonly string s_graph = Path.Combine(Vectors.RepositoryRoot(), "examples", "demo", "graph.nix");

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("installed", "2.")]
    [InlineData("trixie", "2.26")]
    [InlineData("sid", "2.34")]
    public async Task Build_logs_a_claim_for_every_output_with_what_the_store_says(string suite, string version)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        using var folder = new TemporaryFolder();
        await using var node = await NodeProcess.StartAsync(await NodeProcess.PrepareAsync(folder, "alice", "nix"));
        var hook = await InstallHookAsync(node.Folder);
        var store = new NixStore(folder["store"], nix.Settings("post-build-hook = " + hook));

        var outputs = Lines(await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "words", "-A", "greeter"));

        await FlushAsync(hook);
        Assert.Equal(2UL, await TreeSizeAsync(node));
        foreach (var output in outputs)
        {
            var claim = await ClaimAsync(node, output);
            Assert.Equal(Lines(await nix.RunAsync(store, "nix-store", "-q", "--hash", output)).Single(), "sha256:" + Nix32(claim));
            Assert.Equal(Lines(await nix.RunAsync(store, "nix-store", "-q", "--size", output)).Single(), $"{claim.NarSize}");
            Assert.Equal(
                Lines(await nix.RunAsync(store, "nix-store", "-q", "--references", output)),
                claim.References.Select(r => r.ToString())
            );
        }
    }

    [Fact]
    public async Task Build_while_the_node_is_down_succeeds_and_is_delivered_by_the_next_build()
    {
        var nix = await NixInstallation.FindAsync("installed", "2.");
        using var folder = new TemporaryFolder();
        var home = await NodeProcess.PrepareAsync(folder, "alice", "nix");
        var hook = await InstallHookAsync(home);
        var store = new NixStore(folder["store"], nix.Settings("post-build-hook = " + hook));

        var first = Lines(await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "words")).Single();
        await using var node = await NodeProcess.StartAsync(home);
        var second = Lines(await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "greeter")).Single();

        await FlushAsync(hook);
        await WaitForAsync(async () => await TreeSizeAsync(node) == 2);
        Assert.Equal(first, (await ClaimAsync(node, first)).Path.ToString());
        Assert.Equal(second, (await ClaimAsync(node, second)).Path.ToString());
    }

    [Fact]
    public async Task Substituted_or_present_outputs_are_not_claimed_again()
    {
        var nix = await NixInstallation.FindAsync("installed", "2.");
        using var folder = new TemporaryFolder();
        await using var node = await NodeProcess.StartAsync(await NodeProcess.PrepareAsync(folder, "alice", "nix"));
        var hook = await InstallHookAsync(node.Folder);
        var store = new NixStore(folder["store"], nix.Settings("post-build-hook = " + hook));

        (await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "words")).MustSucceed();
        (await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "words")).MustSucceed();

        await FlushAsync(hook);
        Assert.Equal(1UL, await TreeSizeAsync(node));
    }

    [Fact]
    public async Task Build_with_a_nix_store_that_hangs_succeeds_and_the_node_finds_out_what_was_built()
    {
        var nix = await NixInstallation.FindAsync("installed", "2.");
        using var folder = new TemporaryFolder();
        var home = await NodeProcess.PrepareAsync(folder, "alice", "nix");
        var hanging = folder["nix-store"];
        await File.WriteAllTextAsync(hanging, "#!/bin/sh\nexec sleep 600\n", Cancellation);
        File.SetUnixFileMode(hanging, (UnixFileMode)0b111_101_101);
        // The spool that the node looks after.
        var hook = await InstallHookAsync(home, "--nix-store", hanging, "--spool", Path.Combine(home, "state", "spool"));
        var store = new NixStore(folder["store"], nix.Settings("post-build-hook = " + hook));

        var output = Lines(await nix.RunAsync(store, "nix-build", "--no-out-link", s_graph, "-A", "words")).Single();
        Assert.Single(Directory.GetFiles(Path.Combine(home, "state", "spool"), "*.paths"));
        await using var node = await NodeProcess.StartAsync(home);

        await WaitForAsync(async () => await TreeSizeAsync(node) == 1);
        Assert.Equal(output, (await ClaimAsync(node, output)).Path.ToString());
    }

    /// <summary>On a busy machine a hook may have run out of its second.</summary>
    static async Task FlushAsync(string hook) => (await BuiltProgram.QuorateAsync("nix", "hook", "flush", "--path", hook)).MustSucceed();

    static async Task<string> InstallHookAsync(string home, params string[] more)
    {
        var hook = Path.Combine(home, "hook");
        (
            await BuiltProgram.QuorateAsync([
                "nix",
                "hook",
                "install",
                "--publish-all",
                "--node",
                "unix://" + NodeProcess.SocketIn(home),
                "--log",
                "alice",
                "--output",
                hook,
                .. more,
            ])
        ).MustSucceed();
        return hook;
    }

    static async Task<NixClaim> ClaimAsync(NodeProcess node, string output)
    {
        var entries = (await node.Control.GetAsync("alice", Encoding.UTF8.GetBytes(output), Cancellation)).Value;
        return NixClaim.Parse(entries.Single().Value);
    }

    static async Task<ulong> TreeSizeAsync(NodeProcess node) => (await node.Control.HeadAsync("alice", Cancellation)).Value.TreeSize;

    static string Nix32(NixClaim claim) => Core.Encodings.Nix32.Encode(claim.NarHash.AsSpan());

    static string[] Lines(ProgramResult result) => result.MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    static async Task WaitForAsync(Func<Task<bool>> condition)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        timeout.CancelAfter(RunningProgram.Patience);
        while (!await condition())
        {
            await Task.Delay(50, timeout.Token);
        }
    }
}
