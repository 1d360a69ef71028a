using Quorate.Crypto;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Traces;
using Quorate.Sources.Traces;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// Stores of one test that build and substitute content-addressed derivations with one Nix. Nothing is shared between them but the caches
/// that a test gives them.
/// </summary>
sealed class TraceLab(NixInstallation nix, TemporaryFolder folder)
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static readonly string Graph = Path.Combine(Vectors.RepositoryRoot(), "tests", "Quorate.EndToEnd", "NixTraces", "graph.nix");

    public NixInstallation Nix { get; } = nix;

    public TemporaryFolder Folder { get; } = folder;

    /// <summary>A store that builds everything itself.</summary>
    public NixStore Builder(string name, params string[] settings) =>
        new(Folder[name], Nix.Settings(["experimental-features = nix-command ca-derivations", .. settings]));

    /// <summary>A store that builds everything itself and tells a file of each build, as Nix tells its post-build hook.</summary>
    public async Task<NixStore> RecordingBuilderAsync(string name)
    {
        var hook = Folder[name + ".hook"];
        await File.WriteAllTextAsync(hook, $"#!/bin/sh\necho \"$DRV_PATH $OUT_PATHS\" >> {Folder[name + ".built"]}\n", Cancellation);
        File.SetUnixFileMode(hook, (UnixFileMode)0b111_101_101);
        return Builder(name, "post-build-hook = " + hook);
    }

    /// <summary>Signs what a recording builder built and puts claims and resolved derivations into a directory that is a trace cache.</summary>
    public static async Task SignAsync(NixStore store, Ed25519PrivateKey key, string folder)
    {
        Assert.True(TraceCacheAddress.TryParse("dir:" + folder, out var address));
        using var cache = new TraceCache(address, TimeProvider.System);
        foreach (var line in await File.ReadAllLinesAsync(store.Root + ".built", Cancellation))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var path = StorePath.Parse(words[0]);
            var derivation = Derivation.Parse(await File.ReadAllBytesAsync(store.Root + path, Cancellation), StorePath.DefaultStoreDir);
            if (derivation.Inputs.IsEmpty && words.Length > 1)
            {
                var resolved = ResolvedDerivation.Of(derivation, DerivationPaths.NameOf(path));
                var outputs = new List<SignedOutput>();
                foreach (var output in derivation.Outputs)
                {
                    var name = DerivationPaths.OutputPathName(DerivationPaths.NameOf(path), output.Name);
                    var built = words[1..].Select(word => StorePath.Parse(word)).Single(built => built.Name == name);
                    var check = await ContentCheck.ScanningAsync(built, store.Root + built, ContentMethod.Nar, "sha256", [], Cancellation);
                    outputs.Add(new SignedOutput(output.Name, built, check.NarHash));
                }
                var statement = new TraceStatement(
                    resolved.Hash,
                    TraceRegime.ContentAddressed,
                    outputs,
                    Built: true,
                    UInt128.One,
                    TraceProvenance.None
                );
                var element = TraceElement.Of(TraceWriter.Sign(statement, TraceFormat.Bundle, key, "unused"));
                await cache.AddAsync(resolved.Hash, element, Cancellation);
                await cache.AddDerivationAsync(resolved.Hash, resolved.ToAterm(), Cancellation);
            }
        }
    }

    /// <summary>A store that asks a cache first, insists on signatures, and trusts one key of nobody in particular, or the one given.</summary>
    public NixStore Consumer(string name, string cache, string trustedKey = "nobody-1:NhyyOoDEcw8LTAFlkKc1FlFOGk5XdlCKeuUHNCpQX5o=") =>
        Builder(name, "substituters = " + cache, "require-sigs = true", "trusted-public-keys = " + trustedKey);

    /// <summary>Builds an attribute of the graph, or substitutes it; returns its first output and what Nix told.</summary>
    public async Task<(string Output, string Messages)> BuildAsync(NixStore store, string attribute)
    {
        var result = (await Nix.RunAsync(store, "nix-build", Graph, "-A", attribute, "--no-out-link")).MustSucceed();
        return (result.Output.Trim(), result.Errors);
    }

    /// <summary>The unresolved derivation of an attribute.</summary>
    public async Task<string> DerivationAsync(NixStore store, string attribute) =>
        (await Nix.RunAsync(store, "nix", "eval", "--raw", "-f", Graph, attribute + ".drvPath")).MustSucceed().Output.Trim();

    /// <summary>Uploads an attribute's outputs and realisations to a directory that is a binary cache.</summary>
    public async Task CopyAsync(NixStore store, string attribute, string cache, string? secretKey = null)
    {
        var key = secretKey is null ? "" : "&secret-key=" + secretKey;
        (await Nix.RunAsync(store, "nix", "copy", "-f", Graph, attribute, "--to", $"file://{cache}?compression=none{key}")).MustSucceed();
    }

    /// <summary>What a file of a store holds, read past Nix.</summary>
    public static Task<string> ContentAsync(NixStore store, string path) => File.ReadAllTextAsync(store.Root + path, Cancellation);
}
