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
    public static readonly string Graph = Path.Combine(Vectors.RepositoryRoot(), "tests", "Quorate.EndToEnd", "NixTraces", "graph.nix");

    public NixInstallation Nix { get; } = nix;

    public TemporaryFolder Folder { get; } = folder;

    /// <summary>A store that builds everything itself.</summary>
    public NixStore Builder(string name, params string[] settings) =>
        new(Folder[name], Nix.Settings(["experimental-features = nix-command ca-derivations", .. settings]));

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
    public static Task<string> ContentAsync(NixStore store, string path) =>
        File.ReadAllTextAsync(store.Root + path, TestContext.Current.CancellationToken);
}
