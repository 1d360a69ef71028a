using System.Net;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Tests.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>
/// What the gate says of deferred derivations: nothing, although both builders claim everything about them, because their paths tell what they were built from and not what
/// was built.
/// </summary>
public sealed class GateDeferredTests
{
    static readonly Derivation s_unresolved = LabDerivations.Parse(LabDerivations.Deferred);
    static readonly Derivation s_over = LabDerivations.Parse(LabDerivations.OverDeferred);
    static readonly ResolvedDerivation s_deferred = DerivationResolution.Resolve(s_unresolved, "deferred", (_, _) => TraceScene.AOut)!;
    static readonly ResolvedDerivation s_resolvedOver = DerivationResolution.Resolve(s_over, "over", (_, _) => Out)!;

    static StorePath Out => s_deferred.Derivation.Output("out")!.Path!;

    [Fact]
    public async Task Realisation_of_an_unresolved_deferred_derivation_is_not_answered()
    {
        await using var scene = await StartAsync();
        Assert.NotEqual("accepted", await RefusalAsync(scene, IdOf(s_unresolved, "deferred").CachePath));
    }

    [Fact]
    public async Task Realisation_of_a_resolved_deferred_derivation_is_refused()
    {
        await using var scene = await StartAsync();
        Assert.Equal("rejected", await RefusalAsync(scene, DrvOutputId.Of(s_deferred, "out").CachePath));
    }

    [Fact]
    public async Task Entry_of_a_resolved_deferred_derivation_is_refused()
    {
        await using var scene = await StartAsync();
        Assert.Equal("rejected", await RefusalAsync(scene, new BuildTraceKey(s_deferred.Path, "out").CachePath));
    }

    [Fact]
    public async Task Entry_of_an_unresolved_deferred_derivation_is_refused()
    {
        await using var scene = await StartAsync();
        Assert.Equal("rejected", await RefusalAsync(scene, new BuildTraceKey(LabDerivations.DeferredPath, "out").CachePath));
    }

    [Fact]
    public async Task Realisation_of_what_is_made_of_a_deferred_derivation_is_refused()
    {
        await using var scene = await StartAsync();
        Assert.Equal("rejected", await RefusalAsync(scene, IdOf(s_over, "over").CachePath));
    }

    [Fact]
    public async Task Narinfo_of_a_deferred_output_is_not_served_for_its_trace()
    {
        await using var scene = await StartAsync();
        var hash = Sha256Digest.HashData("deferred"u8);
        scene.Gate.Upstream.Put(
            TraceScene.TopInfo with
            {
                StorePath = Out,
                Url = $"nar/{hash}.nar",
                NarHash = hash,
                References = [],
                Deriver = s_deferred.Path.BaseName,
            }
        );
        await RefusalAsync(scene, IdOf(s_over, "over").CachePath);
        Assert.NotEqual("accepted", await RefusalAsync(scene, $"{Out.HashPart}.narinfo"));
    }

    /// <summary>Everything is at hand and claimed.</summary>
    static async Task<TraceScene> StartAsync()
    {
        var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.PutGraphAsync(LabDerivations.DeferredPath, s_unresolved.ToAterm());
        await scene.PutGraphAsync(LabDerivations.OverDeferredPath, s_over.ToAterm());
        await scene.ClaimAllAsync();
        foreach (var key in new[] { scene.Amy, scene.Ben })
        {
            await scene.ClaimAsync(key, s_deferred, ("out", Out), ("doc", s_deferred.Derivation.Output("doc")!.Path!));
            await scene.ClaimOnlyAsync(key, s_resolvedOver, ("out", TraceScene.Content("over", "over").StorePath));
        }
        return scene;
    }

    static async Task<string> RefusalAsync(TraceScene scene, string path)
    {
        using var response = await scene.Gate.GetAsync("/" + path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        return response.Headers.GetValues("X-Quorate-Verdict").Single();
    }

    static DrvOutputId IdOf(Derivation derivation, string name)
    {
        var hashes = new ModuloHashes(path =>
            path == LabDerivations.APath ? LabDerivations.Parse(LabDerivations.A)
            : path == LabDerivations.DeferredPath ? s_unresolved
            : null
        );
        Assert.True(DrvOutputId.TryOf(derivation, name, "out", hashes, out var id, out var problem), problem);
        return id;
    }
}
