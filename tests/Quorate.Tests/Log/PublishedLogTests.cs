using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

public sealed class PublishedLogTests : IDisposable
{
    readonly LogFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

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
    public async Task SubmitAsync_while_the_disk_is_nearly_full_takes_nothing_and_goes_on_once_there_is_room()
    {
        var disk = new SmallDisk();
        await using var log = await _fixture.OpenAsync(o => o with { Disk = disk });
        var told = new List<string?>();
        log.Paused += (_, lack) => told.Add(lack);
        var logged = await log.SubmitAsync("a", "1");
        disk.Free = WriteAheadStorage.ReserveBytes - 1;

        var refused = await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("b", "1"));
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("b", "1"));
        var known = await log.SubmitAsync("a", "1");
        disk.Free = 1L << 40;
        var after = await log.SubmitAsync("b", "1");

        Assert.Contains("31 MiB left", refused.Message, StringComparison.Ordinal);
        Assert.Equal((1, logged.Head), (known.Duplicates, known.Head));
        Assert.Equal(2UL, after.Head.TreeSize);
        Assert.Equal(2, told.Count);
        Assert.NotNull(told[0]);
        Assert.Null(told[1]);
    }

    [Fact]
    public async Task SubmitAsync_while_the_disk_is_nearly_full_answers_what_is_known_beside_what_is_new()
    {
        var disk = new SmallDisk();
        var meaning = new Gate();
        await using var log = await _fixture.OpenAsync(o => o with { Disk = disk, Meaning = meaning });
        await log.SubmitAsync("a", "1");
        var held = log.SubmitAsync("a", "2");
        await meaning.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        disk.Free = 0;
        // They wait for the sequencer together, and become one batch.
        var first = log.SubmitAsync("b", "1");
        var second = log.SubmitAsync("b", "1");
        var known = log.SubmitAsync("a", "1");
        var flush = log.FlushAsync(TestContext.Current.CancellationToken);
        meaning.Open.Set();

        await Assert.ThrowsAsync<LogOverloadedException>(() => held);
        await Assert.ThrowsAsync<LogOverloadedException>(() => first);
        // Of what only the other one would have logged it is no duplicate.
        await Assert.ThrowsAsync<LogOverloadedException>(() => second);
        Assert.Equal((1, 1UL), ((await known).Duplicates, (await flush).TreeSize));
    }

    [Fact]
    public async Task Fault_of_a_log_on_a_disk_that_is_nearly_full_is_told_before_the_first_submit_and_ends_by_itself()
    {
        var disk = new SmallDisk();
        await using var log = await _fixture.OpenAsync(o => o with { Disk = disk });
        disk.Free = 0;
        Assert.NotNull(log.Fault);
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("a", "1"));
        disk.Free = 1L << 40;
        Assert.Null(log.Fault);
    }

    [Fact]
    public async Task SubmitAsync_of_more_than_there_is_room_for_does_not_pause_the_log()
    {
        var disk = new SmallDisk { Free = WriteAheadStorage.ReserveBytes + 1000 };
        await using var log = await _fixture.OpenAsync(o => o with { Disk = disk });
        var told = 0;
        log.Paused += (_, _) => told++;
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("large", new string('x', 600)));
        await log.SubmitAsync("small", "1");
        Assert.Null(log.Fault);
        Assert.Equal(0, told);
    }

    [Fact]
    public async Task Pause_of_a_log_does_not_end_for_a_little_room()
    {
        var disk = new SmallDisk { Free = 0 };
        await using var log = await _fixture.OpenAsync(o => o with { Disk = disk });
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("a", "1"));
        disk.Free = WriteAheadStorage.ReserveBytes + (1 << 20);
        await Assert.ThrowsAsync<LogOverloadedException>(() => log.SubmitAsync("a", "1"));
        disk.Free = WriteAheadStorage.ReserveBytes + (9 << 20);
        Assert.Equal(1UL, (await log.SubmitAsync("a", "1")).Head.TreeSize);
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

    static Sha256Digest Digest(string text) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(text));

    static async Task<string> TextAsync(PublishedLog log, Sha256Digest digest) =>
        Encoding.UTF8.GetString((await log.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.Span);

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
