using System.Net;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Node.Gates;
using Quorate.Testing;
using Quorate.Tests.Nix;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class NixGateTests
{
    static readonly byte[] s_nar = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i % 251))];
    static readonly NarInfo s_info = GateFixture.Sample(s_nar);
    static readonly StorePath s_path = s_info.StorePath;

    static NixClaim Claim => NixClaim.TryFrom(s_info, out var claim) ? claim : throw new InvalidOperationException();

    [Fact]
    public async Task Cache_info_names_store_and_priority()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { Priority = 7 });
        using var response = await gate.GetAsync("/nix-cache-info");
        Assert.Equal("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 7\n", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Accepted_path_is_described_by_the_claim_and_signed_by_the_gate()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        var served = await gate.NarInfoAsync(s_path);
        Assert.True(NixClaim.TryFrom(served, out var claim));
        Assert.Equal(Claim, claim);
        Assert.True(served.IsSignedBy(gate.PublicKey));
        Assert.Equal((s_info.Compression, s_info.FileHash, s_info.FileSize), (served.Compression, served.FileHash, served.FileSize));
    }

    [Fact]
    public async Task Accepted_path_loses_deriver_foreign_signatures_and_stated_content_address()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { ContentAddress = "text:sha256:x" }, s_nar);
        gate.Accept(Claim);
        var served = await gate.NarInfoAsync(s_path);
        Assert.Null(served.Deriver);
        Assert.Null(served.ContentAddress);
        Assert.Single(served.Signatures);
    }

    [Fact]
    public async Task References_and_size_come_from_the_claim_where_the_upstream_lies()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { References = [], NarSize = 1 }, s_nar);
        gate.Accept(Claim);
        var served = await gate.NarInfoAsync(s_path);
        Assert.Equal(Claim.References, served.References);
        Assert.Equal(Claim.NarSize, served.NarSize);
    }

    [Fact]
    public async Task Nar_passes_through_unchanged()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        var served = await gate.NarInfoAsync(s_path);
        using var response = await gate.GetAsync("/" + served.Url);
        Assert.Equal("application/x-nix-nar", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(s_nar, await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("zstd", ".nar.zst")]
    [InlineData("xz", ".nar.xz")]
    [InlineData("none", ".nar")]
    [InlineData("lz9", ".nar.lz9")]
    public async Task Nar_of_any_compression_is_found_again_by_its_url(string compression, string suffix)
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { Compression = compression }, s_nar);
        gate.Accept(Claim);
        var served = await gate.NarInfoAsync(s_path);
        Assert.EndsWith(suffix, served.Url, StringComparison.Ordinal);
        using var response = await gate.GetAsync("/" + served.Url);
        Assert.Equal(s_nar, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Content_address_that_recomputes_is_stated()
    {
        var info = NixSamples.Info(NixSamples.SourceTree);
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(info with { ContentAddress = null }, s_nar);
        Assert.True(NixClaim.TryFrom(info, out var claim));
        gate.Accept(claim);
        Assert.Equal(info.ContentAddress, (await gate.NarInfoAsync(info.StorePath)).ContentAddress);
    }

    [Fact]
    public async Task No_quorum_is_404_with_the_reasons()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        gate.Refuse(s_path, Verdict.Rejected, "alice and bob disagree");
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
        Assert.Equal("rejected", response.Headers.GetValues("X-Quorate-Verdict").Single());
        Assert.Contains("alice and bob disagree", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusals_are_remembered_for_operators()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        gate.Refuse(s_path, Verdict.Rejected, "alice and bob disagree");
        (await gate.GetAsync($"/{s_path.HashPart}.narinfo")).Dispose();
        var refusal = Assert.Single(gate.Gate.RecentRefusals);
        Assert.Equal((s_path.ToString(), GateOutcome.NoQuorum, false), (refusal.Path, refusal.Outcome, refusal.Served));
    }

    [Fact]
    public async Task Unknown_path_is_404_and_asks_nobody_to_decide()
    {
        await using var gate = await GateFixture.StartAsync();
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Empty(gate.Asked);
        Assert.Empty(gate.Gate.RecentRefusals);
    }

    [Fact]
    public async Task Quorum_without_an_upstream_that_has_the_path_is_404_with_that_reason()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Logs.Replace([], [MirrorOf(Claim)]);
        gate.Accept(Claim);
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("no-bytes", response.Headers.GetValues("X-Quorate-Verdict").Single());
    }

    [Fact]
    public async Task Quorum_on_other_bytes_than_the_upstream_has_is_404()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { NarHash = Sha256Digest.HashData("tampered"u8) }, s_nar);
        gate.Accept(Claim);
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(GateOutcome.NoBytes, Assert.Single(gate.Gate.RecentRefusals).Outcome);
    }

    [Fact]
    public async Task Right_bytes_that_were_uploaded_since_are_found()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { NarHash = Sha256Digest.HashData("tampered"u8) }, s_nar);
        gate.Accept(Claim);
        (await gate.GetAsync($"/{s_path.HashPart}.narinfo")).Dispose();
        gate.PutUpstream(s_info, s_nar);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }

    [Fact]
    public async Task Honest_upstream_behind_a_lying_one_is_found()
    {
        await using var honest = await LoopbackCache.StartAsync();
        await using var gate = await GateFixture.StartAsync(moreUpstreams: [honest.Url]);
        gate.PutUpstream(s_info with { NarHash = Sha256Digest.HashData("tampered"u8) }, [1, 2, 3]);
        honest.Put(s_info);
        honest.Put(s_info.Url, s_nar);
        gate.Accept(Claim);
        using var response = await gate.GetAsync("/" + (await gate.NarInfoAsync(s_path)).Url);
        Assert.Equal(s_nar, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Dead_upstream_does_not_hide_a_good_one()
    {
        await using var gate = await GateFixture.StartAsync(section =>
            section with
            {
                Upstreams = [new Uri("http://127.0.0.1:1"), .. section.Upstreams],
            }
        );
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }

    [Fact]
    public async Task Nar_that_the_first_upstream_lost_comes_from_the_next()
    {
        await using var second = await LoopbackCache.StartAsync();
        await using var gate = await GateFixture.StartAsync(moreUpstreams: [second.Url]);
        gate.Upstream.Put(s_info);
        second.Put(s_info);
        second.Put(s_info.Url, s_nar);
        gate.Accept(Claim);
        using var response = await gate.GetAsync("/" + (await gate.NarInfoAsync(s_path)).Url);
        Assert.Equal(s_nar, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Name_from_a_log_is_decided_without_any_upstream_naming_it()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Logs.Replace([], [MirrorOf(Claim)]);
        (await gate.GetAsync($"/{s_path.HashPart}.narinfo")).Dispose();
        Assert.Equal([s_path.ToString()], gate.Asked);
    }

    [Fact]
    public async Task Name_from_a_legacy_key_is_that_of_the_claim()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Logs.Replace([], [MirrorOf(Claim, NixKeyForms.LegacyKey(s_path.HashPart))]);
        (await gate.GetAsync($"/{s_path.HashPart}.narinfo")).Dispose();
        Assert.Equal([s_path.ToString()], gate.Asked);
    }

    [Fact]
    public async Task Invented_name_of_the_same_hash_does_not_hide_the_real_one()
    {
        await using var gate = await GateFixture.StartAsync();
        var invented = Claim with { Path = StorePath.Parse(s_path + "-invented") };
        gate.Logs.Replace([], [MirrorOf(invented), MirrorOf(Claim)]);
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }

    [Fact]
    public async Task Many_invented_names_in_two_logs_do_not_hide_the_one_that_an_upstream_names()
    {
        await using var gate = await GateFixture.StartAsync();
        var invented = Enumerable
            .Range(0, 60)
            .Select(i => new NixClaim(StorePath.Parse($"{s_path}-{i}"), Claim.NarHash, Claim.NarSize, []))
            .ToDictionary(claim => Convert.ToHexString(NixKeyForms.FullKey(claim.Path)), claim => claim.ToBytes(), StringComparer.Ordinal);
        var now = DateTimeOffset.UnixEpoch;
        gate.Logs.Replace(
            [],
            [new StubFollowedLog("eve", new StubMirror(invented), now), new StubFollowedLog("mallory", new StubMirror(invented), now)]
        );
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }

    [Fact]
    public async Task Two_accepted_names_for_one_hash_are_refused()
    {
        await using var gate = await GateFixture.StartAsync();
        var other = Claim with { Path = StorePath.Parse(s_path + "-other"), References = [] };
        gate.Logs.Replace([], [MirrorOf(other), MirrorOf(Claim)]);
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        gate.Accept(other);
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal("ambiguous", response.Headers.GetValues("X-Quorate-Verdict").Single());
    }

    [Fact]
    public async Task Before_the_first_synchronisation_is_503()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Logs.Replace(
            [],
            [new StubFollowedLog("bob", new StubMirror(new Dictionary<string, byte[]>()) { Head = null }, lastAttempt: null)]
        );
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("not-ready", response.Headers.GetValues("X-Quorate-Verdict").Single());
    }

    [Fact]
    public async Task First_synchronisation_that_does_not_end_is_not_waited_for_when_others_are_there()
    {
        var time = new ManualTime();
        await using var gate = await GateFixture.StartAsync(time: time);
        var slow = new StubFollowedLog("slow", new StubMirror(new Dictionary<string, byte[]>()) { Head = null }, lastAttempt: null);
        gate.Logs.Replace([], [slow, MirrorOf(Claim)]);
        using var before = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        time.Advance(TimeSpan.FromMinutes(11));
        using var after = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, before.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, after.StatusCode);
    }

    [Fact]
    public async Task Log_that_waits_for_its_first_synchronisation_does_not_delay_what_others_accept()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Logs.Replace(
            [],
            [new StubFollowedLog("bob", new StubMirror(new Dictionary<string, byte[]>()) { Head = null }, lastAttempt: null)]
        );
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }

    [Fact]
    public async Task Head_request_tells_the_same_without_a_body()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        using var response = await gate.SendAsync(HttpMethod.Head, $"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/x-nix-narinfo", response.Content.Headers.ContentType?.MediaType);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Head_request_for_a_nar_gives_its_length()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info, s_nar);
        using var response = await gate.SendAsync(HttpMethod.Head, "/" + NarUrlOf(s_info));
        Assert.Equal(s_nar.Length, response.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/robots.txt")]
    [InlineData("/w39bcnid1klz7bjcfiq1dmnhivm9735.narinfo")]
    [InlineData("/W39bcnid1klz7bjcfiq1dmnhivm9735n.narinfo")]
    [InlineData("/w39bcnid1klz7bjcfiq1dmnhivm9735n.ls")]
    [InlineData("/nar/x.nar.xz")]
    [InlineData("/nar/1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq.nar.xz")]
    [InlineData("/nar/1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq-w39bcnid1klz7bjcfiq1dmnhivm9735n.nar/../x")]
    [InlineData("/realisations/sha256:x!out.doi")]
    [InlineData("/metrics")]
    public async Task Other_paths_are_404(string path)
    {
        await using var gate = await GateFixture.StartAsync();
        using var response = await gate.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("POST")]
    [InlineData("DELETE")]
    public async Task Other_methods_are_405(string method)
    {
        await using var gate = await GateFixture.StartAsync();
        using var response = await gate.SendAsync(new HttpMethod(method), $"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task Simultaneous_requests_for_one_path_are_all_answered_and_the_upstream_is_asked_once()
    {
        await using var gate = await GateFixture.StartAsync();
        var hold = new TaskCompletionSource();
        gate.Hold = hold.Task;
        gate.PutUpstream(s_info, s_nar);
        gate.Accept(Claim);
        var first = gate.GetAsync($"/{s_path.HashPart}.narinfo");
        while (gate.Asked.IsEmpty)
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        var others = Enumerable.Range(0, 8).Select(_ => gate.GetAsync($"/{s_path.HashPart}.narinfo")).ToArray();
        hold.SetResult();
        foreach (var response in await Task.WhenAll([first, .. others]))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            response.Dispose();
        }
        Assert.Equal(1, gate.Upstream.CountOf($"{s_path.HashPart}.narinfo"));
    }

    static StubFollowedLog MirrorOf(NixClaim claim, byte[]? key = null) =>
        new(
            "bob",
            new StubMirror(
                new Dictionary<string, byte[]> { [Convert.ToHexString(key ?? NixKeyForms.FullKey(claim.Path))] = claim.ToBytes() }
            ),
            DateTimeOffset.UnixEpoch
        );

    static string NarUrlOf(NarInfo info) => NarUrl.Of(info).ToString();
}
