using System.Text;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;

namespace Quorate.EndToEnd.NixBuilds;

/// <summary>Derivations and realisations as real Nix writes them: what it computes, this computes too, byte for byte.</summary>
public sealed class DerivationDifferentialTests(BuiltGraphs graphs) : IClassFixture<BuiltGraphs>
{
    public static TheoryData<string, string> Suites { get; } =
        new()
        {
            { "installed", "2.8" },
            { "trixie", "2.26" },
            { "sid", "2.34" },
        };

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Derivations_print_as_nix_wrote_them(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.All(
            graph.Derivations,
            entry => Assert.Equal(graph.Files[entry.Key], DerivationParts.Of(entry.Value).ToDerivation().ToAterm())
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Graph_has_derivations_of_every_kind(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.Equal(Enum.GetValues<DerivationKind>(), graph.Derivations.Values.Select(d => d.Kind).Distinct().Order());
        Assert.Equal(suite != "installed", graph.Derivations.Values.Any(d => d.HasDynamicInputs));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Paths_of_derivations_follow_from_their_bytes(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.All(graph.Derivations, entry => Assert.Equal(entry.Key, DerivationPaths.Of(entry.Value, DerivationPaths.NameOf(entry.Key))));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Paths_of_outputs_follow_from_the_derivations(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.All(
            graph.Derivations,
            entry =>
                Assert.True(
                    DerivationPaths.AreOutputPathsRight(entry.Value, DerivationPaths.NameOf(entry.Key), graph.Hashes, out var problem),
                    $"{entry.Key}: {problem}"
                )
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task What_nix_evaluated_and_resolved_has_the_form_that_makes_its_hash_unambiguous(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        var others = graph
            .Derivations.Where(entry => !EvaluatedForm.IsOf(entry.Value, DerivationPaths.NameOf(entry.Key)))
            .Select(entry => entry.Key.Name)
            .Order(StringComparer.Ordinal);
        // What a build writes is not evaluated.
        string[] expected = suite switch
        {
            "installed" => ["impure.drv"],
            "trixie" => ["dynamic.drv", "impure.drv"],
            _ => ["dynamic.drv", "impure.drv", "written.drv"],
        };
        Assert.Equal(expected, others);
        Assert.All(
            (string[])["a", "b", "c", "structured", "renamed", "deferred", "deferred2"],
            name =>
            {
                Assert.True(graph.Hashes.TryMasked(graph.Derivations[graph.Path(name)], name, out var hash, out var problem), problem);
                Assert.True(hash.IsUnambiguous, name);
            }
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Inputs_of_one_hash_are_united(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        var plain = graph.Path("plain");
        var others = new ModuloHashes(graph.Derivations.GetValueOrDefault, EqualInputs.LastWins);
        Assert.False(DerivationPaths.AreOutputPathsRight(graph.Derivations[plain], "plain", others, out _));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Resolution_gives_the_derivation_that_nix_built(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        string[] names = ["b", "c", "structured", "renamed", "deferred", "deferred2", .. suite == "sid" ? (string[])["dynamic"] : []];
        Assert.All(
            names,
            name =>
            {
                var path = graph.Path(name);
                Assert.True(DerivationResolution.IsNeeded(graph.Derivations[path]));
                var resolved = DerivationResolution.Resolve(graph.Derivations[path], name, graph.Realised);
                Assert.NotNull(resolved);
                Assert.Equal(Text(graph.Files.GetValueOrDefault(resolved.Path)), Text(resolved.ToAterm()));
            }
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Realisations_of_resolved_derivations_are_filed_under_the_computed_id(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.All(
            (string[])["a", "b", "c", "structured", "renamed"],
            name =>
            {
                var path = graph.Path(name);
                var resolved = DerivationResolution.Resolve(graph.Derivations[path], name, graph.Realised)!;
                Assert.All(
                    resolved.Derivation.Outputs,
                    output =>
                        Assert.Equal(
                            graph.Realised(path, output.Name),
                            graph.Realisations.GetValueOrDefault(DrvOutputId.Of(resolved, output.Name))?.OutPath
                        )
                );
            }
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Realisations_print_and_are_named_as_nix_wrote_them(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.NotEmpty(graph.Realisations);
        Assert.All(
            graph.RealisationFiles,
            file =>
            {
                Assert.True(DrvOutputId.TryParseFileName(file.Key, out var id));
                Assert.Equal(Text(file.Value), graph.Realisations[id].ToJson());
            }
        );
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Realisations_are_signed_as_nix_signed_them(string suite, string version)
    {
        var graph = await graphs.GetAsync(suite, version);
        Assert.True(NixCachePublicKey.TryParse(BuiltGraph.Key, out var key));
        Assert.All(graph.Realisations.Values, realisation => Assert.True(realisation.IsSignedBy(key), realisation.ToJson()));
    }

    static string Text(byte[]? bytes) => Encoding.UTF8.GetString(bytes ?? []);
}
