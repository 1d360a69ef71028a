using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;
using Quorate.Testing;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Derivations;
using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Sources.Traces;

/// <summary>A clock that moves by half a minute for each question that stays open; time-outs are short, and real.</summary>
public sealed class SourcePatienceTests : IAsyncLifetime, IDerivationSource
{
    const string JwsName = "traces/gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r";

    static readonly ResolvedInputHash s_input = ResolvedInputHash.Parse("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r");
    static readonly TimeSpan s_wait = TimeSpan.FromSeconds(30);

    readonly string _folder = Directory.CreateTempSubdirectory("q-traces").FullName;
    readonly ManualTime _time = new();
    readonly List<string> _told = [];
    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.Generate();
    LoopbackCache _server = null!;

    public async ValueTask InitializeAsync() => _server = await LoopbackCache.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Failed_of_lookups_side_by_side_loses_the_time_once()
    {
        var patience = new SourcePatience(TimeSpan.FromSeconds(45), _time, _told.Add);
        var began = _time.GetTimestamp();
        _time.Advance(s_wait);
        for (var i = 0; i < 64; i++)
        {
            patience.Failed(began, "silence");
        }
        Assert.Null(patience.Ended);
        _time.Advance(TimeSpan.FromSeconds(15));
        patience.Failed(began, "silence");
        patience.Failed(began, "silence");
        Assert.Equal("given up after 45 s of waiting in vain: silence", patience.Ended);
        Assert.Equal(patience.Ended, Assert.Single(_told));
    }

    [Fact]
    public async Task Find_at_a_cache_that_never_answers_asks_twice_and_then_fails_at_once()
    {
        _server.Put(JwsName, HangAsync);
        using var cache = Hasty(_server.Url);
        for (var i = 0; i < 20; i++)
        {
            Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        }
        var last = Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        Assert.Equal(2, _server.CountOf(JwsName));
        Assert.Contains("given up after 60 s", last.Reason, StringComparison.Ordinal);
        Assert.Contains("did not answer", Assert.Single(_told), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_at_a_cache_that_answers_slowly_goes_on()
    {
        _server.Put(
            JwsName,
            context =>
            {
                _time.Advance(s_wait);
                context.Response.StatusCode = 404;
                return Task.CompletedTask;
            }
        );
        using var cache = Patient(_server.Url, timeout: TimeSpan.FromMinutes(1));
        for (var i = 0; i < 5; i++)
        {
            Assert.Same(TraceLookup.Absent, await cache.FindAsync(s_input, CancellationToken.None));
        }
        Assert.Empty(_told);
    }

    [Fact]
    public async Task Find_at_a_cache_that_fails_at_once_goes_on()
    {
        _server.Put(JwsName, context => Task.FromResult(context.Response.StatusCode = 500));
        using var cache = Patient(_server.Url, timeout: TimeSpan.FromMinutes(1));
        for (var i = 0; i < 5; i++)
        {
            Assert.IsType<TraceLookup.Unavailable>(await cache.FindAsync(s_input, CancellationToken.None));
        }
        Assert.Equal(5, _server.CountOf(JwsName));
        Assert.Empty(_told);
    }

    [Fact]
    public async Task Verification_beside_a_cache_that_was_given_up_is_as_good_as_the_other_sources()
    {
        foreach (var derivation in new[] { TraceScene.A, TraceScene.ResolvedTop })
        {
            _server.Put($"traces/{derivation.Hash}", HangAsync);
        }
        using var hanging = Hasty(_server.Url);
        Assert.True(TraceCacheAddress.TryParse("dir:" + _folder, out var address));
        using var good = new TraceCache(address, TimeProvider.System);

        Assert.Equal(Verdict.Inconclusive, (await VerifyAsync(good, hanging)).Verdict);
        await ClaimAsync(good, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        await ClaimAsync(good, TraceScene.ResolvedTop, ("out", TraceScene.TopInfo.StorePath));
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(good, hanging)).Verdict);
        Assert.Single(_told);
        var alone = await VerifyAsync(hanging);
        Assert.Equal(Verdict.Inconclusive, alone.Verdict);
        Assert.Contains("given up", Assert.Single(alone.Exploration!.Gaps).Reason, StringComparison.Ordinal);
    }

    public byte[]? Read(StorePath derivation) =>
        derivation == TraceScene.A.Path ? System.Text.Encoding.UTF8.GetBytes(LabDerivations.A) : TraceScene.UnresolvedTop.ToAterm();

    Task HangAsync(Microsoft.AspNetCore.Http.HttpContext context)
    {
        _time.Advance(s_wait);
        return Task.Delay(Timeout.Infinite, context.RequestAborted);
    }

    TraceCache Hasty(Uri url) => Patient(url, TimeSpan.FromMilliseconds(200));

    TraceCache Patient(Uri url, TimeSpan timeout) =>
        new(
            TraceCacheAddress.TryParse(url.ToString(), out var parsed) ? parsed : throw new InvalidOperationException(url.ToString()),
            _time,
            new TraceCacheOptions
            {
                Timeout = timeout,
                Patience = TimeSpan.FromSeconds(45),
                GivenUp = _told.Add,
            }
        );

    Task<bool> ClaimAsync(TraceCache cache, ResolvedDerivation derivation, params (string Name, StorePath Path)[] outputs) =>
        cache.AddAsync(derivation.Hash, TraceElement.Of(TraceScene.Claim(_key, derivation, outputs)), CancellationToken.None);

    Task<TraceVerification> VerifyAsync(params ITraceSource[] sources) =>
        new TraceVerifier(this, sources, TimeProvider.System).VerifyAsync(
            new VerificationRequest(
                DerivationPaths.Of(TraceScene.UnresolvedTop, "top"),
                OutputPaths.Empty,
                TraceTrust.Create(
                    new TrustModel.Key("amy"),
                    new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal)
                    {
                        ["amy"] = new([new NixCachePublicKey("amy-1", _key.PublicKey)], []),
                    }
                )
            ),
            progress: null,
            TestContext.Current.CancellationToken
        );
}
