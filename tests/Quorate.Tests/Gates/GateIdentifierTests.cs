using System.Net;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Tests.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>
/// Identifiers of Nix up to 2.34 do not cover all of a derivation. Whoever may add derivations to builders' stores can have them build, and honestly claim, one that shares its
/// identifier with a derivation that they never saw: the gate must not answer the one for the other.
/// </summary>
public sealed class GateIdentifierTests
{
    static DrvOutputId Id => DrvOutputId.Of(TraceScene.A, "out");

    /// <summary><c>a</c> with its two outputs exchanged for its builder.</summary>
    static ResolvedDerivation Swapped { get; } =
        ResolvedDerivation.Of(
            DerivationParts
                .Of(TraceScene.A.Derivation)
                .With("out"u8.ToArray(), Placeholders.Own("dev"))
                .With("dev"u8.ToArray(), Placeholders.Own("out"))
                .ToDerivation(),
            "a"
        );

    static StorePath SwappedOut { get; } = TraceScene.Content("a", "dev").StorePath;

    static StorePath SwappedDev { get; } = TraceScene.Content("a-dev", "a").StorePath;

    [Fact]
    public async Task Swapped_derivation_that_builders_claim_is_known_by_its_path_and_not_by_the_identifier_that_it_shares()
    {
        await using var scene = await TraceScene.StartAsync();
        Assert.Equal(Id, DrvOutputId.Of(Swapped, "out"));
        await ClaimSwappedAsync(scene);

        Assert.Equal((HttpStatusCode.OK, SwappedOut), await EntryAsync(scene, Swapped, "out"));
        Assert.Equal((HttpStatusCode.NotFound, null), await EntryAsync(scene, TraceScene.A, "out"));
        Assert.Equal((HttpStatusCode.NotFound, null), await RealisationAsync(scene, Id));
    }

    [Fact]
    public async Task Honest_derivation_is_answered_for_beside_a_swapped_one()
    {
        await using var scene = await TraceScene.StartAsync();
        await ClaimSwappedAsync(scene);
        await scene.ClaimAllAsync();

        Assert.Equal((HttpStatusCode.OK, TraceScene.AOut), await RealisationAsync(scene, Id));
        Assert.Equal((HttpStatusCode.OK, TraceScene.ADev), await RealisationAsync(scene, Id with { Output = "dev" }));
        Assert.Equal((HttpStatusCode.OK, SwappedOut), await EntryAsync(scene, Swapped, "out"));
    }

    [Fact]
    public async Task Swapped_derivation_in_the_folder_of_graphs_is_not_known_by_the_identifier()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.PutGraphAsync(Swapped.Path, Swapped.ToAterm());
        await ClaimSwappedAsync(scene);

        Assert.Equal((HttpStatusCode.NotFound, null), await RealisationAsync(scene, Id));
    }

    [Fact]
    public async Task Derivation_of_another_name_is_not_known_by_the_identifier()
    {
        await using var scene = await TraceScene.StartAsync();
        var renamed = ResolvedDerivation.Of(LabDerivations.Parse(LabDerivations.A), "z");
        Assert.Equal(Id, DrvOutputId.Of(renamed, "out"));
        await ClaimBothAsync(scene, renamed, TraceScene.Content("z", "a").StorePath, TraceScene.Content("z-dev", "dev").StorePath);

        Assert.Equal(HttpStatusCode.OK, (await EntryAsync(scene, renamed, "out")).Status);
        Assert.Equal((HttpStatusCode.NotFound, null), await RealisationAsync(scene, Id));
    }

    /// <summary>The placeholder of <c>a</c> stays what it is, because not <c>a</c> but another derivation of the same hash is the input.</summary>
    [Fact]
    public async Task Graph_with_another_input_of_the_same_hash_is_not_known_by_the_identifier()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        var renamed = ResolvedDerivation.Of(LabDerivations.Parse(LabDerivations.A), "z");
        var (main, dev) = (TraceScene.Content("z", "a").StorePath, TraceScene.Content("z-dev", "dev").StorePath);
        var parts = DerivationParts.Of(TraceScene.UnresolvedTop);
        var top = (parts with { Inputs = [parts.Inputs[0] with { Derivation = renamed.Path }] }).ToDerivation();
        await scene.PutGraphAsync(renamed.Path, renamed.ToAterm());
        await scene.PutGraphAsync(DerivationPaths.Of(top, "top"), top.ToAterm());
        await ClaimBothAsync(scene, renamed, main, dev);
        var resolved = DerivationResolution.Resolve(top, "top", (_, _) => main)!;
        foreach (var key in new[] { scene.Amy, scene.Ben })
        {
            await scene.ClaimAsync(key, resolved, ("out", TraceScene.Content("top", "other").StorePath));
        }

        Assert.Equal((HttpStatusCode.NotFound, null), await RealisationAsync(scene, TraceScene.UnresolvedTopId));
    }

    static Task ClaimSwappedAsync(TraceScene scene) => ClaimBothAsync(scene, Swapped, SwappedOut, SwappedDev);

    static async Task ClaimBothAsync(TraceScene scene, ResolvedDerivation derivation, StorePath main, StorePath dev)
    {
        await scene.ClaimAsync(scene.Amy, derivation, ("out", main), ("dev", dev));
        await scene.ClaimAsync(scene.Ben, derivation, ("out", main), ("dev", dev));
    }

    static async Task<(HttpStatusCode Status, StorePath? Path)> RealisationAsync(TraceScene scene, DrvOutputId id)
    {
        using var response = await scene.Gate.GetAsync("/" + id.CachePath);
        var json = await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode == HttpStatusCode.OK
            ? (response.StatusCode, Realisation.Parse(json, StorePath.DefaultStoreDir).OutPath)
            : (response.StatusCode, null);
    }

    static async Task<(HttpStatusCode Status, StorePath? Path)> EntryAsync(TraceScene scene, ResolvedDerivation derivation, string output)
    {
        var key = new BuildTraceKey(derivation.Path, output);
        using var response = await scene.Gate.GetAsync("/" + key.CachePath);
        var json = await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode == HttpStatusCode.OK && BuildTraceEntry.TryParseValue(json, key, out var entry, out _)
            ? (response.StatusCode, entry.OutPath)
            : (response.StatusCode, null);
    }
}
