using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Quorate.Crypto;
using Quorate.Crypto.Tokens;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Rpc;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Quorate.Sources.Traces;
using Quorate.Testing;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Node.Traces;

/// <summary>The trace store of a whole node, over its sockets.</summary>
public sealed class TraceStoreTests
{
    const string Aterm =
        """Derive([("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",["-c","echo > $out"],[("name","leaf"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9")])""";

    // Two builders publish here: the keys of the samples sign their claims.
    static readonly string s_configuration = $$"""
        signers: { alice: { path: alice.key }, bob: { path: bob.key } }
        builders:
          alice: { claim_keys: ["alice-1:{{TraceSamples.Key.PublicKey}}"] }
          bob: { claim_keys: ["bob-1:{{TraceSamples.OtherKey.PublicKey}}"] }
        publish:
        - { name: alice-traces, builder: alice, protocol: nix-trace, signer: alice, filter: { deny: ["secret*"] } }
        - { name: bob-traces, builder: bob, protocol: nix-trace, signer: bob }
        """;

    static readonly Dictionary<string, byte> s_keys = new() { ["alice.key"] = 91, ["bob.key"] = 92 };

    static string Jws(UInt128 attempt, Ed25519PrivateKey? key = null, TraceStatement? statement = null) =>
        Encoding.ASCII.GetString(
            TraceSamples.Sign(TraceFormat.Jws2, (statement ?? TraceSamples.Statement) with { AttemptId = attempt }, key)
        );

    static string Bundle(UInt128 attempt, Ed25519PrivateKey? key = null) =>
        Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle, TraceSamples.Statement with { AttemptId = attempt }, key));

    static string Set(params string[] elements) => $$"""{"signatures":[{{string.Join(',', elements.Select(e => $"\"{e}\""))}}]}""";

    static string Lines(params string[] elements) => string.Concat(elements.Select(e => e + "\n"));

    static Task<TestNode> StartAsync(string more = "") => TestNode.StartAsync(s_configuration + more, s_keys);

    static async Task<HttpResponseMessage> PutAsync(TestNode node, string path, string body, string? match = null, bool create = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, path) { Content = new StringContent(body, Encoding.UTF8) };
        if (match is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", match);
        }
        if (create)
        {
            request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        }
        return await node.Control.SendAsync(request, TestContext.Current.CancellationToken);
    }

    static async Task<(string Body, string ETag)> GetAsync(TestNode node, string path)
    {
        using var client = new HttpClient { BaseAddress = node.PublicUrl };
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), response.Headers.ETag!.ToString());
    }

    static async Task<HttpStatusCode> StatusAsync(TestNode node, HttpMethod method, string path, string? noneMatch = null)
    {
        using var client = new HttpClient { BaseAddress = node.PublicUrl };
        using var request = new HttpRequestMessage(method, path);
        if (noneMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", noneMatch);
        }
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    static string Traces => $"/traces/{TraceSamples.InputText}";

    static string Bundles => $"/traces/aterm/{TraceSamples.InputText}";

    [Fact]
    public async Task Objects_of_both_layouts_grow_by_conditional_writes_and_are_the_log_s_claims()
    {
        await using var node = await StartAsync();
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, Traces));

        using var created = await PutAsync(node, Traces, Set(Jws(1)), create: true);
        using var again = await PutAsync(node, Traces, Set(Jws(2)), create: true);
        using var extended = await PutAsync(node, Traces, Set(Jws(1), Jws(2)), created.Headers.ETag!.ToString());
        using var late = await PutAsync(node, Traces, Set(Jws(1), Jws(3)), created.Headers.ETag!.ToString());
        using var lines = await PutAsync(node, Bundles, Lines(Bundle(4), Bundle(5)), create: true);

        Assert.Equal(
            [
                HttpStatusCode.Created,
                HttpStatusCode.PreconditionFailed,
                HttpStatusCode.Created,
                HttpStatusCode.PreconditionFailed,
                HttpStatusCode.Created,
            ],
            [created.StatusCode, again.StatusCode, extended.StatusCode, late.StatusCode, lines.StatusCode]
        );
        Assert.Equal((Set(Jws(1), Jws(2)), extended.Headers.ETag!.ToString()), await GetAsync(node, Traces));
        Assert.Equal((Lines(Bundle(4), Bundle(5)), lines.Headers.ETag!.ToString()), await GetAsync(node, Bundles));
        var log = node.Host.Context.Registry.Published[0].Log;
        Assert.Equal(4, log.EntriesOf(Encoding.ASCII.GetBytes(TraceSamples.InputText)).Count);
        await node.RestartAsync();
        Assert.Equal(Set(Jws(1), Jws(2)), (await GetAsync(node, Traces)).Body);
    }

    [Fact]
    public async Task Write_that_drops_a_claim_is_refused_and_one_that_adds_none_changes_nothing()
    {
        await using var node = await StartAsync();
        using var created = await PutAsync(node, Traces, Set(Jws(1), Jws(2)));

        using var dropping = await PutAsync(node, Traces, Set(Jws(1), Jws(3)), created.Headers.ETag!.ToString());
        using var same = await PutAsync(node, Traces, Set(Jws(2), Jws(1), Jws(2)), created.Headers.ETag!.ToString());

        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.OK), (dropping.StatusCode, same.StatusCode));
        Assert.Equal(created.Headers.ETag, same.Headers.ETag);
        Assert.Equal(Set(Jws(1), Jws(2)), (await GetAsync(node, Traces)).Body);
    }

    [Fact]
    public async Task Claims_go_to_the_log_of_the_builder_who_signed_them_and_are_read_together()
    {
        await using var node = await StartAsync();
        using var created = await PutAsync(node, Bundles, Lines(Bundle(1), Bundle(2, TraceSamples.OtherKey)));

        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal([1UL, 1UL], node.Host.Context.Registry.Published.Select(p => p.Log.Head.TreeSize));
        Assert.Equal(Lines(Bundle(1), Bundle(2, TraceSamples.OtherKey)), (await GetAsync(node, Bundles)).Body);
    }

    [Fact]
    public async Task Claim_of_a_stranger_of_another_input_or_held_back_by_the_filter_is_refused_whole()
    {
        await using var node = await StartAsync();
        using var stranger = Ed25519PrivateKey.Generate();
        var other = TraceSamples.Statement with { Input = ResolvedInputHash.Parse("00000000000000000000000000000000") };
        var secret = TraceSamples.Statement with
        {
            Outputs =
            [
                TraceSamples.Statement.Outputs[0] with
                {
                    Path = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-secret"),
                },
            ],
        };

        foreach (var bad in new[] { Jws(2, stranger), Jws(2, null, other), Jws(2)[..^2] + "AA" })
        {
            using var refused = await PutAsync(node, Traces, Set(Jws(1), bad));
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        using var filtered = await PutAsync(node, Traces, Set(Jws(2, null, secret)));

        Assert.Equal(HttpStatusCode.Forbidden, filtered.StatusCode);
        Assert.Equal(0UL, node.Host.Context.Registry.Published[0].Log.Head.TreeSize);
        // The log's other doors are no wider.
        await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice-traces", (TraceSamples.InputText, Jws(1, stranger))));
        await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice-traces", ("no input", Jws(1))));
        await Assert.ThrowsAsync<HttpRequestException>(() => node.SubmitAsync("alice-traces", (TraceSamples.InputText, Bundle(1) + "\n")));
        Assert.Equal(1, (await node.SubmitAsync("alice-traces", (TraceSamples.InputText, Jws(1)))).GetProperty("added").GetInt32());
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("{}", 400)]
    [InlineData("not json", 400)]
    [InlineData("{\"signatures\":[]}", 400)]
    public async Task Object_that_is_none_is_refused(string body, int status)
    {
        await using var node = await StartAsync();
        using var response = await PutAsync(node, Traces, body);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task Object_in_the_other_layout_s_place_is_refused()
    {
        await using var node = await StartAsync();
        using var lines = await PutAsync(node, Traces, Lines(Bundle(1)));
        using var set = await PutAsync(node, Bundles, Set(Jws(1)));
        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (lines.StatusCode, set.StatusCode));
    }

    [Fact]
    public async Task Object_over_the_limit_is_refused_before_it_is_read()
    {
        await using var node = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, Traces) { Content = new ByteArrayContent(new byte[100]) };
        request.Content.Headers.ContentLength = TraceObject.MaxBytes + 1L;
        request.Headers.ExpectContinue = true;
        using var response = await node.Control.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task Reading_knows_validators_and_heads()
    {
        await using var node = await StartAsync();
        using var created = await PutAsync(node, Traces, Set(Jws(1)));
        var etag = created.Headers.ETag!.ToString();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, HttpMethod.Head, Traces));
        Assert.Equal(HttpStatusCode.NotModified, await StatusAsync(node, HttpMethod.Get, Traces, etag));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, HttpMethod.Get, Traces, "\"another\""));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, Bundles));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, "/traces/not-a-hash"));
        using var weak = await PutAsync(node, Traces, Set(Jws(1), Jws(2)), "W/" + etag);
        Assert.Equal(HttpStatusCode.PreconditionFailed, weak.StatusCode);
    }

    [Fact]
    public async Task Writing_over_the_public_listener_needs_a_token_for_the_builder_s_log()
    {
        using var token = TrustixToken.Generate("ci");
        await using var node = await TestNode.StartAsync(
            $$"""
            node: { state: "{dir}/state", listen: [http://127.0.0.1:0], control: "unix://{dir}/c.sock", tokens: [{ token: "{{token.PublicToken}}", logs: [bob-traces] }] }
            {{s_configuration}}
            """,
            s_keys
        );
        using var client = new HttpClient { BaseAddress = node.PublicUrl };

        using var without = await client.PutAsync(Traces, new StringContent(Set(Jws(1))), TestContext.Current.CancellationToken);
        client.DefaultRequestHeaders.Add(TrustixToken.HeaderName, token.Header(TrustixMethods.LogRpc.Submit.Procedure));
        using var other = await client.PutAsync(Traces, new StringContent(Set(Jws(1))), TestContext.Current.CancellationToken);
        using var own = await client.PutAsync(
            Traces,
            new StringContent(Set(Jws(1, TraceSamples.OtherKey))),
            TestContext.Current.CancellationToken
        );

        Assert.Equal(
            (HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden, HttpStatusCode.Created),
            (without.StatusCode, other.StatusCode, own.StatusCode)
        );
    }

    [Fact]
    public async Task Trace_cache_client_with_a_token_writes_and_reads_both_layouts_and_the_derivation()
    {
        using var token = TrustixToken.Generate("ci");
        await using var node = await TestNode.StartAsync(
            $$"""
            node: { state: "{dir}/state", listen: [http://127.0.0.1:0], control: "unix://{dir}/c.sock", tokens: ["{{token.PublicToken}}"] }
            {{s_configuration}}
            """,
            s_keys
        );
        var derivation = ResolvedDerivation.Of(Derivation.Parse(Encoding.ASCII.GetBytes(Aterm), StorePath.DefaultStoreDir), "leaf");
        Assert.True(TraceCacheAddress.TryParse(node.PublicUrl.AbsoluteUri, out var address));
        var options = new TraceCacheOptions { WriteToken = token.Header(TrustixMethods.LogRpc.Submit.Procedure) };
        using var cache = new TraceCache(address, TimeProvider.System, options);
        using var stranger = new TraceCache(address, TimeProvider.System);
        var cancellation = TestContext.Current.CancellationToken;
        TraceElement[] elements = [.. new[] { Jws(1), Bundle(2), Bundle(3) }.Select(e => TraceElement.Of(Encoding.ASCII.GetBytes(e)))];

        foreach (var element in elements)
        {
            Assert.True(await cache.AddAsync(TraceSamples.Input, element, cancellation));
        }
        Assert.False(await cache.AddAsync(TraceSamples.Input, elements[1], cancellation));
        await cache.AddDerivationAsync(derivation.Hash, derivation.ToAterm(), cancellation);

        var another = TraceElement.Of(Encoding.ASCII.GetBytes(Jws(4)));
        await Assert.ThrowsAsync<TraceCacheException>(() => stranger.AddAsync(TraceSamples.Input, another, cancellation));
        var found = Assert.IsType<TraceLookup.Found>(await stranger.FindAsync(TraceSamples.Input, cancellation));
        Assert.Equal(3, found.Objects.Sum(o => o.Elements.Count));
        Assert.Equal(Aterm, Encoding.ASCII.GetString((await stranger.FindDerivationAsync(derivation.Hash, cancellation))!.Value.Span));
    }

    [Fact]
    public async Task Control_client_keeps_a_derivation_once()
    {
        var derivation = ResolvedDerivation.Of(Derivation.Parse(Encoding.ASCII.GetBytes(Aterm), StorePath.DefaultStoreDir), "leaf");
        await using var node = await StartAsync();
        Assert.True(NodeAddress.TryParse(node.ControlAddress, out var address, out var error), error);
        await using var client = ControlClient.Connect(address);

        for (var i = 0; i < 2; i++)
        {
            await client.KeepDerivationAsync(derivation.Hash.ToString(), derivation.AtermBytes, TestContext.Current.CancellationToken);
        }
        await Assert.ThrowsAsync<ControlException>(() =>
            client.KeepDerivationAsync(TraceSamples.InputText, derivation.AtermBytes, TestContext.Current.CancellationToken)
        );

        Assert.Equal(Aterm, (await GetAsync(node, $"/traces/drv/{derivation.Hash}")).Body);
    }

    [Fact]
    public async Task Spooled_claim_is_delivered_with_its_derivation_when_the_node_starts()
    {
        await using var node = await StartAsync();
        await node.StopAsync();
        var claim = TraceScene.Claim(TraceSamples.Key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        using (var spool = HookSpool.Open($"{node.Directory}/state/spool", create: true)!)
        {
            var key = Encoding.ASCII.GetBytes(TraceScene.A.Hash.ToString());
            var item = new SpoolItem(key, claim, TraceScene.A.Path.ToString(), TraceScene.A.AtermBytes);
            Assert.True(spool.TryAdd(new SpoolBatch("alice-traces", [item])));
        }

        await node.RestartAsync();

        await TestNode.UntilAsync(
            async () => await StatusAsync(node, HttpMethod.Get, $"/traces/drv/{TraceScene.A.Hash}") == HttpStatusCode.OK,
            "the derivation is kept"
        );
        Assert.Equal(1UL, node.Host.Context.Registry.Published[0].Log.Head.TreeSize);
    }

    [Fact]
    public async Task Resolved_derivations_are_kept_under_their_hash_only()
    {
        var derivation = ResolvedDerivation.Of(Derivation.Parse(Encoding.ASCII.GetBytes(Aterm), StorePath.DefaultStoreDir), "leaf");
        await using var node = await StartAsync();

        using var created = await PutAsync(node, $"/traces/drv/{derivation.Hash}", Aterm, create: true);
        using var again = await PutAsync(node, $"/traces/drv/{derivation.Hash}", Aterm, create: true);
        using var wrong = await PutAsync(node, $"/traces/drv/{TraceSamples.InputText}", Aterm);
        using var junk = await PutAsync(node, $"/traces/drv/{derivation.Hash}", "Derive(");

        Assert.Equal(
            (HttpStatusCode.Created, HttpStatusCode.PreconditionFailed, HttpStatusCode.BadRequest, HttpStatusCode.BadRequest),
            (created.StatusCode, again.StatusCode, wrong.StatusCode, junk.StatusCode)
        );
        await node.RestartAsync();
        Assert.Equal(Aterm, (await GetAsync(node, $"/traces/drv/{derivation.Hash}")).Body);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, $"/traces/drv/{TraceSamples.InputText}"));
    }

    [Fact]
    public async Task Store_answers_from_the_mirrors_that_it_is_told_of_and_leaves_out_what_does_not_count()
    {
        await using var bob = await StartAsync();
        using var created = await PutAsync(bob, Bundles, Lines(Bundle(1), Bundle(2, TraceSamples.OtherKey)));
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        string Follower(string mirrors, string key, string mode) =>
            $$"""
                builders: { bob: { claim_keys: ["bob-1:{{key}}"] } }
                follow:
                - { builder: bob, protocol: nix-trace, key: "{{TestNode.PublicKey(92)}}", remotes: ["{{bob.PublicUrl}}"], mode: {{mode}} }
                {{mirrors}}
                """;
        var claimKey = TraceSamples.OtherKey.PublicKey.ToString();
        foreach (var mode in new[] { "mirror", "query" })
        {
            await using var node = await TestNode.StartAsync(Follower("traces: { mirrors: [bob] }", claimKey, mode));
            await node.SyncAsync("bob");
            Assert.Equal(Lines(Bundle(2, TraceSamples.OtherKey)), (await GetAsync(node, Bundles)).Body);
            // Whose claim keys are others, his claims do not count.
            node.Configure(Follower("traces: { mirrors: [bob] }", TestNode.PublicKey(55), mode));
            await node.ReloadAsync();
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, Bundles));
            // A mirror is not published without being told to.
            node.Configure(Follower("", claimKey, mode));
            await node.ReloadAsync();
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(node, HttpMethod.Get, Bundles));
        }
    }
}
