using System.Net;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Tests.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Gates;

/// <summary>Realisations and build-trace entries at the gate: what it answers, and all that it does not.</summary>
public sealed class GateTraceTests
{
    static DrvOutputId TopId => DrvOutputId.Of(TraceScene.ResolvedTop, "out");

    [Theory]
    [InlineData("!")]
    [InlineData("%21")]
    public async Task Realisation_of_a_resolved_derivation_is_signed_by_the_gate(string mark)
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();

        using var response = await scene.Gate.GetAsync("/realisations/" + $"{TopId}.doi".Replace("!", mark, StringComparison.Ordinal));

        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var realisation = Realisation.Parse(await response.Content.ReadAsByteArrayAsync(), StorePath.DefaultStoreDir);
        Assert.Equal((TopId, TraceScene.TopInfo.StorePath), (realisation.Id, realisation.OutPath));
        Assert.True(realisation.IsSignedBy(scene.Gate.PublicKey));
    }

    [Fact]
    public async Task Entry_of_a_resolved_derivation_is_signed_by_the_gate()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        var key = new BuildTraceKey(TraceScene.A.Path, "dev");

        using var response = await scene.Gate.GetAsync("/" + key.CachePath);

        var json = await response.Content.ReadAsByteArrayAsync();
        Assert.True(BuildTraceEntry.TryParseValue(json, key, out var entry, out var problem), problem);
        Assert.Equal(TraceScene.ADev, entry.OutPath);
        Assert.True(entry.IsSignedBy(scene.Gate.PublicKey));
    }

    [Fact]
    public async Task Claim_of_one_builder_is_refused_with_the_reason()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));

        using var response = await scene.Gate.GetAsync("/" + DrvOutputId.Of(TraceScene.A, "out").CachePath);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("rejected", Assert.Single(response.Headers.GetValues("X-Quorate-Verdict")));
        Assert.Contains("amy", Assert.Single(response.Headers.GetValues("X-Quorate-Reason")), StringComparison.Ordinal);
        Assert.Contains(scene.Gate.Gate.RecentRefusals, refusal => refusal.Path == DrvOutputId.Of(TraceScene.A, "out").ToString());
    }

    [Fact]
    public async Task Claim_that_arrives_later_is_counted()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        var path = "/" + DrvOutputId.Of(TraceScene.A, "out").CachePath;
        (await scene.Gate.GetAsync(path)).Dispose();

        await scene.ClaimAsync(scene.Ben, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));

        var status = HttpStatusCode.NotFound;
        for (var attempt = 0; attempt < 100 && status != HttpStatusCode.OK; attempt++)
        {
            using var response = await scene.Gate.GetAsync(path);
            status = response.StatusCode;
            await Task.Delay(status == HttpStatusCode.OK ? 0 : 100);
        }
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task Outputs_on_which_builders_agree_only_one_by_one_are_refused()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        await scene.ClaimAsync(scene.Ben, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.Content("a-dev", "other").StorePath));

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, DrvOutputId.Of(TraceScene.A, "out").CachePath));
    }

    [Fact]
    public async Task Identifier_that_no_derivation_at_hand_has_is_unknown()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();

        using var response = await scene.Gate.GetAsync("/" + TraceScene.UnresolvedTopId.CachePath);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("unknown", Assert.Single(response.Headers.GetValues("X-Quorate-Verdict")));
    }

    [Fact]
    public async Task Derivation_kept_under_the_hash_of_another_is_not_believed()
    {
        await using var scene = await TraceScene.StartAsync();
        // Whoever can write to a cache would like an identifier to stand for what builders claim of something else.
        await scene.PutDerivationAsync(TraceScene.ResolvedTop.Hash, TraceScene.A.ToAterm());
        await scene.ClaimAsync(scene.Amy, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.ClaimAsync(scene.Ben, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, DrvOutputId.Of(TraceScene.A, "out").CachePath));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TopId.CachePath));
    }

    [Fact]
    public async Task Unresolved_identifier_is_answered_where_the_whole_graph_verifies()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.ClaimAllAsync();

        using var response = await scene.Gate.GetAsync("/" + TraceScene.UnresolvedTopId.CachePath);

        var realisation = Realisation.Parse(await response.Content.ReadAsByteArrayAsync(), StorePath.DefaultStoreDir);
        Assert.Equal(TraceScene.TopInfo.StorePath, realisation.OutPath);
        Assert.Equal(TraceScene.UnresolvedTopId, realisation.Id);
    }

    [Fact]
    public async Task Unresolved_identifier_is_refused_where_a_step_below_lacks_a_claim()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.ClaimAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        await scene.ClaimAsync(scene.Amy, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.ClaimAsync(scene.Ben, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));

        // The step itself is vouched for by both, so its resolved identity is answered, for clients that get its inputs elsewhere.
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TopId.CachePath));
    }

    [Fact]
    public async Task Unresolved_identifier_is_refused_where_the_graph_has_a_hole()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        await scene.PutGraphAsync(DerivationPaths.Of(TraceScene.UnresolvedTop, "top"), TraceScene.UnresolvedTop.ToAterm());

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));
    }

    [Fact]
    public async Task Derivation_added_to_the_graph_later_is_found()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.ClaimAllAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));
        var later = LabDerivations.Parse(LabDerivations.A.Replace("echo a", "echo b", StringComparison.Ordinal));
        var resolved = ResolvedDerivation.Of(later, "a");
        await scene.PutGraphAsync(resolved.Path, later.ToAterm());

        var verdict = "";
        for (var attempt = 0; attempt < 100 && verdict != "rejected"; attempt++)
        {
            using var response = await scene.Gate.GetAsync("/" + DrvOutputId.Of(resolved, "out").CachePath);
            verdict = response.Headers.GetValues("X-Quorate-Verdict").Single();
            await Task.Delay(verdict == "rejected" ? 0 : 100);
        }

        // Known, and nobody claims it.
        Assert.Equal("rejected", verdict);
    }

    [Fact]
    public async Task Narinfo_of_a_verified_output_is_served_with_its_content_address()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        scene.Gate.Upstream.Put(TraceScene.TopInfo);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TopId.CachePath));

        var info = await scene.Gate.NarInfoAsync(TraceScene.TopInfo.StorePath);

        Assert.Equal((TraceScene.TopInfo.NarHash, TraceScene.TopInfo.NarSize), (info.NarHash, info.NarSize));
        Assert.Equal(TraceScene.TopInfo.References, info.References);
        Assert.Equal(ContentAddressing.RecursiveSha256Field(info.NarHash), info.ContentAddress);
        Assert.True(info.IsSignedBy(scene.Gate.PublicKey));
    }

    [Fact]
    public async Task Narinfo_of_inputs_of_a_verified_graph_is_served()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.ClaimAllAsync();
        scene.Gate.Upstream.Put(TraceScene.Content("a", "a"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TraceScene.AOut.HashPart + ".narinfo"));
    }

    [Fact]
    public async Task Step_of_a_refused_graph_is_known_by_its_resolved_identity_although_nobody_stored_it()
    {
        await using var scene = await TraceScene.StartAsync(withGraph: true);
        await scene.ClaimOnlyAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        await scene.ClaimOnlyAsync(scene.Amy, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        await scene.ClaimOnlyAsync(scene.Ben, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TopId.CachePath));

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TopId.CachePath));
    }

    [Theory]
    [InlineData(false, HttpStatusCode.ServiceUnavailable)]
    [InlineData(true, HttpStatusCode.NotFound)]
    public async Task Refusal_waits_for_the_first_synchronisation_of_followed_logs(bool wasTried, HttpStatusCode expected)
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAsync(scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        var mirror = new StubMirror(new Dictionary<string, byte[]>()) { Head = null, Protocol = Protocol.NixTrace };
        scene.Gate.Logs.Replace([], [new StubFollowedLog("ben", mirror, wasTried ? DateTimeOffset.UnixEpoch : null)]);

        Assert.Equal(expected, await StatusAsync(scene, DrvOutputId.Of(TraceScene.A, "out").CachePath));
        Assert.Equal(expected, await StatusAsync(scene, TraceScene.UnresolvedTopId.CachePath));
        Assert.Equal(expected, await StatusAsync(scene, new BuildTraceKey(TraceScene.ResolvedTop.Path, "out").CachePath));
    }

    [Fact]
    public async Task Narinfo_is_served_to_a_client_that_remembers_the_realisation()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        scene.Gate.Upstream.Put(TraceScene.TopInfo with { Deriver = TraceScene.ResolvedTop.Path.BaseName });

        var info = await scene.Gate.NarInfoAsync(TraceScene.TopInfo.StorePath);

        Assert.Null(info.Deriver);
        Assert.True(info.IsSignedBy(scene.Gate.PublicKey));
    }

    [Fact]
    public async Task Narinfo_whose_deriver_made_something_else_is_refused()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        var other = TraceScene.Content("top", "other");
        scene.Gate.Upstream.Put(other with { Deriver = TraceScene.ResolvedTop.Path.BaseName });

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, other.StorePath.HashPart + ".narinfo"));
    }

    [Fact]
    public async Task Narinfo_that_describes_another_object_is_refused()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAllAsync();
        scene.Gate.Upstream.Put(TraceScene.TopInfo with { References = [] });
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, TopId.CachePath));

        using var response = await scene.Gate.GetAsync($"/{TraceScene.TopInfo.StorePath.HashPart}.narinfo");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("no-bytes", Assert.Single(response.Headers.GetValues("X-Quorate-Verdict")));
    }

    [Fact]
    public async Task Narinfo_of_an_output_that_nobody_verified_is_refused()
    {
        await using var scene = await TraceScene.StartAsync();
        await scene.ClaimAsync(scene.Amy, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        scene.Gate.Upstream.Put(TraceScene.TopInfo);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TopId.CachePath));

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, TraceScene.TopInfo.StorePath.HashPart + ".narinfo"));
    }

    [Theory]
    [InlineData("realisations/sha256:00!out.doi")]
    [InlineData("realisations/../nix-cache-info")]
    [InlineData("realisations/")]
    [InlineData("build-trace-v2/x/out.doi")]
    [InlineData("build-trace-v2/79lzxj70kpqvhwbk42p6qz6a6ggscch8-a.drv/out.doi/more")]
    public async Task Malformed_names_are_not_found(string path)
    {
        await using var scene = await TraceScene.StartAsync();

        using var response = await scene.Gate.GetAsync("/" + path);

        Assert.True(response.StatusCode == HttpStatusCode.NotFound || path.EndsWith("nix-cache-info", StringComparison.Ordinal));
        Assert.False(response.Headers.Contains("X-Quorate-Verdict"));
    }

    [Fact]
    public async Task Gate_without_traces_has_no_realisations()
    {
        await using var gate = await GateFixture.StartAsync();
        using var response = await gate.GetAsync("/" + TopId.CachePath);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.False(response.Headers.Contains("X-Quorate-Verdict"));
    }

    static async Task<HttpStatusCode> StatusAsync(TraceScene scene, string path)
    {
        using var response = await scene.Gate.GetAsync("/" + path);
        return response.StatusCode;
    }
}
