using System.Text.Json;
using Quorate.Crypto.Keys;
using Quorate.EndToEnd.NixBuilds;
using Quorate.EndToEnd.Programs;
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

    /// <summary>Arguments of the graph.</summary>
    public string[] Arguments { get; init; } = [];

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

    /// <summary>Signs all that a recording builder built with a new claim key, which has the store's name.</summary>
    public async Task<NixCachePublicKey> SignAllAsync(NixStore store)
    {
        var name = Path.GetFileName(store.Root);
        var key = NewKey(name);
        foreach (var line in await File.ReadAllLinesAsync(store.Root + ".built", Cancellation))
        {
            var words = line.Split(' ', 2);
            await SignAsync(store, words[0], words[1]);
        }
        return key;
    }

    /// <summary>
    /// Builds outputs one by one and signs the builds that Nix names as their derivers, which are resolved ones. Nix 2.8 tells its hook no outputs of
    /// those.
    /// </summary>
    public async Task<NixCachePublicKey> SignedBuildsAsync(string name, params string[] attributes)
    {
        var key = NewKey(name);
        var store = Builder(name);
        var built = new List<(string Deriver, string Output)>();
        foreach (var attribute in attributes)
        {
            var (output, _) = await BuildAsync(store, attribute);
            built.Add(((await Nix.RunAsync(store, "nix-store", "-q", "--deriver", output)).MustSucceed().Output.Trim(), output));
        }
        foreach (var build in built.GroupBy(build => build.Deriver, build => build.Output))
        {
            await SignAsync(store, build.Key, string.Join(' ', build));
        }
        return key;
    }

    /// <summary>Makes the claim key of a builder.</summary>
    public NixCachePublicKey NewKey(string name)
    {
        using var key = NixCacheSecretKey.Generate(name + "-1");
        key.Write(Folder[name + ".secret"]);
        return key.PublicKey;
    }

    /// <summary>Signs one build; claim and resolved derivation go into <see cref="Traces"/>.</summary>
    public async Task SignAsync(NixStore store, string derivation, string outputs)
    {
        string[] sign =
        [
            "nix",
            "sign",
            derivation,
            "--out-paths",
            outputs,
            "--key",
            store.Root + ".secret",
            "--out",
            Folder["traces"],
            "--store",
            store.Root,
            "--nix-store",
            Nix.Program("nix-store"),
        ];
        (await BuiltProgram.QuorateAsync(sign)).MustSucceed();
    }

    /// <summary>The directory that is everybody's trace cache.</summary>
    public string Traces => "dir:" + Folder["traces"];

    public string TrustFile { get; set; } = folder["trust.yaml"];

    /// <summary>Verifies an attribute from its whole graph, as evaluated into a store.</summary>
    public async Task<(int Code, JsonElement Report)> VerifyAsync(NixStore store, string attribute, string[] sources, params string[] more)
    {
        var result = await RunVerifyAsync(store, attribute, [.. sources], ["--json", .. more]);
        Assert.True(result.Output.StartsWith('{'), result.All);
        using var document = JsonDocument.Parse(result.Output);
        return (result.Code, document.RootElement.Clone());
    }

    /// <summary>The same, whatever the program answers.</summary>
    public Task<ProgramResult> RunVerifyAsync(NixStore store, string attribute, string source) =>
        RunVerifyAsync(store, attribute, [source], []);

    async Task<ProgramResult> RunVerifyAsync(NixStore store, string attribute, string[] sources, string[] more)
    {
        string[] arguments =
        [
            "nix",
            "verify",
            await DerivationAsync(store, attribute),
            "--drvs",
            store.Root + "/nix/store",
            "--trust",
            TrustFile,
            .. sources.SelectMany(source => new[] { "--source", source }),
            .. more,
        ];
        return await BuiltProgram.QuorateAsync(arguments);
    }

    /// <summary>Writes <see cref="TrustFile"/>.</summary>
    public Task TrustAsync(string rule, params IEnumerable<NixCachePublicKey> keys) =>
        File.WriteAllTextAsync(
            TrustFile,
            $"rule: \"{rule}\"\nbuilders:\n{string.Concat(keys.Select(key => $"  {key.Name[..^2]}: {{ keys: [\"{key}\"] }}\n"))}",
            Cancellation
        );

    /// <summary>A store that asks a cache first, insists on signatures, and trusts one key of nobody in particular, or the one given.</summary>
    public NixStore Consumer(string name, string cache, string trustedKey = "nobody-1:NhyyOoDEcw8LTAFlkKc1FlFOGk5XdlCKeuUHNCpQX5o=") =>
        Builder(name, "substituters = " + cache, "require-sigs = true", "trusted-public-keys = " + trustedKey);

    /// <summary>Builds an attribute of the graph, or substitutes it; returns its first output and what Nix told.</summary>
    public async Task<(string Output, string Messages)> BuildAsync(NixStore store, string attribute)
    {
        var result = (await Nix.RunAsync(store, "nix-build", [Graph, "-A", attribute, "--no-out-link", .. Arguments])).MustSucceed();
        return (result.Output.Trim(), result.Errors);
    }

    /// <summary>A store whose Nix signs what it builds with a new key, which has the store's name.</summary>
    public (NixStore Store, NixCachePublicKey Key) SigningBuilder(string name) =>
        (Builder(name, $"secret-key-files = {Folder[name + ".secret"]}"), NewKey(name));

    /// <summary>Builds an attribute; gives the resolved derivation that Nix built, too.</summary>
    public async Task<(string Resolved, string Output)> StepAsync(NixStore store, string attribute)
    {
        var (output, _) = await BuildAsync(store, attribute);
        return ((await Nix.RunAsync(store, "nix-store", "-q", "--deriver", output)).MustSucceed().Output.Trim(), output);
    }

    /// <summary>Uploads all outputs of a derivation and what Nix signed of them.</summary>
    public async Task CopyDerivationAsync(NixStore store, string derivation, string cache, string secretKey) =>
        (
            await Nix.RunAsync(store, "nix", "copy", derivation + "^*", "--to", $"file://{cache}?compression=none&secret-key={secretKey}")
        ).MustSucceed();

    /// <summary>The unresolved derivation of an attribute.</summary>
    public async Task<string> DerivationAsync(NixStore store, string attribute) =>
        (await Nix.RunAsync(store, "nix", ["eval", "--raw", "-f", Graph, .. Arguments, attribute + ".drvPath"]))
            .MustSucceed()
            .Output.Trim();

    /// <summary>Uploads an attribute's outputs and realisations to a directory that is a binary cache.</summary>
    public async Task CopyAsync(NixStore store, string attribute, string cache, string? secretKey = null)
    {
        var key = secretKey is null ? "" : "&secret-key=" + secretKey;
        (await Nix.RunAsync(store, "nix", "copy", "-f", Graph, attribute, "--to", $"file://{cache}?compression=none{key}")).MustSucceed();
    }

    /// <summary>What a file of a store holds, read past Nix.</summary>
    public static Task<string> ContentAsync(NixStore store, string path) => File.ReadAllTextAsync(store.Root + path, Cancellation);
}
