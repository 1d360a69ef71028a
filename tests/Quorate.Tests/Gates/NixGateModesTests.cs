using System.Net;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Node.Configuration;
using Quorate.Node.Gates;
using Quorate.Tests.Nix;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class NixGateModesTests
{
    static readonly byte[] s_nar = [.. Enumerable.Range(0, 300).Select(i => (byte)(i % 251))];
    static readonly NarInfo s_info = GateFixture.Sample(s_nar);
    static readonly StorePath s_path = s_info.StorePath;

    [Fact]
    public async Task Report_mode_passes_on_a_refused_path_without_our_signature()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { Mode = GateMode.Report });
        gate.PutUpstream(s_info, s_nar);
        gate.Refuse(s_path, Verdict.Rejected, "disagreement");
        var served = await gate.NarInfoAsync(s_path);
        Assert.False(served.IsSignedBy(gate.PublicKey));
        Assert.True(served.IsSignedBy(NixSamples.PublicKey));
        Assert.Equal(s_info.Deriver, served.Deriver);
        using var nar = await gate.GetAsync("/" + served.Url);
        Assert.Equal(s_nar, await nar.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Report_mode_records_what_would_be_refused()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { Mode = GateMode.Report });
        gate.PutUpstream(s_info, s_nar);
        gate.Refuse(s_path, Verdict.Inconclusive, "one vote is missing");
        await gate.NarInfoAsync(s_path);
        var refusal = Assert.Single(gate.Gate.RecentRefusals);
        Assert.True(refusal.Served);
        Assert.Equal(["one vote is missing"], refusal.Reasons);
    }

    [Fact]
    public async Task Report_mode_adds_our_signature_to_an_accepted_path()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { Mode = GateMode.Report });
        gate.PutUpstream(s_info, s_nar);
        Assert.True(NixClaim.TryFrom(s_info, out var claim));
        gate.Accept(claim);
        var served = await gate.NarInfoAsync(s_path);
        Assert.True(served.IsSignedBy(gate.PublicKey));
        Assert.True(served.IsSignedBy(NixSamples.PublicKey));
        Assert.Empty(gate.Gate.RecentRefusals);
    }

    [Fact]
    public async Task Report_mode_does_not_sign_other_bytes_than_were_accepted()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { Mode = GateMode.Report });
        gate.PutUpstream(s_info, s_nar);
        Assert.True(NixClaim.TryFrom(s_info, out var claim));
        gate.Accept(claim with { NarHash = Sha256Digest.HashData("other"u8) });
        Assert.False((await gate.NarInfoAsync(s_path)).IsSignedBy(gate.PublicKey));
        Assert.Equal(GateOutcome.NoBytes, Assert.Single(gate.Gate.RecentRefusals).Outcome);
    }

    [Fact]
    public async Task Fixed_output_that_recomputes_is_served_without_votes()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { AcceptContentAddressed = true });
        var info = NixSamples.Info(NixSamples.SourceTree);
        gate.PutUpstream(info, s_nar);
        var served = await gate.NarInfoAsync(info.StorePath);
        Assert.Equal(info.ContentAddress, served.ContentAddress);
        Assert.True(served.IsSignedBy(gate.PublicKey));
        Assert.Empty(gate.Asked);
    }

    [Fact]
    public async Task Fixed_output_needs_votes_unless_configured()
    {
        await using var gate = await GateFixture.StartAsync();
        var info = NixSamples.Info(NixSamples.SourceTree);
        gate.PutUpstream(info, s_nar);
        using var response = await gate.GetAsync($"/{info.StorePath.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Fixed_output_whose_upstream_lies_about_the_hash_needs_votes()
    {
        await using var gate = await GateFixture.StartAsync(section => section with { AcceptContentAddressed = true });
        var info = NixSamples.Info(NixSamples.SourceTree);
        gate.PutUpstream(info with { NarHash = Sha256Digest.HashData("evil"u8) }, s_nar);
        using var response = await gate.GetAsync($"/{info.StorePath.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Single(gate.Asked);
    }

    [Fact]
    public async Task Upstream_that_sends_too_much_is_refused_before_a_byte_is_passed_on()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.PutUpstream(s_info with { FileSize = 10 }, s_nar);
        using var response = await gate.GetAsync("/" + NarUrl.Of(s_info));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Upstream_that_states_an_absurd_length_is_refused_before_a_byte_is_passed_on()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Upstream.Put(s_info with { FileSize = ulong.MaxValue });
        gate.Upstream.Put(s_info.Url, context => context.Response.Body.WriteAsync(s_nar).AsTask());
        using var response = await gate.GetAsync("/" + NarUrl.Of(s_info));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("more than a NAR of", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstream_that_never_ends_is_cut_off()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Upstream.Put(s_info with { FileSize = null });
        gate.Upstream.Put(
            s_info.Url,
            async context =>
            {
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(new byte[16 << 10]);
                }
            }
        );
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => gate.GetAsync("/" + NarUrl.Of(s_info)));
    }

    [Fact]
    public async Task Upstream_that_ends_early_breaks_the_connection()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Upstream.Put(s_info);
        gate.Upstream.Put(
            s_info.Url,
            async context =>
            {
                // Chunked, so that the length shows only at the end.
                await context.Response.Body.WriteAsync(s_nar.AsMemory(0, 100));
                await context.Response.Body.FlushAsync();
            }
        );
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => gate.GetAsync("/" + NarUrl.Of(s_info)));
    }

    [Fact]
    public async Task Url_that_leads_out_of_the_upstream_is_not_followed()
    {
        await using var gate = await GateFixture.StartAsync();
        await using var elsewhere = await LoopbackCache.StartAsync();
        elsewhere.Put("x.nar", s_nar);
        gate.Upstream.Put(s_info with { Url = new Uri(elsewhere.Url, "/prefix/x.nar").AbsoluteUri });
        using var response = await gate.GetAsync("/" + NarUrl.Of(s_info));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task Garbage_from_an_upstream_is_a_refusal_that_says_so()
    {
        await using var gate = await GateFixture.StartAsync();
        gate.Upstream.Put($"{s_path.HashPart}.narinfo", "<html>"u8.ToArray());
        using var response = await gate.GetAsync($"/{s_path.HashPart}.narinfo");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("malformed", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstream_of_a_followed_log_serves_after_opting_in()
    {
        await using var gate = await GateFixture.StartAsync();
        await using var other = await LoopbackCache.StartAsync();
        other.Put(s_info);
        Assert.True(NixClaim.TryFrom(s_info, out var claim));
        gate.Accept(claim);
        gate.Gate.UseUpstreamsOfLogs([other.Url, new Uri("file:///etc"), other.Url]);
        Assert.Equal(s_path, (await gate.NarInfoAsync(s_path)).StorePath);
    }
}
