using System.Text;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Log.Storage;
using Quorate.Testing;
using Quorate.Testing.Logs;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

/// <summary>Several nodes and one log, above a database that does what it is told. The real one: Quorate.EndToEnd/SharedLogs.</summary>
public sealed class SharedLogTests : IDisposable
{
    static readonly SharedLogOptions s_quick = new()
    {
        Lease = TimeSpan.FromMilliseconds(300),
        FollowInterval = TimeSpan.FromMilliseconds(5),
        QueueInterval = TimeSpan.FromMilliseconds(2),
        RetryInterval = TimeSpan.FromMilliseconds(5),
    };

    readonly LogFixture _fixture = new();
    readonly MemoryDatabase _database = new();
    int _nodes;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task OpenAsync_by_many_at_once_creates_one_log_with_one_sequencer()
    {
        var logs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => OpenAsync()));
        Assert.Equal(1, _database.FrameCount);
        Assert.All(logs, log => Assert.Equal(logs[0].Head, log.Head));
        Assert.Single(logs, log => log.IsSequencer);
        await CloseAsync(logs);
    }

    [Fact]
    public async Task OpenAsync_with_another_private_key_is_refused()
    {
        using var other = Ed25519PrivateKey.Generate();
        await Assert.ThrowsAsync<LogKeyException>(() =>
            SharedLog.OpenAsync(_fixture.Options, s_quick, other, _database.Connect(), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task SubmitAsync_to_every_node_at_once_gives_one_log_that_all_serve_alike()
    {
        var logs = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => OpenAsync()));
        var results = await Task.WhenAll(
            Enumerable.Range(0, 90).Select(i => Task.Run(() => logs[i % 3].SubmitAsync(Item($"k{i}", "v"), Item($"shared{i / 3}", "v"))))
        );
        Assert.Equal(90 + 30, results.Sum(r => r.Added));
        Assert.Equal(60, results.Sum(r => r.Duplicates));
        for (var i = 0; i < results.Length; i++)
        {
            // What a node acknowledged it also serves.
            var entry = Assert.Single(logs[i % 3].EntriesOf(Encoding.UTF8.GetBytes($"k{i}")));
            Assert.True(entry.Index < results[i].Head.TreeSize);
        }
        await UntilAllServeAsync(logs, 120);
        Assert.All(logs, log => Assert.Equal(logs[0].Head, log.Head));
        Assert.Equal(0, _database.QueueLength);
        await CloseAsync(logs);
        Assert.Equal(0, _database.AnswerCount);
    }

    [Fact]
    public async Task SubmitAsync_to_a_node_that_follows_reports_self_divergence_as_the_sequencer_saw_it()
    {
        var (sequencer, follower, _) = await TwoAsync();
        await sequencer.SubmitAsync("a", "1");
        var divergence = Assert.Single((await follower.SubmitAsync(Item("b", "1"), Item("a", "2"), Item("a", "1"))).Divergences);
        Assert.Equal(("a", 2UL), (Encoding.UTF8.GetString(divergence.Key.Span), divergence.Index!.Value));
        Assert.Equal((1UL, 0UL), (follower.SelfDivergences, sequencer.SelfDivergences));
        await CloseAsync(sequencer, follower);
    }

    [Fact]
    public async Task FlushAsync_of_a_node_that_follows_covers_what_others_had_acknowledged()
    {
        var (sequencer, follower, _) = await TwoAsync();
        var head = (await sequencer.SubmitAsync("a", "1")).Head;
        Assert.Equal(head, await follower.FlushAsync());
        await CloseAsync(sequencer, follower);
    }

    [Fact]
    public async Task DisposeAsync_of_the_sequencer_hands_the_lease_over_at_once()
    {
        var patient = s_quick with { Lease = TimeSpan.FromHours(1) };
        var sequencer = await OpenAsync(patient);
        var follower = await OpenAsync(patient);
        await sequencer.DisposeAsync();
        Assert.Equal(1, (await follower.SubmitAsync("a", "1")).Added);
        Assert.True(follower.IsSequencer);
        await follower.DisposeAsync();
    }

    [Fact]
    public async Task SubmitAsync_while_the_sequencer_is_gone_waits_until_its_lease_ran_out()
    {
        var (sequencer, follower, connection) = await TwoAsync();
        // As if killed: it says nothing any more, least of all that it gives the lease back.
        connection.IsDown = true;
        Assert.Equal(1, (await follower.SubmitAsync("a", "1")).Added);
        Assert.True(follower.IsSequencer);
        await CloseAsync(follower, sequencer);
    }

    [Fact]
    public async Task Sequencer_stopped_past_its_lease_appends_nothing_when_it_wakes()
    {
        var pause = new Pause();
        var pausing = await OpenAsync(change: o => o with { Meaning = pause });
        await pausing.SubmitAsync("a", "1");
        var follower = await OpenAsync();
        pause.Armed = true;
        // Stopped in the middle of a batch that another node sequences in the meantime.
        var submitted = pausing.SubmitAsync("a", "2");
        await pause.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await follower.SubmitAsync("b", "1");
        Assert.True(follower.IsSequencer);
        var before = follower.Head;
        pause.Open.Set();

        // Its own submit was sequenced once, by the other node, and it serves that node's heads.
        Assert.Equal(1, (await submitted).Added);
        await UntilAllServeAsync([pausing, follower], 3);
        Assert.Equal(before, follower.Head);
        Assert.Equal(follower.Head, pausing.Head);
        Assert.False(pausing.IsSequencer);
        Assert.Equal(before.MhTreeSize, (ulong)_database.FrameCount);
        Assert.Equal(1, (await pausing.SubmitAsync("c", "1")).Added);
        await CloseAsync(pausing, follower);
    }

    [Theory]
    [InlineData(MemoryDatabase.Break.Before)]
    [InlineData(MemoryDatabase.Break.After)]
    public async Task SubmitAsync_when_the_commit_breaks_is_logged_once_and_answered(MemoryDatabase.Break when)
    {
        var connection = _database.Connect();
        var log = await OpenAsync(connection: connection);
        for (var i = 0; i < 5; i++)
        {
            connection.NextCommit = when;
            var result = await log.SubmitAsync($"k{i}", "v");
            Assert.Equal((1, 0, (ulong)i + 1), (result.Added, result.Duplicates, result.Head.TreeSize));
        }
        Assert.Equal(6, _database.FrameCount);
        await log.DisposeAsync();
        var again = await OpenAsync();
        Assert.Equal(5UL, again.Head.TreeSize);
        await again.DisposeAsync();
    }

    [Theory]
    [InlineData(MemoryDatabase.Break.Before)]
    [InlineData(MemoryDatabase.Break.After)]
    public async Task SubmitAsync_when_queueing_breaks_is_logged_once_and_answered(MemoryDatabase.Break when)
    {
        var (sequencer, follower, _) = await TwoAsync(out var connection);
        connection.NextEnqueue = when;
        Assert.Equal(1, (await follower.SubmitAsync("a", "1")).Added);
        Assert.Equal(1UL, follower.Head.TreeSize);
        await CloseAsync(sequencer, follower);
    }

    [Fact]
    public async Task Node_of_a_database_that_was_set_back_gives_the_log_up_but_still_answers_readers()
    {
        var (sequencer, follower, _) = await TwoAsync();
        await sequencer.SubmitAsync("a", "1");
        await UntilAllServeAsync([sequencer, follower], 1);
        _database.Rewind(1);
        await Assert.ThrowsAsync<LogStorageException>(() => follower.SubmitAsync("b", "1"));
        Assert.IsType<LogDamagedException>(follower.Failure);
        Assert.Equal(1UL, follower.Head.TreeSize);
        await CloseAsync(follower, sequencer);
    }

    [Fact]
    public async Task OpenAsync_on_a_database_that_was_set_back_while_the_node_was_away_is_refused()
    {
        foreach (var contradicts in (bool[])[false, true])
        {
            var database = new MemoryDatabase();
            var folder = Path.Combine(_fixture.Root, $"away{contradicts}");
            await using (var log = await OpenAsync(null, database.Connect(), o => o with { Folder = folder }))
            {
                await log.SubmitAsync("a", "1");
            }
            database.Rewind(1);
            if (contradicts)
            {
                await using var other = await OpenAsync(null, database.Connect());
                await other.SubmitAsync("b", "1");
            }
            var refused = await Assert.ThrowsAsync<LogDamagedException>(() =>
                OpenAsync(null, database.Connect(), o => o with { Folder = folder })
            );
            Assert.Contains(contradicts ? "contradicts" : "lacks", refused.Message, StringComparison.Ordinal);
            Assert.Contains(folder, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task OpenAsync_takes_the_origin_that_the_first_node_gave_the_log()
    {
        await using var first = await OpenAsync(change: o => o with { DefaultOrigin = "first.example/log" });
        await using var second = await OpenAsync(change: o => o with { DefaultOrigin = "second.example/log" });
        Assert.Equal("first.example/log", second.Origin);
        Assert.Equal(first.CheckpointAt(0).Note.ToString(), second.CheckpointAt(0).Note.ToString());
        await Assert.ThrowsAsync<Quorate.Log.Tiles.LogOriginException>(() =>
            OpenAsync(change: o => o with { Origin = "third.example/log" })
        );
    }

    [Fact]
    public async Task OpenAsync_of_a_database_without_what_this_node_has_shown_is_refused_also_without_the_copy()
    {
        var signed = Path.Combine(_fixture.Root, "signed");
        var sequencer = await OpenAsync();
        await using (var follower = await OpenAsync(change: o => o with { SignedState = signed }))
        {
            await sequencer.SubmitAsync("a", "1");
            await UntilAllServeAsync([follower], 1);
        }
        await sequencer.DisposeAsync();
        _database.Rewind(1);
        await Assert.ThrowsAsync<LogRewoundException>(() => OpenAsync(change: o => o with { SignedState = signed }));
    }

    [Fact]
    public async Task OpenAsync_with_a_damaged_copy_fetches_it_again_and_says_so()
    {
        var folder = Path.Combine(_fixture.Root, "damaged");
        LogHead head;
        await using (var log = await OpenAsync(change: o => o with { Folder = folder }))
        {
            await log.SubmitAsync("a", "1");
            head = (await log.SubmitAsync("b", "1")).Head;
        }
        var segment = Path.Combine(folder, "00000000.wal");
        var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[200] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);
        var events = new System.Collections.Concurrent.ConcurrentQueue<SharedLogEvent>();
        await using var again = await OpenAsync(s_quick with { Observer = events.Enqueue }, change: o => o with { Folder = folder });
        Assert.Equal(head, again.Head);
        Assert.Single(events.OfType<SharedLogEvent.DiscardedCopy>());
        Assert.Equal(2, again.Entries(0, 1).Count);
    }

    [Fact]
    public async Task OpenAsync_with_a_copy_that_lags_behind_fetches_what_is_new()
    {
        var folder = Path.Combine(_fixture.Root, "lagging");
        await using (var log = await OpenAsync(change: o => o with { Folder = folder }))
        {
            await log.SubmitAsync("a", "1");
        }
        await using var other = await OpenAsync();
        await other.SubmitAsync("b", "1");
        await using var again = await OpenAsync(change: o => o with { Folder = folder });
        Assert.Equal(other.Head, again.Head);
        Assert.Equal(["a", "b"], again.Entries(0, 1).Select(e => Encoding.UTF8.GetString(e.Key.Span)));
    }

    [Fact]
    public async Task OpenAsync_with_a_copy_begins_at_the_state_image_in_it()
    {
        var folder = Path.Combine(_fixture.Root, "imaged");
        Func<PublishedLogOptions, PublishedLogOptions> imaged = o => o with { Folder = folder, ImageAfterEntries = 1 };
        LogHead head;
        await using (var log = await OpenAsync(change: imaged))
        {
            for (var i = 0; i < 29; i++)
            {
                await log.SubmitAsync($"k{i}", "v");
            }
            head = (await log.SubmitAsync("k29", "v")).Head;
        }
        await using var again = await OpenAsync(change: imaged);
        Assert.Equal(head, again.Head);
        Assert.Equal(new LogOpening(30, 0, null), again.Opened);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Node_whose_own_disk_fails_gives_the_log_up_at_once_and_the_others_go_on(bool isSequencer)
    {
        var disk = new FailingDisk();
        var first = await OpenAsync(change: o => isSequencer ? o with { Disk = disk } : o);
        var second = await OpenAsync(change: o => isSequencer ? o : o with { Disk = disk });
        Assert.True(first.IsSequencer);
        var (broken, well) = isSequencer ? (first, second) : (second, first);
        var failed = new TaskCompletionSource<LogStorageException>(TaskCreationOptions.RunContinuationsAsynchronously);
        broken.Failed += (_, e) => failed.TrySetResult(e);

        disk.Next = FailingDisk.Failure.Sync;
        var added = await well.SubmitAsync("a", "1");

        Assert.Equal(1UL, added.Head.TreeSize);
        Assert.Contains("Input/output error", (await failed.Task.WaitAsync(TimeSpan.FromSeconds(30))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<LogStorageException>(() => broken.SubmitAsync("b", "1"));
        disk.Next = null;
        await CloseAsync([first, second]);
    }

    [Fact]
    public async Task Fault_of_the_database_is_told_once_and_ends_by_itself()
    {
        var events = new List<SharedLogEvent>();
        var connection = _database.Connect();
        var log = await OpenAsync(s_quick with { Observer = Note }, connection);
        connection.IsDown = true;
        await TestNode.UntilAsync(() => Task.FromResult(log.Fault is not null), "the fault");
        var submitted = log.SubmitAsync("a", "1");
        connection.IsDown = false;
        Assert.Equal(1, (await submitted).Added);
        await TestNode.UntilAsync(() => Task.FromResult(log.Fault is null), "the recovery");
        await log.DisposeAsync();
        lock (events)
        {
            Assert.Single(events.OfType<SharedLogEvent.Faulted>());
            Assert.Single(events.OfType<SharedLogEvent.Recovered>());
        }

        void Note(SharedLogEvent what)
        {
            lock (events)
            {
                events.Add(what);
            }
        }
    }

    [Fact]
    public async Task Submission_that_is_none_is_refused_and_those_behind_it_are_logged()
    {
        var connection = _database.Connect();
        await connection.EnqueueAsync(Guid.NewGuid(), "nonsense"u8.ToArray(), CancellationToken.None);
        var log = await OpenAsync();
        Assert.Equal(1, (await log.SubmitAsync("a", "1")).Added);
        Assert.Equal(0, _database.QueueLength);
        await log.DisposeAsync();
    }

    [Fact]
    public async Task Submission_that_cannot_be_judged_is_refused_and_others_are_logged()
    {
        var log = await OpenAsync(change: o => o with { Meaning = new Poison() });
        await log.SubmitAsync("a", "1");
        var submits = new[] { log.SubmitAsync("b", "1"), log.SubmitAsync("a", "poison"), log.SubmitAsync("c", "1") };
        await Assert.ThrowsAsync<LogInputException>(() => submits[1]);
        Assert.Equal(1, (await log.SubmitAsync("d", "1")).Added);
        Assert.Null(log.Failure);
        await Task.WhenAll(submits.Select(s => Task.WhenAny(s)));
        await log.DisposeAsync();
    }

    [Fact]
    public async Task SubmitAsync_when_too_much_waits_is_refused_as_overload()
    {
        var (sequencer, follower, connection) = await TwoAsync(o => o with { MaxQueuedSubmits = 3 });
        connection.IsDown = true;
        var waiting = Enumerable.Range(0, 3).Select(i => sequencer.SubmitAsync($"{i}", "v")).ToArray();
        await Assert.ThrowsAsync<LogOverloadedException>(() => sequencer.SubmitAsync("one more", "v"));
        connection.IsDown = false;
        Assert.All(await Task.WhenAll(waiting), r => Assert.Equal(1, r.Added));
        await CloseAsync(sequencer, follower);
    }

    Task<(SharedLog Sequencer, SharedLog Follower, MemoryDatabase.Connection OfSequencer)> TwoAsync(
        Func<PublishedLogOptions, PublishedLogOptions>? change = null
    ) => TwoAsync(out _, change);

    Task<(SharedLog Sequencer, SharedLog Follower, MemoryDatabase.Connection OfSequencer)> TwoAsync(
        out MemoryDatabase.Connection ofFollower,
        Func<PublishedLogOptions, PublishedLogOptions>? change = null
    )
    {
        var (first, second) = (_database.Connect(), _database.Connect());
        ofFollower = second;
        return OpenBothAsync();

        async Task<(SharedLog, SharedLog, MemoryDatabase.Connection)> OpenBothAsync() =>
            (await OpenAsync(connection: first, change: change), await OpenAsync(connection: second, change: change), first);
    }

    Task<SharedLog> OpenAsync(
        SharedLogOptions? sharing = null,
        MemoryDatabase.Connection? connection = null,
        Func<PublishedLogOptions, PublishedLogOptions>? change = null
    )
    {
        // Each is a machine of its own.
        var options = _fixture.Options with
        {
            Folder = Path.Combine(_fixture.Root, $"node{Interlocked.Increment(ref _nodes)}"),
        };
        return SharedLog.OpenAsync(
            change is null ? options : change(options),
            sharing ?? s_quick,
            _fixture.Key,
            connection ?? _database.Connect(),
            TestContext.Current.CancellationToken
        );
    }

    static Task UntilAllServeAsync(IEnumerable<SharedLog> logs, ulong treeSize) =>
        TestNode.UntilAsync(() => Task.FromResult(logs.All(l => l.Head.TreeSize == treeSize)), $"{treeSize} entries on all nodes");

    static async Task CloseAsync(params IEnumerable<SharedLog> logs)
    {
        foreach (var log in logs)
        {
            await log.DisposeAsync();
        }
    }

    /// <summary>Holds a sequencer inside a batch, as SIGSTOP would.</summary>
    sealed class Pause : IValueMeaning
    {
        public bool Armed { get; set; }
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public ManualResetEventSlim Open { get; } = new();

        public Quorate.Core.Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            if (!Armed)
            {
                return null;
            }
            Entered.TrySetResult();
            return Open.Wait(TimeSpan.FromSeconds(30)) ? null : throw new TimeoutException();
        }
    }

    sealed class Poison : IValueMeaning
    {
        public Quorate.Core.Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            value.SequenceEqual("poison"u8) ? throw new InvalidOperationException("poison") : null;
    }
}
