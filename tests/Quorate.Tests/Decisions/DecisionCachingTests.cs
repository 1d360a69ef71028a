using Quorate.Node.Decisions;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Decisions;

public sealed class DecisionCachingTests
{
    readonly Setup _setup = new();

    static Task<Decision> DecideAsync(DecisionService service, string key = "key") =>
        service.DecideAsync(Setup.Input(key), TestContext.Current.CancellationToken);

    [Fact]
    public async Task DecideAsync_again_is_answered_from_the_cache()
    {
        var log = _setup.Mirror("alice").Add("key", "A");
        var service = _setup.Service("alice");
        await DecideAsync(service);
        await DecideAsync(service);
        Assert.Equal(1, log.Reads);
    }

    [Fact]
    public async Task DecideAsync_after_the_log_advanced_decides_anew()
    {
        var log = _setup.Mirror("alice");
        var service = _setup.Service("alice");
        var before = await DecideAsync(service);
        log.Add("key", "A");
        var after = await DecideAsync(service);
        Assert.Equal((Verdict.Inconclusive, Verdict.Accepted), (before.Verdict, after.Verdict));
    }

    [Fact]
    public async Task DecideAsync_after_a_log_was_caught_decides_anew()
    {
        var log = _setup.Mirror("alice").Add("key", "A");
        var service = _setup.Service("alice");
        await DecideAsync(service);
        _setup.Followed(0).Status = new(null, null, null, "two roots for size 7", 0);
        await DecideAsync(service);
        Assert.Equal(2, log.Reads);
    }

    [Fact]
    public async Task DecideAsync_after_the_registry_was_replaced_uses_the_new_logs()
    {
        _setup.Mirror("alice");
        var service = _setup.Service("alice");
        await DecideAsync(service);
        var replacement = new FakeLog(Setup.Identity("alice")).Add("key", "A");
        _setup.Logs.Replace([], [new FakeFollowed(_setup.Followed(0).Section, replacement)]);
        Assert.Equal(Verdict.Accepted, (await DecideAsync(service)).Verdict);
    }

    [Fact]
    public async Task DecideAsync_after_a_reload_uses_the_new_rule()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Mirror("bob");
        var service = _setup.Service("alice");
        await DecideAsync(service);
        service.Reload(_setup.Configuration(Setup.RuleSection("alice and bob")), _setup.Ports);
        Assert.Equal(Verdict.Inconclusive, (await DecideAsync(service)).Verdict);
    }

    [Theory]
    [InlineData(59, 1)]
    [InlineData(60, 2)]
    public async Task DecideAsync_silence_of_a_cache_ends_after_a_minute(int seconds, int asked)
    {
        var cache = _setup.Cache("alice");
        var service = _setup.Service("alice");
        await DecideAsync(service);
        _setup.Time.Advance(TimeSpan.FromSeconds(seconds));
        await DecideAsync(service);
        Assert.Equal(asked, cache.Asked);
    }

    [Fact]
    public async Task DecideAsync_claim_of_a_cache_is_kept()
    {
        var cache = _setup.Cache("alice");
        cache.OnAsk = (input, _) => Task.FromResult(FakeCache.Says("alice", input, "A"));
        var service = _setup.Service("alice");
        await DecideAsync(service);
        _setup.Time.Advance(TimeSpan.FromHours(1));
        await DecideAsync(service);
        Assert.Equal(1, cache.Asked);
    }

    [Fact]
    public async Task DecideAsync_after_a_date_in_the_rule_decides_anew()
    {
        var log = _setup.Mirror("alice");
        var service = _setup.Service("alice where before(\"2026-06-02\")");
        var before = await DecideAsync(service);
        _setup.Time.Advance(TimeSpan.FromDays(1));
        var after = await DecideAsync(service);
        Assert.Equal((Verdict.Inconclusive, Verdict.Rejected), (before.Verdict, after.Verdict));
    }

    [Fact]
    public async Task DecideAsync_many_inputs_keep_the_cache_bounded()
    {
        _setup.Mirror("alice");
        var service = _setup.Service("alice", new DecisionPorts { CacheCapacity = 10 });
        for (var i = 0; i < 100; i++)
        {
            await DecideAsync(service, $"key {i}");
        }
        Assert.InRange(service.CachedDecisions, 5, 11);
    }

    [Fact]
    public async Task DecideAsync_large_values_are_not_held()
    {
        _setup.Mirror("alice").Add("key", new string('x', DecisionCache.LargestKept + 1));
        var service = _setup.Service("alice");
        await DecideAsync(service);
        Assert.Equal(0, service.CachedDecisions);
    }
}
