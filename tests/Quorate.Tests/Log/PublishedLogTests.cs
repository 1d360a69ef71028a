using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

public sealed class PublishedLogTests : IDisposable
{
    readonly LogFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task ValueAsync_of_a_value_that_two_entries_share_gives_it_after_reopening()
    {
        using var fixture = new LogFixture();
        await using (var log = await fixture.OpenAsync())
        {
            await log.SubmitAsync("one", "shared");
            await log.SubmitAsync("two", "shared");
        }
        await using var reopened = await fixture.OpenAsync();
        var digest = Sha256Digest.HashData("shared"u8);
        Assert.Equal("shared"u8.ToArray(), (await reopened.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.ToArray());
    }

    [Fact]
    public async Task OpenAsync_with_another_private_key_is_refused()
    {
        using var other = Ed25519PrivateKey.Generate();
        var refused = await Assert.ThrowsAsync<LogKeyException>(() =>
            PublishedLog.OpenAsync(_fixture.Options, other, TestContext.Current.CancellationToken)
        );
        Assert.Contains(_fixture.Identity.Key.ToString(), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_again_gives_the_same_log()
    {
        LogHead head;
        IReadOnlyList<LogEntry> entries;
        await using (var log = await _fixture.OpenAsync())
        {
            await log.SubmitAsync(Item("a", "1"), Item("b", "2"));
            head = (await log.SubmitAsync("a", "other")).Head;
            entries = log.Entries(0, 2);
        }
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal(head, reopened.Head);
        Assert.Equal(entries.Select(e => e.LeafHash), reopened.Entries(0, 2).Select(e => e.LeafHash));
        Assert.Equal(2, reopened.EntriesOf("a"u8).Count);
        Assert.Equal("other", await TextAsync(reopened, entries[2].ValueDigest));
        Assert.Equal(1, (await reopened.SubmitAsync("a", "other")).Duplicates);
    }

    [Fact]
    public async Task SubmitAsync_of_duplicates_alone_makes_no_head()
    {
        await using var log = await _fixture.OpenAsync();
        var head = (await log.SubmitAsync("a", "1")).Head;
        var again = await log.SubmitAsync(Item("a", "1"), Item("a", "1"));
        Assert.Equal((head, 0, 2), (again.Head, again.Added, again.Duplicates));
        Assert.Equal(head, await log.FlushAsync());
        Assert.Equal(head, (await log.SubmitAsync()).Head);
    }

    [Fact]
    public async Task SubmitAsync_of_another_value_is_appended_kept_out_of_the_map_and_reported()
    {
        await using var log = await _fixture.OpenAsync();
        var reported = new TaskCompletionSource<SelfDivergence>(TaskCreationOptions.RunContinuationsAsynchronously);
        log.Diverged += (_, divergence) => reported.TrySetResult(divergence);
        var first = await log.SubmitAsync("a", "1");

        var second = await log.SubmitAsync("a", "2");

        var divergence = Assert.Single(second.Divergences);
        Assert.Equal((Digest("1"), Digest("2"), 1UL), (divergence.First, divergence.Later, divergence.Index!.Value));
        Assert.Equal((1, 0, 2UL), (second.Added, second.Duplicates, second.Head.TreeSize));
        Assert.Equal(first.Head.MapRoot, second.Head.MapRoot);
        Assert.Equal(3UL, second.Head.MhTreeSize);
        Assert.Equal(1UL, log.SelfDivergences);
        Assert.Equal(divergence, await reported.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal([Digest("1"), Digest("2")], log.EntriesOf("a"u8).Select(e => e.ValueDigest));
        var third = await log.SubmitAsync(Item("a", "2"), Item("a", "1"));
        Assert.Equal((0, 2, 0), (third.Added, third.Duplicates, third.Divergences.Count));
    }

    [Fact]
    public async Task SubmitAsync_of_another_value_under_drop_leaves_the_log_as_Trustix_does()
    {
        await using var log = await _fixture.OpenAsync(o => o with { Divergence = DivergencePolicy.Drop });
        var head = (await log.SubmitAsync("a", "1")).Head;
        var second = await log.SubmitAsync("a", "2");
        Assert.Equal((head, 0, 0), (second.Head, second.Added, second.Duplicates));
        Assert.Null(Assert.Single(second.Divergences).Index);
    }

    [Fact]
    public async Task SubmitAsync_with_repeats_and_divergences_inside_one_submit_judges_them_alike()
    {
        await using var log = await _fixture.OpenAsync();
        var result = await log.SubmitAsync(Item("a", "1"), Item("a", "1"), Item("a", "2"), Item("a", "2"), Item("a", "3"));
        Assert.Equal((3, 2, 2), (result.Added, result.Duplicates, result.Divergences.Count));
        Assert.Equal([Digest("1"), Digest("2"), Digest("3")], log.EntriesOf("a"u8).Select(e => e.ValueDigest));
    }

    [Fact]
    public async Task SubmitAsync_of_a_value_with_the_same_meaning_is_a_duplicate()
    {
        await using var log = await _fixture.OpenAsync(o => o with { Meaning = new CaseInsensitive() });
        await log.SubmitAsync("a", "value");
        var again = await log.SubmitAsync(Item("a", "VALUE"), Item("b", "x"), Item("b", "X"), Item("a", "!"));
        Assert.Equal((2, 2), (again.Added, again.Duplicates));
        Assert.Equal("a", Encoding.UTF8.GetString(Assert.Single(again.Divergences).Key.Span));
    }

    [Fact]
    public async Task SubmitAsync_over_a_limit_is_refused_and_logs_nothing()
    {
        await using var log = await _fixture.OpenAsync(o => o with { MaxValueBytes = 10, MaxSubmitBytes = 200 });
        await Assert.ThrowsAsync<LogInputException>(() => log.SubmitAsync("a", "12345678901"));
        await Assert.ThrowsAsync<LogInputException>(() => log.SubmitAsync(new string('k', 65_503), "1"));
        await Assert.ThrowsAsync<LogInputException>(() => log.SubmitAsync([.. Enumerable.Range(0, 10).Select(i => Item($"{i}", "1"))]));
        Assert.Equal(0UL, log.Head.TreeSize);
    }

    [Fact]
    public async Task SubmitAsync_of_the_largest_key_and_of_empty_key_and_value_is_logged()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync(Item(new string('k', 65_502), "1"), Item("", "2"), Item("e", ""));
        Assert.Equal([65_502, 0, 1], log.Entries(0, 2).Select(e => e.Key.Length));
        Assert.Equal("", await TextAsync(log, Digest("")));
        Assert.Equal("2", await TextAsync(log, log.EntriesOf([])[0].ValueDigest));
    }

    [Fact]
    public async Task SubmitAsync_when_too_much_waits_is_refused_as_overload()
    {
        var meaning = new Gate();
        await using var log = await _fixture.OpenAsync(o => o with { Meaning = meaning, MaxQueuedSubmits = 2 });
        await log.SubmitAsync("a", "1");
        var held = log.SubmitAsync("a", "2");
        await meaning.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var waiting = new[] { log.SubmitAsync("b", "1"), log.SubmitAsync("c", "1") };
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("d", "1"));
        meaning.Open.Set();
        await Task.WhenAll([held, .. waiting]);
        Assert.Equal(4UL, log.Head.TreeSize);
        // The two that waited came under one head.
        Assert.Equal((await waiting[0]).Head, (await waiting[1]).Head);
    }

    [Fact]
    public async Task SubmitAsync_that_is_cancelled_while_waiting_harms_nothing()
    {
        var meaning = new Gate();
        using var cancelled = new CancellationTokenSource();
        await using (var log = await _fixture.OpenAsync(o => o with { Meaning = meaning }))
        {
            await log.SubmitAsync("a", "1");
            var held = log.SubmitAsync("a", "2");
            await meaning.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            var abandoned = log.SubmitAsync([Item("b", "1")], cancelled.Token);
            await cancelled.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
            meaning.Open.Set();
            await held;
            Assert.Equal(3UL, (await log.FlushAsync()).TreeSize);
        }
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal(3UL, reopened.Head.TreeSize);
    }

    [Fact]
    public async Task SubmitAsync_from_many_at_once_puts_every_submit_whole_under_the_head_it_was_told()
    {
        await using var log = await _fixture.OpenAsync();
        var submits = Enumerable
            .Range(0, 60)
            .Select(i => Task.Run(() => log.SubmitAsync([.. Enumerable.Range(0, 5).Select(j => Item($"{i}/{j}", $"{i * j}"))])))
            .ToArray();
        var results = await Task.WhenAll(submits);
        for (var i = 0; i < results.Length; i++)
        {
            var head = results[i].Head;
            Assert.True(head.Verify(_fixture.Identity.Key).IsVerified);
            for (var j = 0; j < 5; j++)
            {
                var entry = Assert.Single(log.EntriesOf(Encoding.UTF8.GetBytes($"{i}/{j}")));
                Assert.True(entry.Index < head.TreeSize);
                var proof = log.InclusionProof(entry.Index, head.TreeSize);
                Assert.True(MerkleProof.VerifyInclusion(entry.Index, head.TreeSize, entry.LeafHash, proof, head.LogRoot).IsVerified);
            }
        }
        Assert.Equal(300UL, log.Head.TreeSize);
        Assert.Equal(log.HeadCount, log.Head.MhTreeSize);
    }

    [Fact]
    public async Task MapValue_under_every_head_of_the_window_verifies()
    {
        await using var log = await _fixture.OpenAsync(o => o with { History = new HistoryWindow(TimeSpan.FromHours(1), 3) });
        var heads = new List<LogHead> { log.Head };
        for (var i = 0; i < 12; i++)
        {
            heads.Add((await log.SubmitAsync(Item($"key{i}", $"{i}"), Item($"more{i}", $"{i}"))).Head);
        }
        foreach (var head in heads)
        {
            for (var i = 0; i < 12; i++)
            {
                var key = Encoding.UTF8.GetBytes($"key{i}");
                var answer = log.MapValue(key, head.MapRoot)!;
                Assert.Equal((ulong)(2 * i) >= head.TreeSize, answer.Value.IsEmpty);
                Assert.True(SparseMapProof.Verify(answer.Proof, head.MapRoot, key, answer.Value.Span).IsVerified);
            }
        }
        Assert.Null(log.MapValue("key0"u8, Digest("no such root")));

        // An hour later the older ones have left the window; the newest three stay.
        _fixture.Time.Advance(TimeSpan.FromHours(2));
        Assert.All(heads[..^3], head => Assert.Null(log.MapValue("key0"u8, head.MapRoot)));
        Assert.All(heads[^3..], head => Assert.NotNull(log.MapValue("key0"u8, head.MapRoot)));
    }

    [Fact]
    public async Task FirstSeen_tells_when_the_head_was_made()
    {
        var start = _fixture.Time.GetUtcNow();
        await using (var log = await _fixture.OpenAsync())
        {
            await log.SubmitAsync(Item("a", "1"), Item("b", "1"));
            _fixture.Time.Advance(TimeSpan.FromMinutes(5));
            await log.SubmitAsync("c", "1");
        }
        _fixture.Time.Advance(TimeSpan.FromMinutes(5));
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal([start, start, start.AddMinutes(5)], new ulong[] { 0, 1, 2 }.Select(reopened.FirstSeen));
        Assert.Throws<ArgumentOutOfRangeException>(() => reopened.FirstSeen(3));
    }

    [Fact]
    public async Task Reading_beyond_the_head_is_refused()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync("a", "1");
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Entries(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Entries(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.InclusionProof(0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ConsistencyProof(1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.MapHistoryLeaves(0, 2));
        Assert.Empty(log.ConsistencyProof(5, 1));
    }

    [Fact]
    public async Task KeysByStoreHash_finds_store_paths_and_nothing_else()
    {
        using var fixture = new LogFixture(Protocol.Nix);
        const string hash = "w3zngkrag7vnm7v1q8vnqb71q6a1w8gn";
        await using var log = await fixture.OpenAsync();
        await log.SubmitAsync(
            Item($"/nix/store/{hash}-libidn2-2.3.2", "1"),
            Item($"/nix/store/{hash}-other", "1"),
            Item($"/nix/store/{hash}-other", "2"),
            Item("/nix/store/ik4qlj53grwmg7avzrfrn34bjf6a30ch-libunistring-1.0", "1"),
            Item("twenty bytes, legacy", "1")
        );
        var keys = log.KeysByStoreHash(hash).Select(k => Encoding.UTF8.GetString(k.Span));
        Assert.Equal([$"/nix/store/{hash}-libidn2-2.3.2", $"/nix/store/{hash}-other"], keys);
        Assert.Empty(log.KeysByStoreHash("00000000000000000000000000000000"));
        Assert.Empty(log.KeysByStoreHash("é3zngkrag7vnm7v1q8vnqb71q6a1w8gn"));
    }

    [Fact]
    public async Task Advanced_is_raised_when_a_head_was_made()
    {
        await using var log = await _fixture.OpenAsync();
        var seen = new TaskCompletionSource<ulong>(TaskCreationOptions.RunContinuationsAsynchronously);
        log.Advanced += view => seen.TrySetResult(view.Head!.TreeSize);
        await log.SubmitAsync("a", "1");
        Assert.Equal(1UL, await seen.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task DisposeAsync_finishes_what_waits_and_refuses_more()
    {
        var log = await _fixture.OpenAsync();
        var submits = Enumerable.Range(0, 20).Select(i => log.SubmitAsync($"{i}", "v")).ToArray();
        await log.DisposeAsync();
        await Task.WhenAll(submits);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => log.SubmitAsync("late", "v"));
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal(20UL, reopened.Head.TreeSize);
    }

    static Sha256Digest Digest(string text) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(text));

    static async Task<string> TextAsync(PublishedLog log, Sha256Digest digest) =>
        Encoding.UTF8.GetString((await log.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.Span);

    sealed class CaseInsensitive : IValueMeaning
    {
        public Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            value is [(byte)'!'] ? null : Digest(Encoding.UTF8.GetString(value).ToUpperInvariant());
    }

    /// <summary>Holds the sequencer inside a batch until the test opens it.</summary>
    sealed class Gate : IValueMeaning
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public ManualResetEventSlim Open { get; } = new();

        public Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            Entered.TrySetResult();
            return Open.Wait(TimeSpan.FromSeconds(30)) ? null : throw new TimeoutException();
        }
    }
}
