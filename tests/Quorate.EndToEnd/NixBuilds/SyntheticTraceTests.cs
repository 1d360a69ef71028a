using System.Text;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;
using Quorate.Trust;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>Input-addressed builds of real Nixes, signed by two builders as content and verified step by step.</summary>
public sealed class SyntheticTraceTests
{
    // A fixed output, several outputs, references to each other and to itself, and one step that no two builders do alike.
    const string Graph = """
        let
          build =
            name: inputs: script:
            derivation (
              {
                inherit name;
                system = builtins.currentSystem;
                builder = "/bin/sh";
                args = [ "-eu" "-c" script ];
              }
              // inputs
            );
        in
        rec {
          source = build "source" {
            outputHashMode = "flat";
            outputHashAlgo = "sha256";
            outputHash = builtins.hashString "sha256" "source\n";
          } "echo source > $out";
          lib = build "lib" { inherit source; outputs = [ "out" "dev" ]; } "echo library of $source > $out; echo header of $out > $dev";
          tool = build "tool" { lib = lib.dev; } "echo tool at $out with $lib > $out";
          top = build "top" { inherit tool; plain = lib.out; } "echo $tool $plain > $out";
          noisy = build "noisy" { inherit tool; } "read u < /proc/sys/kernel/random/uuid; echo $tool $u > $out";
        }
        """;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("installed", "2.8", "bundle")]
    [InlineData("sid", "2.34", "bundle")]
    public async Task Build_that_two_builders_did_alike_verifies_with_both(string suite, string version, string format)
    {
        using var folder = new TemporaryFolder();
        var nix = await NixInstallation.FindAsync(suite, version);
        await File.WriteAllTextAsync(folder["graph.nix"], Graph, Cancellation);
        var alice = await BuilderAsync(nix, folder, "alice", format);
        var bob = await BuilderAsync(nix, folder, "bob", format);

        var result = await VerifyAsync(folder, alice, alice.Top, TraceRegime.SyntheticContentAddressed, alice, bob);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal(3, result.Positions.Count);
        Assert.All(result.Positions, position => Assert.Equal(["alice", "bob"], position.Signers));
        // What was verified is what the machine has, seen as content.
        Assert.Equal(OutputPaths.Of("out", $"{await ViewAsync(nix, bob)}"), result.Outputs);
        await CheckCommandAsync(nix, folder, alice, bob);

        // The same evidence says nothing where content-addressed builds are asked for, and none of a step done differently.
        Assert.Equal(Verdict.Rejected, (await VerifyAsync(folder, alice, alice.Top, TraceRegime.ContentAddressed, alice, bob)).Verdict);
        var noisy = await VerifyAsync(folder, alice, alice.Noisy, TraceRegime.SyntheticContentAddressed, alice, bob);
        Assert.Equal(Verdict.Rejected, noisy.Verdict);
        Assert.Equal(alice.Noisy, Assert.Single(noisy.Divergences).Derivation);
        Assert.Equal(
            Verdict.Accepted,
            (await VerifyAsync(folder, alice, alice.Noisy, TraceRegime.SyntheticContentAddressed, alice)).Verdict
        );
    }

    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("sid", "2.34")]
    public async Task Build_that_two_builders_signed_as_laut_does_verifies_by_what_is_built_here(string suite, string version)
    {
        using var folder = new TemporaryFolder();
        var nix = await NixInstallation.FindAsync(suite, version);
        await File.WriteAllTextAsync(folder["graph.nix"], Graph, Cancellation);
        var alice = await BuilderAsync(nix, folder, "alice", "jws3");
        var bob = await BuilderAsync(nix, folder, "bob", "jws3");
        var here = new RegisteredObjects(StoreOf(nix, alice).FactsAsync, alice.Store.Root);

        var result = await VerifyAsync(folder, alice, alice.Top, TraceRegime.SyntheticContentAddressed, here, alice, bob);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal(3, result.Positions.Count);
        Assert.All(result.Positions, position => Assert.Equal(["alice", "bob"], position.Signers));
        Assert.Equal(OutputPaths.Of("out", $"{await ViewAsync(nix, bob)}"), result.Outputs);

        // Nothing names an outcome, so nothing can be asked for.
        var blind = await VerifyAsync(folder, alice, alice.Top, TraceRegime.SyntheticContentAddressed, alice, bob);
        Assert.Equal(Verdict.Inconclusive, blind.Verdict);
        Assert.NotEmpty(blind.Gaps);
        // What was done differently elsewhere does not count as what is here.
        var noisy = await VerifyAsync(folder, alice, alice.Noisy, TraceRegime.SyntheticContentAddressed, here, alice, bob);
        Assert.Equal(Verdict.Rejected, noisy.Verdict);
        await CheckCommandAsync(nix, folder, alice, bob);
    }

    [Theory]
    [InlineData("installed", "2.8")]
    [InlineData("sid", "2.34")]
    public async Task Claims_of_both_profiles_count_together(string suite, string version)
    {
        using var folder = new TemporaryFolder();
        var nix = await NixInstallation.FindAsync(suite, version);
        await File.WriteAllTextAsync(folder["graph.nix"], Graph, Cancellation);
        var alice = await BuilderAsync(nix, folder, "alice", "bundle");
        var bob = await BuilderAsync(nix, folder, "bob", "jws3");
        var result = await VerifyAsync(folder, alice, alice.Top, TraceRegime.SyntheticContentAddressed, alice, bob);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.All(result.Positions, position => Assert.Equal(["alice", "bob"], position.Signers));
    }

    [Fact]
    public async Task Build_signed_as_laut_does_has_the_views_in_it()
    {
        using var folder = new TemporaryFolder();
        var nix = await NixInstallation.FindAsync("installed", "2.8");
        await File.WriteAllTextAsync(folder["graph.nix"], Graph, Cancellation);
        var alice = await BuilderAsync(nix, folder, "alice", "jws3");

        var files = Directory.GetFiles(Path.Combine(folder["traces"], "traces")).Select(file => Path.GetFileName(file));
        Assert.Equal(4, files.Count(file => StorePath.IsHashPart(file)));
        var view = await ViewAsync(nix, alice);
        Assert.Contains(
            await Task.WhenAll(
                Directory.GetFiles(Path.Combine(folder["traces"], "traces", "drv")).Select(f => File.ReadAllTextAsync(f, Cancellation))
            ),
            text => text.StartsWith($"Derive([(\"out\",\"{view}\"", StringComparison.Ordinal)
        );
    }

    /// <summary>The command verifies a built path by its bytes, and tells when they are others.</summary>
    static async Task CheckCommandAsync(NixInstallation nix, TemporaryFolder folder, Builder alice, Builder bob)
    {
        var keys = string.Join(",", new[] { alice, bob }.Select(builder => $$"""{"key":"{{builder.Key}}"}"""));
        await File.WriteAllTextAsync(folder["trust.json"], $$"""{"threshold":2,"of":[{{keys}}]}""", Cancellation);
        var top = Lines(await nix.RunAsync(bob.Store, "nix-store", "-q", "--outputs", alice.Top.ToString())).Single();
        string[] command =
        [
            "nix",
            "verify",
            top,
            "--input-addressed",
            "--trust",
            folder["trust.json"],
            "--source",
            "dir:" + folder["traces"],
            "--drvs",
            bob.Store.Root + StorePath.DefaultStoreDir,
            "--store",
            bob.Store.Root,
            "--nix-store",
            nix.Program("nix-store"),
        ];
        (await BuiltProgram.QuorateAsync(command)).MustSucceed();

        var file = bob.Store.Root + top;
        var mode = File.GetUnixFileMode(file);
        File.SetUnixFileMode(file, mode | UnixFileMode.UserWrite);
        await File.AppendAllTextAsync(file, "changed", Cancellation);
        var changed = await BuiltProgram.QuorateAsync(command);
        Assert.True(changed.Code == 2, changed.All);
    }

    static async Task<Builder> BuilderAsync(NixInstallation nix, TemporaryFolder folder, string name, string format)
    {
        var store = new NixStore(folder[name], nix.Settings());
        var built = Lines(await nix.RunAsync(store, "nix-build", "--no-out-link", folder["graph.nix"], "-A", "top", "-A", "noisy"));
        var derivations = Lines(await nix.RunAsync(store, "nix-store", ["-q", "--deriver", .. built]));
        using var key = NixCacheSecretKey.Generate(name);
        key.Write(folder[name + ".key"]);
        var all = Lines(await nix.RunAsync(store, "nix-store", ["-q", "--requisites", .. derivations]))
            .Where(path => path.EndsWith(".drv", StringComparison.Ordinal));
        string[] options =
        [
            "--input-addressed",
            "--format",
            format,
            "--key",
            folder[name + ".key"],
            "--store",
            store.Root,
            "--nix-store",
            nix.Program("nix-store"),
            "--out",
            folder["traces"],
            "--view-cache",
            folder["views"],
        ];
        var signed = (await BuiltProgram.QuorateAsync(["nix", "sign", .. options, .. all])).MustSucceed();
        Assert.Contains("fixed-output", signed.Errors, StringComparison.Ordinal);
        return new Builder(store, key.PublicKey, StorePath.Parse(derivations[0]), StorePath.Parse(derivations[1]));
    }

    static Task<TraceVerification> VerifyAsync(
        TemporaryFolder folder,
        Builder derivations,
        StorePath target,
        TraceRegime regime,
        params Builder[] trusted
    ) => VerifyAsync(folder, derivations, target, regime, here: null, trusted);

    /// <param name="here">What the verifying machine has built; null for nothing.</param>
    static async Task<TraceVerification> VerifyAsync(
        TemporaryFolder folder,
        Builder derivations,
        StorePath target,
        TraceRegime regime,
        RegisteredObjects? here,
        params Builder[] trusted
    )
    {
        var keys = string.Join(",", trusted.Select(builder => $$"""{"key":"{{builder.Key}}"}"""));
        var trust = LautTrustFile.Parse(Encoding.UTF8.GetBytes($$"""{"threshold":{{trusted.Length}},"of":[{{keys}}]}"""));
        Assert.True(TraceCacheAddress.TryParse("dir:" + folder["traces"], out var address));
        using var cache = new TraceCache(address, TimeProvider.System);
        return await new TraceVerifier(
            new DerivationDirectory(derivations.Store.Root + StorePath.DefaultStoreDir),
            [cache],
            TimeProvider.System
        ).VerifyAsync(
            new VerificationRequest(target, OutputPaths.Empty, trust) { Regime = regime, Realised = here },
            progress: null,
            Cancellation
        );
    }

    /// <summary>The view of what a builder has of <c>top</c>.</summary>
    static async Task<StorePath> ViewAsync(NixInstallation nix, Builder builder)
    {
        var top = Lines(await nix.RunAsync(builder.Store, "nix-store", "-q", "--outputs", builder.Top.ToString())).Single();
        var store = StoreOf(nix, builder);
        var closure = await store.RequisitesAsync([top], Cancellation);
        var view = new SyntheticView(
            new RegisteredObjects(store.FactsAsync, builder.Store.Root),
            closure.Where(path => path.Name == "source").ToHashSet()
        );
        return (await view.OfAsync(StorePath.Parse(top), Cancellation)).Path;
    }

    static Quorate.Nix.Store.NixStore StoreOf(NixInstallation nix, Builder builder) => new(nix.Program("nix-store"), builder.Store.Root);

    static string[] Lines(ProgramResult result) => result.MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    sealed record Builder(NixStore Store, NixCachePublicKey Key, StorePath Top, StorePath Noisy);
}
