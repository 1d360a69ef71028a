using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;
using Quorate.Nix;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;
using Quorate.Tests.Gates;
using Quorate.Tests.Log;
using Quorate.Tests.Nix.Derivations;
using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Sources.Traces;

/// <summary>A claim of amy in a log on this disk, which is hers or somebody else's as the trust model says.</summary>
public sealed class LoggedClaimTests : IDerivationSource, IDisposable
{
    static readonly string s_another = new LogIdentity(
        Protocol.NixTrace,
        Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)7, 32).ToArray()).PublicKey
    ).Id.ToString();

    readonly LogFixture _fixture = new(Protocol.NixTrace);
    readonly Ed25519PrivateKey _amy = Ed25519PrivateKey.Generate();
    readonly Ed25519PrivateKey _ben = Ed25519PrivateKey.Generate();

    string ThisLog => _fixture.Identity.Id.ToString();

    string Cache => Path.Combine(_fixture.Root, "cache");

    public void Dispose()
    {
        _fixture.Dispose();
        _amy.Dispose();
        _ben.Dispose();
    }

    [Fact]
    public async Task Claim_in_its_builders_log_counts()
    {
        await LogClaimAsync();
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(amysLog: ThisLog)).Verdict);
    }

    [Fact]
    public async Task Claim_in_a_log_counts_for_nothing_where_its_builders_is_another()
    {
        await LogClaimAsync();
        var result = await VerifyAsync(amysLog: s_another);
        // It was seen, and does not count: that is no gap.
        Assert.Equal(Verdict.Rejected, result.Verdict);
        var claim = Assert.Single(result.Exploration!.ClaimsAt(0));
        Assert.Equal($"it stands in log {ThisLog}, and the trust model says that amy's is {s_another}", claim.Discounted);
        Assert.Equal([$"log {ThisLog}"], claim.Sources);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Claim_in_another_builders_log_counts_for_nothing(bool hasVote)
    {
        await LogClaimAsync();
        var result = await VerifyAsync(bensLog: ThisLog, benHasVote: hasVote);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Contains("another builder's", Assert.Single(result.Exploration!.ClaimsAt(0)).Discounted, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Claim_in_a_log_that_is_named_for_nobody_counts_as_in_a_cache()
    {
        await LogClaimAsync();
        Assert.Equal(Verdict.Accepted, (await VerifyAsync()).Verdict);
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(bensLog: s_another)).Verdict);
        Assert.Equal(Verdict.Rejected, (await VerifyAsync(condition: new VoteCondition.Logged())).Verdict);
    }

    [Fact]
    public async Task Claim_in_a_strangers_log_and_in_a_cache_counts_by_the_cache()
    {
        await LogClaimAsync();
        Assert.True(TraceCacheAddress.TryParse("dir:" + Cache, out var address));
        using var cache = new TraceCache(address, TimeProvider.System);
        await cache.AddAsync(TraceScene.A.Hash, TraceElement.Of(_claim), TestContext.Current.CancellationToken);

        var loose = await VerifyAsync(amysLog: s_another, also: cache);
        Assert.Equal(Verdict.Accepted, loose.Verdict);
        Assert.Equal([cache.Name], Assert.Single(loose.Exploration!.ClaimsAt(0)).Sources);
        Assert.Equal(Verdict.Rejected, (await VerifyAsync(amysLog: s_another, condition: new VoteCondition.Logged(), also: cache)).Verdict);
    }

    byte[] _claim = [];

    public byte[]? Read(StorePath derivation) => derivation == TraceScene.A.Path ? Encoding.UTF8.GetBytes(LabDerivations.A) : null;

    async Task LogClaimAsync()
    {
        _claim = TraceScene.Claim(_amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync(Item(TraceScene.A.Hash.ToString(), Encoding.ASCII.GetString(_claim)));
    }

    async Task<TraceVerification> VerifyAsync(
        string? amysLog = null,
        string? bensLog = null,
        bool benHasVote = true,
        VoteCondition? condition = null,
        ITraceSource? also = null
    )
    {
        TrustModel amy = new TrustModel.Key("amy");
        amy = condition is null ? amy : new TrustModel.Where(amy, condition);
        var trust = TraceTrust.Create(
            new TrustModel.Threshold(1, benHasVote ? [amy, new TrustModel.Key("ben")] : [amy]),
            new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal)
            {
                ["amy"] = new([new NixCachePublicKey("amy-1", _amy.PublicKey)], []) { LogId = amysLog },
                ["ben"] = new([new NixCachePublicKey("ben-1", _ben.PublicKey)], []) { LogId = bensLog },
            }
        );
        using var logs = OfflineTraceLogs.Open(
            _fixture.Folder,
            trust.WitnessesOf,
            DateTimeOffset.UnixEpoch,
            TestContext.Current.CancellationToken
        );
        ITraceSource[] sources = also is null ? [.. logs.Sources] : [.. logs.Sources, also];
        return await new TraceVerifier(this, sources, TimeProvider.System).VerifyAsync(
            new VerificationRequest(TraceScene.A.Path, OutputPaths.Empty, trust),
            progress: null,
            TestContext.Current.CancellationToken
        );
    }
}
