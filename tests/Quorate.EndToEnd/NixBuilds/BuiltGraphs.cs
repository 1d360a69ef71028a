using Quorate.EndToEnd.Programs;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Testing;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>The graph of <c>all-kinds.nix</c>, built once by each Nix that a test asks for.</summary>
public sealed class BuiltGraphs : IDisposable
{
    readonly Dictionary<string, Task<BuiltGraph>> _graphs = new(StringComparer.Ordinal);
    readonly List<TemporaryFolder> _folders = [];

    internal Task<BuiltGraph> GetAsync(string suite, string version)
    {
        if (!_graphs.TryGetValue(suite, out var graph))
        {
            var folder = new TemporaryFolder();
            _folders.Add(folder);
            _graphs[suite] = graph = BuiltGraph.BuildAsync(suite, version, folder);
        }
        return graph;
    }

    public void Dispose()
    {
        foreach (var folder in _folders)
        {
            folder.Dispose();
        }
    }
}

/// <summary>What one Nix made of the graph: every derivation that it wrote, and every realisation that it has.</summary>
sealed class BuiltGraph
{
    public const string Key = "lab-1:HUVKVQ0mv2FmdY0vszx6h5B11aWcQCaQx0Tgccfdrek=";

    // Made for these tests, like all that it signs.
    const string SecretKey = "lab-1:MZ2o079ogSzGwPasUzZB2u3LNYozIb7sW4OWObMjf5odRUpVDSa/YWZ1jS+zPHqHkHXVpZxAJpDHROBxx92t6Q==";

    BuiltGraph() { }

    /// <summary>Bytes of every .drv file in the store.</summary>
    public Dictionary<StorePath, byte[]> Files { get; } = [];

    public Dictionary<StorePath, Derivation> Derivations { get; } = [];

    /// <summary>Bytes of every realisation in a cache that everything was copied to, by file name.</summary>
    public Dictionary<string, byte[]> RealisationFiles { get; } = new(StringComparer.Ordinal);

    public Dictionary<DrvOutputId, Realisation> Realisations { get; } = [];

    public ModuloHashes Hashes { get; private set; } = null!;

    /// <summary>The derivation of this name that has inputs, or else the one that has none.</summary>
    public StorePath Path(string name) =>
        Derivations.Where(entry => entry.Key.Name == name + ".drv").OrderBy(entry => entry.Value.Inputs.IsEmpty).First().Key;

    /// <summary>Where an output is, by what the derivation states or by what Nix says was realised.</summary>
    public StorePath? Realised(StorePath path, string output)
    {
        var derivation = Derivations[path];
        if (derivation.Output(output)?.Path is { } stated)
        {
            return stated;
        }
        Assert.True(DrvOutputId.TryOf(derivation, DerivationPaths.NameOf(path), output, Hashes, out var id, out var problem), problem);
        return Realisations.GetValueOrDefault(id)?.OutPath;
    }

    public static async Task<BuiltGraph> BuildAsync(string suite, string version, TemporaryFolder folder)
    {
        var nix = await NixInstallation.FindAsync(suite, version);
        var source = System.IO.Path.Combine(Vectors.RepositoryRoot(), "tests", "Quorate.EndToEnd", "NixBuilds", "all-kinds.nix");
        await File.WriteAllTextAsync(folder["key"], SecretKey);
        var store = new NixStore(
            folder["store"],
            nix.Settings(
                "experimental-features = nix-command ca-derivations dynamic-derivations impure-derivations",
                "secret-key-files = " + folder["key"]
            )
        );
        // Of the rest only the derivations are wanted; dynamic ones are built where they can be.
        string[] built = suite == "sid" ? ["-A", "all", "-A", "dynamic"] : ["-A", "all"];
        (await nix.RunAsync(store, "nix-build", ["--no-out-link", source, .. built])).MustSucceed();
        (await nix.RunAsync(store, "nix", "eval", "--json", "-f", source, "onlyLookedAt")).MustSucceed();
        if (suite == "trixie")
        {
            (await nix.RunAsync(store, "nix", "eval", "--raw", "-f", source, "dynamic.drvPath")).MustSucceed();
        }

        var graph = new BuiltGraph();
        foreach (var file in Directory.EnumerateFiles(folder["store"] + StorePath.DefaultStoreDir, "*.drv"))
        {
            var path = StorePath.Parse(StorePath.DefaultStoreDir + "/" + System.IO.Path.GetFileName(file));
            graph.Files[path] = await File.ReadAllBytesAsync(file);
            graph.Derivations[path] = Derivation.Parse(graph.Files[path], StorePath.DefaultStoreDir);
        }
        graph.Hashes = new ModuloHashes(graph.Derivations.GetValueOrDefault);

        await graph.CopyRealisationsAsync(nix, store, folder["cache"], suite);
        return graph;
    }

    async Task CopyRealisationsAsync(NixInstallation nix, NixStore store, string cache, string suite)
    {
        string[] unbuilt = suite == "sid" ? ["flat", "impure"] : ["flat", "impure", "dynamic", "written.drv"];
        // Nix 2.8 takes a derivation for its outputs; later ones want to be told.
        var outputs = suite == "installed" ? "" : "^*";
        var installables = Derivations
            .Where(entry => !unbuilt.Contains(DerivationPaths.NameOf(entry.Key)))
            .Where(entry => entry.Value.Kind is DerivationKind.Floating or DerivationKind.Deferred)
            .Select(entry => entry.Key + outputs);
        (await nix.RunAsync(store, "nix", ["copy", "--to", $"file://{cache}?compression=none", .. installables])).MustSucceed();
        foreach (var file in Directory.EnumerateFiles(System.IO.Path.Combine(cache, "realisations")))
        {
            var bytes = await File.ReadAllBytesAsync(file);
            var realisation = Realisation.Parse(bytes, StorePath.DefaultStoreDir);
            RealisationFiles[System.IO.Path.GetFileName(file)] = bytes;
            Realisations[realisation.Id] = realisation;
        }
    }
}
