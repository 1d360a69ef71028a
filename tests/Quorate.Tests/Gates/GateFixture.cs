using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Node.Configuration;
using Quorate.Node.Gates;
using Quorate.Node.Gates.Traces;
using Quorate.Node.Logs;
using Quorate.Sources.NixCaches;
using Quorate.Tests.Nix;
using Quorate.Trust;

namespace Quorate.Tests.Gates;

/// <summary>A running gate in front of one loopback cache, with decisions that the test scripts.</summary>
sealed class GateFixture : IAsyncDisposable, IDecisionService
{
    static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    readonly NixCacheSecretKey _key = NixCacheSecretKey.Generate("gate-1");
    readonly ConcurrentDictionary<string, Decision> _decisions = new(StringComparer.Ordinal);
    readonly HttpClient _http;

    GateFixture(LoopbackCache upstream, HttpClient http)
    {
        Upstream = upstream;
        _http = http;
    }

    public LoopbackCache Upstream { get; }

    public NixGate Gate { get; private set; } = null!;

    public LogRegistry Logs { get; } = new();

    public NixCachePublicKey PublicKey => _key.PublicKey;

    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Awaited by every decision.</summary>
    public Task Hold { get; set; } = Task.CompletedTask;

    public static async Task<GateFixture> StartAsync(
        Func<GateSection, GateSection>? configure = null,
        IReadOnlyList<SignedCache>? caches = null,
        IReadOnlyList<Uri>? moreUpstreams = null,
        TimeProvider? time = null,
        GateTraceParts? traces = null
    )
    {
        var upstream = await LoopbackCache.StartAsync();
        var handler = new SocketsHttpHandler { UseProxy = false };
        var fixture = new GateFixture(upstream, new HttpClient(handler) { Timeout = s_timeout });
        var section = new GateSection
        {
            Listen = new Uri("http://127.0.0.1:0"),
            SigningKey = "unused",
            Upstreams = [upstream.Url, .. moreUpstreams ?? []],
        };
        fixture.Gate = new NixGate(
            new NixGateParts(
                configure?.Invoke(section) ?? section,
                fixture._key,
                fixture,
                fixture.Logs,
                caches ?? [],
                time ?? TimeProvider.System,
                NullLoggerFactory.Instance,
                Traces: traces
            )
        );
        await fixture.Gate.StartAsync(CancellationToken.None);
        return fixture;
    }

    /// <summary>Real Nix's narinfo of a small output with a self-reference, its NAR being any bytes: the gate does not look into it.</summary>
    public static NarInfo Sample(byte[] nar) =>
        NixSamples.Info(NixSamples.Top) with
        {
            FileSize = (ulong)nar.Length,
            FileHash = Sha256Digest.HashData(nar),
        };

    public void PutUpstream(NarInfo info, byte[] nar)
    {
        Upstream.Put(info);
        Upstream.Put(info.Url, nar);
    }

    public void Accept(NixClaim claim)
    {
        var input = new BuildInput(Protocol.Nix, NixKeyForms.FullKey(claim.Path));
        var raw = new RawEvidence(claim.ToBytes());
        var evidence = new Evidence(
            new Claim(input, claim.ToOutputs(), "alice", ClaimOrigin.LoggedBuilt, raw),
            Position: null,
            DateTimeOffset.UnixEpoch,
            []
        );
        _decisions[claim.Path.ToString()] = new Decision(
            Verdict.Accepted,
            evidence,
            ["alice"],
            100,
            [new Testimony.Given("alice", evidence)],
            [],
            "1 of (alice)"
        );
    }

    public void Refuse(StorePath path, Verdict verdict, params string[] reasons) =>
        _decisions[path.ToString()] = new Decision(verdict, null, [], 0, [], reasons, "3 of (alice, bob, chuck, dan)");

    public async Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken)
    {
        var key = System.Text.Encoding.ASCII.GetString(input.Key.Span);
        Asked.Enqueue(key);
        await Hold.WaitAsync(s_timeout, cancellationToken);
        return _decisions.TryGetValue(key, out var decision)
            ? decision
            : new Decision(Verdict.Inconclusive, null, [], 0, [], ["nobody has claimed it"], "1 of (alice)");
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path) =>
        _http.SendAsync(new HttpRequestMessage(method, new Uri(Gate.Address!, path)));

    public async Task<NarInfo> NarInfoAsync(StorePath path)
    {
        using var response = await GetAsync($"/{path.HashPart}.narinfo");
        response.EnsureSuccessStatusCode();
        return NarInfo.Parse(await response.Content.ReadAsByteArrayAsync(), StorePath.DefaultStoreDir);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Gate.DisposeAsync();
        await Upstream.DisposeAsync();
        _key.Dispose();
    }
}
