using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Decisions;
using Quorate.Node.Logs;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Decisions;

public sealed class DecisionServiceTests
{
    readonly Setup _setup = new();

    static Task<Decision> DecideAsync(DecisionService service, string key = "key") =>
        service.DecideAsync(Setup.Input(key), TestContext.Current.CancellationToken);

    static string? ValueOf(Decision decision) =>
        decision.Accepted is { } accepted ? Encoding.UTF8.GetString(accepted.Claim.Raw.Bytes.Span) : null;

    static string? ReasonOf(Decision decision, string builder) =>
        decision.Testimonies.Single(testimony => testimony.Builder == builder) switch
        {
            Testimony.Unavailable unavailable => unavailable.Reason,
            Testimony.Malformed malformed => malformed.Reason,
            _ => null,
        };

    [Fact]
    public async Task DecideAsync_mirrors_that_agree_are_accepted()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Mirror("bob").Add("key", "A");
        _setup.Mirror("carol").Add("key", "B");
        var decision = await DecideAsync(_setup.Service("2 of (alice, bob, carol)"));
        Assert.Equal("A", ValueOf(decision));
    }

    [Fact]
    public async Task DecideAsync_own_log_is_a_vote()
    {
        _setup.Publish("alice").Add("key", "A");
        var decision = await DecideAsync(_setup.Service("alice where built"));
        Assert.Equal(new LogPosition(Setup.Identity("alice").Id.Text, 0, 1), decision.Accepted?.Position);
    }

    [Fact]
    public async Task DecideAsync_protocol_without_model_throws()
    {
        _setup.Mirror("alice");
        var service = _setup.Service("alice");
        await Assert.ThrowsAsync<NoTrustModelException>(() =>
            service.DecideAsync(new BuildInput(Protocol.Nix, "k"u8.ToArray()), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task DecideAsync_mirror_before_its_first_head_is_unavailable()
    {
        _setup.Follow("alice", mode: FollowMode.Mirror, mirror: new FakeLog(Setup.Identity("alice")));
        Assert.Equal("never synchronised", ReasonOf(await DecideAsync(_setup.Service("alice")), "alice"));
    }

    [Fact]
    public async Task DecideAsync_withheld_value_is_unavailable()
    {
        _setup.Mirror("alice").Add("key", "A", withheld: true);
        Assert.Equal("value withheld", ReasonOf(await DecideAsync(_setup.Service("alice")), "alice"));
    }

    [Fact]
    public async Task DecideAsync_value_that_does_not_hash_to_its_digest_is_no_vote()
    {
        var log = _setup.Mirror("alice").Add("key", "A");
        log.Corrupt("A");
        Assert.Equal("value withheld", ReasonOf(await DecideAsync(_setup.Service("alice")), "alice"));
    }

    [Fact]
    public async Task DecideAsync_malformed_claim_is_no_vote()
    {
        _setup.Mirror("alice").Add("key", "not a claim");
        var ports = new DecisionPorts { Formats = new Dictionary<string, IClaimFormat> { ["test"] = new PickyFormat() } };
        var decision = await DecideAsync(_setup.Service("alice", ports));
        Assert.Equal((Verdict.Rejected, "it has a space"), (decision.Verdict, ReasonOf(decision, "alice")));
    }

    [Fact]
    public async Task DecideAsync_other_spelling_of_the_key_is_found_and_the_first_entry_votes()
    {
        _setup.Mirror("alice").Add("KEY", "old").Add("key", "new");
        var ports = new DecisionPorts { Formats = new Dictionary<string, IClaimFormat> { ["test"] = new PickyFormat() } };
        Assert.Equal("old", ValueOf(await DecideAsync(_setup.Service("alice", ports))));
    }

    [Fact]
    public async Task DecideAsync_later_value_is_self_divergence()
    {
        _setup.Mirror("alice").Add("key", "A").Add("key", "B");
        var decision = await DecideAsync(_setup.Service("alice"));
        Assert.Equal(("A", 1), (ValueOf(decision), decision.Accepted?.SelfDivergences.Count));
    }

    [Fact]
    public async Task DecideAsync_log_of_built_claims_outranks_one_of_relayed_claims()
    {
        _setup.Mirror("alice", "alice-relays", ClaimsKind.Relayed).Add("key", "relayed");
        _setup.Mirror("alice", "alice-builds").Add("key", "built");
        var decision = await DecideAsync(_setup.Service("alice"));
        Assert.Equal(("built", 1), (ValueOf(decision), decision.Accepted?.SelfDivergences.Count));
    }

    [Fact]
    public async Task DecideAsync_builder_with_log_and_cache_votes_with_its_log()
    {
        _setup.Cache("alice").OnAsk = (input, _) => Task.FromResult(FakeCache.Says("alice", input, "cached"));
        _setup.Mirror("alice", "alice-log").Add("key", "logged");
        Assert.Equal("logged", ValueOf(await DecideAsync(_setup.Service("alice"))));
    }

    [Fact]
    public async Task DecideAsync_cache_votes_where_the_log_is_silent()
    {
        _setup.Cache("alice").OnAsk = (input, _) => Task.FromResult(FakeCache.Says("alice", input, "cached"));
        _setup.Mirror("alice", "alice-log");
        Assert.Equal("cached", ValueOf(await DecideAsync(_setup.Service("alice"))));
    }

    [Fact]
    public async Task DecideAsync_misbehaving_log_still_counts_and_is_named()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Followed(0).Status = new(null, null, null, "two roots for size 7", 0);
        var decision = await DecideAsync(_setup.Service("alice"));
        Assert.Equal(Verdict.Accepted, decision.Verdict);
        Assert.Contains(
            "alice's log alice misbehaves (two roots for size 7); its claims up to the last good head count on",
            decision.Reasons
        );
    }

    [Fact]
    public async Task DecideAsync_query_mode_asks_the_log()
    {
        var log = new FakeLog(Setup.Identity("alice")).Add("key", "A");
        _setup.Follow("alice").OnLookup = (key, _) =>
        {
            var entries = log.EntriesOf(key.Span);
            return Task.FromResult<KeyLookup>(new KeyLookup.Found(entries, ["A"u8.ToArray()], 1, FakeLog.Seen));
        };
        Assert.Equal("A", ValueOf(await DecideAsync(_setup.Service("alice"))));
    }

    [Fact]
    public async Task DecideAsync_broken_source_costs_only_its_own_vote()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Cache("bob").OnAsk = (_, _) => throw new InvalidOperationException("bug");
        Assert.Equal("A", ValueOf(await DecideAsync(_setup.Service("alice or bob"))));
    }

    [Fact]
    public async Task DecideAsync_slow_source_is_unavailable_after_the_time_limit()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Cache("bob").OnAsk = async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return new Testimony.Silent("bob");
        };
        var deciding = DecideAsync(_setup.Service("alice and bob"));
        await _setup.Time.TimerArmedAsync(TimeSpan.FromSeconds(5));
        _setup.Time.Advance(TimeSpan.FromSeconds(5));
        var decision = await deciding.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((Verdict.Inconclusive, "no answer within 5 s"), (decision.Verdict, ReasonOf(decision, "bob")));
    }

    [Fact]
    public async Task DecideAsync_cache_that_hangs_does_not_silence_the_log_of_the_same_builder()
    {
        _setup.Cache("alice").OnAsk = (_, _) => new TaskCompletionSource<Testimony>().Task;
        _setup.Mirror("alice", "alice-log").Add("key", "logged");
        var deciding = DecideAsync(_setup.Service("alice"));
        await _setup.Time.TimerArmedAsync(TimeSpan.FromSeconds(5));
        _setup.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("logged", ValueOf(await deciding.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task DecideAsync_slow_source_that_cannot_change_the_verdict_is_not_waited_for()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Mirror("carol").Add("key", "A");
        _setup.Cache("bob").OnAsk = (_, _) => new TaskCompletionSource<Testimony>().Task;
        var deciding = DecideAsync(_setup.Service("2 of (alice, bob, carol)"));
        await _setup.Time.TimerArmedAsync(TimeSpan.FromMilliseconds(250));
        _setup.Time.Advance(TimeSpan.FromMilliseconds(250));
        var decision = await deciding.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(
            (Verdict.Accepted, "not waited for, as it could not change the verdict"),
            (decision.Verdict, ReasonOf(decision, "bob"))
        );
    }

    [Fact]
    public async Task DecideAsync_builder_outside_the_rule_is_not_asked_over_the_network()
    {
        _setup.Mirror("alice").Add("key", "A");
        var cache = _setup.Cache("bob");
        var decision = await DecideAsync(_setup.Service("alice"));
        Assert.Equal((0, "has no vote, and was not asked over the network"), (cache.Asked, ReasonOf(decision, "bob")));
    }

    [Fact]
    public async Task DecideAsync_parallel_requests_share_one_decision()
    {
        var answer = new TaskCompletionSource<Testimony>();
        var cache = _setup.Cache("alice");
        cache.OnAsk = (_, _) => answer.Task;
        var service = _setup.Service("alice");
        var first = DecideAsync(service);
        var second = DecideAsync(service);
        answer.SetResult(new Testimony.Silent("alice"));
        await Task.WhenAll(first, second);
        Assert.Equal(1, cache.Asked);
    }

    [Fact]
    public async Task DecideAsync_cancelled_caller_does_not_end_the_shared_decision()
    {
        var answer = new TaskCompletionSource<Testimony>();
        _setup.Cache("alice").OnAsk = (input, _) => answer.Task;
        var service = _setup.Service("alice");
        using var impatient = new CancellationTokenSource();
        var first = service.DecideAsync(Setup.Input(), impatient.Token);
        var second = DecideAsync(service);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answer.SetResult(FakeCache.Says("alice", Setup.Input(), "A"));
        Assert.Equal("A", ValueOf(await second));
    }

    sealed class PickyFormat : IClaimFormat
    {
        readonly OpaqueClaimFormat _opaque = new();

        public bool TryParse(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, out OutputMap? outputs, out string error)
        {
            if (value.Span.Contains((byte)' '))
            {
                (outputs, error) = (null, "it has a space");
                return false;
            }
            return _opaque.TryParse(key, value, out outputs, out error);
        }

        public IReadOnlyList<ReadOnlyMemory<byte>> KeyForms(ReadOnlyMemory<byte> key) =>
            [key, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(key.Span).ToUpperInvariant())];
    }
}
