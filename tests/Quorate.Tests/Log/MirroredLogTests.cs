using System.Text;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

public sealed partial class MirroredLogTests : IDisposable
{
    readonly LogFixture _publisher = new();
    readonly LogFixture _mirror = new();

    public void Dispose()
    {
        _publisher.Dispose();
        _mirror.Dispose();
    }

    [Fact]
    public async Task SyncAsync_of_a_whole_log_gives_its_head_entries_values_and_proofs()
    {
        await using var log = await PublishAsync(5, 300, 1);
        await log.SubmitAsync("0/0", "a later value");
        await using var mirror = await OpenAsync(entriesPerCall: 50);

        var head = Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, new ScriptedLogSource(log))).Head;

        Assert.Equal(log.Head, head);
        Assert.Equal(log.Head, mirror.Head);
        Assert.Equal(log.Entries(0, 306).Select(e => e.LeafHash), mirror.Entries(0, 306).Select(e => e.LeafHash));
        Assert.Equal(log.MapHistoryLeaves(0, 4), mirror.MapHistoryLeaves(0, 4));
        Assert.Equal(2, mirror.EntriesOf("0/0"u8).Count);
        Assert.Equal(log.MapValue("1/7"u8, head.MapRoot)!.Value.Span, mirror.MapValue("1/7"u8, head.MapRoot)!.Value.Span);
        Assert.Equal("value 1/7", await TextAsync(mirror, "1/7"));
        Assert.Equal(0UL, mirror.MissingValues);
        Assert.IsType<SyncOutcome.UpToDate>(await SyncAsync(mirror, new ScriptedLogSource(log)));
    }

    [Fact]
    public async Task SyncAsync_after_reopening_fetches_only_what_is_new()
    {
        await using var log = await PublishAsync(20);
        await using (var mirror = await OpenAsync())
        {
            await SyncAsync(mirror, new ScriptedLogSource(log));
        }
        await log.SubmitAsync(Item("new", "value"));
        await using var reopened = await OpenAsync();
        Assert.Equal(20UL, reopened.Head!.TreeSize);
        var source = new ScriptedLogSource(log);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(reopened, source));
        Assert.Equal((1, 1), (source.EntryCalls, source.ValueCalls));
        Assert.Equal(log.Head, reopened.Head);
    }

    [Fact]
    public async Task SyncAsync_leaves_a_nearly_full_disk_to_the_nodes_own_logs_and_goes_on_once_there_is_room()
    {
        await using var log = await PublishAsync(20);
        // Room enough for a log of this node.
        var disk = new SmallDisk { Free = WriteAheadStorage.ReserveBytes + (16 << 20) };
        await using var mirror = await OpenAsync(disk: disk);
        await Assert.ThrowsAsync<LogRoomException>(() => SyncAsync(mirror, new ScriptedLogSource(log)));
        disk.Free = 1L << 40;
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, new ScriptedLogSource(log)));
        Assert.Equal(log.Head, mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_that_was_interrupted_goes_on_where_it_stopped()
    {
        await using var log = await PublishAsync(100);
        await using (var mirror = await OpenAsync(entriesPerCall: 10))
        {
            var calls = 0;
            var failing = new ScriptedLogSource(log);
            failing.OnConsistency = (first, second) =>
            {
                failing.IsDown = ++calls == 7;
                return log.ConsistencyProof(first, second);
            };
            // The seventh answer still comes and is proved, with its values missing: the remote went down behind it.
            Assert.IsType<SyncOutcome.Failed>(await SyncAsync(mirror, failing));
            Assert.Null(mirror.Head);
            Assert.Throws<ArgumentOutOfRangeException>(() => mirror.Entries(0, 0));
        }
        await using var reopened = await OpenAsync(entriesPerCall: 10);
        Assert.Null(reopened.Head);
        var source = new ScriptedLogSource(log);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(reopened, source));
        Assert.Equal(3, source.EntryCalls);
        Assert.Equal(log.Head, reopened.Head);
        Assert.Equal(0UL, reopened.MissingValues);
        Assert.Equal("value 0/65", await TextAsync(reopened, "0/65"));
    }

    [Fact]
    public async Task SyncAsync_with_a_withheld_value_advances_and_asks_again_later()
    {
        await using var log = await PublishAsync(10);
        await using var mirror = await OpenAsync();
        var withheld = log.EntriesOf("0/3"u8)[0].ValueDigest;
        var source = new ScriptedLogSource(log) { OnValue = (digest, value) => digest == withheld ? null : value };
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Equal(1UL, mirror.MissingValues);
        Assert.Null(await mirror.ValueAsync(withheld, TestContext.Current.CancellationToken));

        Assert.IsType<SyncOutcome.UpToDate>(await SyncAsync(mirror, new ScriptedLogSource(log)));

        Assert.Equal(0UL, mirror.MissingValues);
        Assert.Equal("value 0/3", await TextAsync(mirror, "0/3"));
        await mirror.DisposeAsync();
        await using var reopened = await OpenAsync();
        Assert.Equal("value 0/3", await TextAsync(reopened, "0/3"));
        Assert.Equal(0UL, reopened.MissingValues);
    }

    [Fact]
    public async Task SyncAsync_with_wrong_value_bytes_takes_them_from_the_next_remote()
    {
        await using var log = await PublishAsync(10);
        await using var mirror = await OpenAsync();
        var liar = new ScriptedLogSource(log, "http://liar.test") { OnValue = (_, _) => "not it"u8.ToArray() };
        var outcome = await SyncAsync(mirror, liar, new ScriptedLogSource(log));
        Assert.IsType<SyncOutcome.Advanced>(outcome);
        Assert.Contains(outcome.Faults, f => f is { Remote: "http://liar.test", Code: "bad-value" });
        Assert.Equal(0UL, mirror.MissingValues);
        Assert.Equal("value 0/3", await TextAsync(mirror, "0/3"));
    }

    public static TheoryData<string, string> Faults =>
        new()
        {
            { "down", "unreachable" },
            { "bad signature", "bad-signature" },
            { "other key in entries", "wrong-entries" },
            { "wrong stated leaf", "wrong-entries" },
            { "too few entries", "short-answer" },
            { "wrong map history", "wrong-map-history" },
            { "too few map history leaves", "short-answer" },
            { "wrong consistency proof", "bad-consistency-proof" },
            { "stale", "stale" },
        };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task SyncAsync_with_one_faulty_remote_blames_it_and_takes_the_next(string fault, string code)
    {
        await using var log = await PublishAsync(10);
        var old = log.Head;
        await using var mirror = await OpenAsync();
        await SyncAsync(mirror, new ScriptedLogSource(log));
        await log.SubmitAsync(Item("n/1", "1"), Item("n/2", "2"));
        var faulty = new ScriptedLogSource(log, "http://faulty.test");
        switch (fault)
        {
            case "down":
                faulty.IsDown = true;
                break;
            case "bad signature":
                faulty.OnHead = h => h with { TreeSize = h.TreeSize + 1 };
                break;
            case "other key in entries":
                faulty.OnEntries = e => [Entry(e[0].Index, "junk", e[0].ValueDigest), .. e.Skip(1)];
                break;
            case "wrong stated leaf":
                faulty.OnEntries = e => [e[0] with { LeafHash = Sha256Digest.Zero }, .. e.Skip(1)];
                break;
            case "too few entries":
                faulty.OnEntries = e => [e[0]];
                break;
            case "wrong map history":
                faulty.OnMapHistory = l => [Sha256Digest.Zero, .. l.Skip(1)];
                break;
            case "too few map history leaves":
                faulty.OnMapHistory = _ => [];
                break;
            case "wrong consistency proof":
                faulty.OnConsistency = (_, _) => [Sha256Digest.Zero];
                break;
            case "stale":
                var emptyMap = Sha256Digest.Zero;
                faulty.OnHead = _ => Sign(new LogHead(TreeHash.EmptyRoot, 0, emptyMap, TreeHash.Leaf(emptyMap.AsSpan()), 1, default));
                break;
        }

        var alone = await SyncAsync(mirror, faulty);
        Assert.IsType<SyncOutcome.Failed>(alone);
        Assert.Equal(("http://faulty.test", code), (alone.Faults[0].Remote, alone.Faults[0].Code));
        Assert.Equal(old, mirror.Head);
        Assert.Null(mirror.Misbehaviour);

        var both = await SyncAsync(mirror, faulty, new ScriptedLogSource(log));
        Assert.IsType<SyncOutcome.Advanced>(both);
        Assert.Equal(log.Head, mirror.Head);
    }

    public static TheoryData<MisbehaviourKind> Kinds =>
        new()
        {
            MisbehaviourKind.TwoLogRoots,
            MisbehaviourKind.TwoMapRoots,
            MisbehaviourKind.TwoMapHistoryRoots,
            MisbehaviourKind.RewrittenLog,
            MisbehaviourKind.RewrittenMapHistory,
            MisbehaviourKind.WrongMapHistoryLeaf,
            MisbehaviourKind.MapContradictsLog,
        };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task SyncAsync_of_a_log_that_contradicts_itself_shows_it_and_keeps_what_was_verified(MisbehaviourKind kind)
    {
        await using var log = await PublishAsync(8);
        var good = log.Head;
        await using (var mirror = await OpenAsync())
        {
            await SyncAsync(mirror, new ScriptedLogSource(log));
            await log.SubmitAsync("another", "entry");
            var head = log.Head;
            var source = new ScriptedLogSource(log);
            PublishedLog? fork = null;
            switch (kind)
            {
                case MisbehaviourKind.TwoLogRoots:
                    source.OnHead = _ => Sign(good with { LogRoot = Sha256Digest.Zero });
                    break;
                case MisbehaviourKind.TwoMapRoots:
                    source.OnHead = _ => Sign(good with { MapRoot = Sha256Digest.Zero, MhTreeSize = 9 });
                    break;
                case MisbehaviourKind.TwoMapHistoryRoots:
                    source.OnHead = _ => Sign(head with { MhTreeSize = good.MhTreeSize });
                    break;
                case MisbehaviourKind.RewrittenLog:
                    fork = await OtherAsync(12);
                    source = new ScriptedLogSource(fork);
                    break;
                case MisbehaviourKind.RewrittenMapHistory:
                    var leaves = new[] { Sha256Digest.Zero, TreeHash.Leaf(good.MapRoot.AsSpan()), TreeHash.Leaf(head.MapRoot.AsSpan()) };
                    source.OnHead = _ => Sign(head with { MhRoot = Root(leaves) });
                    source.OnMapHistory = asked => leaves[^asked.Count..];
                    break;
                case MisbehaviourKind.WrongMapHistoryLeaf:
                    Sha256Digest[] wrong = [.. log.MapHistoryLeaves(0, 1), Sha256Digest.Zero];
                    source.OnHead = _ => Sign(head with { MhRoot = Root(wrong) });
                    source.OnMapHistory = _ => [Sha256Digest.Zero];
                    break;
                case MisbehaviourKind.MapContradictsLog:
                    source.OnHead = _ => Sign(head with { MapRoot = Sha256Digest.Zero });
                    break;
            }

            var outcome = Assert.IsType<SyncOutcome.Misbehaving>(await SyncAsync(mirror, source));

            Assert.Equal(kind, outcome.Evidence.Kind);
            Assert.Equal(Verification.Ok, outcome.Evidence.Verify(_publisher.Identity));
            Assert.Equal(good, mirror.Head);
            Assert.Equal("value 0/3", await TextAsync(mirror, "0/3"));
            // Nothing later is taken, not even from an honest remote.
            Assert.IsType<SyncOutcome.Misbehaving>(await SyncAsync(mirror, new ScriptedLogSource(log)));
            if (fork is not null)
            {
                await fork.DisposeAsync();
            }
        }
        await using var reopened = await OpenAsync();
        Assert.Equal(kind, reopened.Misbehaviour!.Kind);
        Assert.Equal(good, reopened.Head);
    }

    [Fact]
    public async Task SyncAsync_with_two_remotes_that_show_a_split_view_proves_it()
    {
        await using var log = await PublishAsync(6);
        await using var fork = await OtherAsync(6);
        await using var mirror = await OpenAsync();
        var outcome = Assert.IsType<SyncOutcome.Misbehaving>(
            await SyncAsync(mirror, new ScriptedLogSource(log, "http://a.test"), new ScriptedLogSource(fork, "http://b.test"))
        );
        Assert.Equal(MisbehaviourKind.TwoLogRoots, outcome.Evidence.Kind);
        Assert.True(outcome.Evidence.Verify(_publisher.Identity).IsVerified);
        Assert.Null(mirror.Head);
    }

    [Theory]
    [InlineData(9, 1 << 20, 100)]
    [InlineData(100, 50, 100)]
    [InlineData(100, 1 << 20, 1)]
    public async Task SyncAsync_over_a_limit_fails_with_that_fault(ulong entries, ulong bytes, ulong heads)
    {
        await using var log = await PublishAsync(10);
        await using var mirror = await OpenAsync();
        var outcome = await mirror
            .SyncAsync([new ScriptedLogSource(log)], new MirrorLimits(entries, bytes, heads), null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("limit", Assert.Single(Assert.IsType<SyncOutcome.Failed>(outcome).Faults).Code);
        Assert.Null(mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_with_a_remote_that_answers_few_entries_at_a_time_asks_for_fewer()
    {
        await using var log = await PublishAsync(40);
        await using var mirror = await OpenAsync(entriesPerCall: 32);
        var source = new ScriptedLogSource(log);
        source.OnEntries = e => e.Count > 4 ? throw new LogSourceException("response too large") : e;
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Equal(40UL, mirror.Head!.TreeSize);
    }

    [Fact]
    public async Task SyncAsync_reports_progress_up_to_the_whole_log()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var progress = new Recorder();
        await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, progress, TestContext.Current.CancellationToken);
        Assert.Equal([10UL, 20, 30], progress.Seen.Select(p => p.Entries));
        Assert.All(progress.Seen, p => Assert.Equal(30UL, p.TargetEntries));
    }

    async Task<PublishedLog> PublishAsync(params int[] batches)
    {
        var log = await _publisher.OpenAsync();
        for (var b = 0; b < batches.Length; b++)
        {
            await log.SubmitAsync([.. Enumerable.Range(0, batches[b]).Select(i => Item($"{b}/{i}", $"value {b}/{i}"))]);
        }
        return log;
    }

    /// <summary>Another log under the same key, as a builder has that rewrote its history; in two heads where it is longer than eight.</summary>
    async Task<PublishedLog> OtherAsync(int entries)
    {
        var folder = Path.Combine(_publisher.Root, Guid.NewGuid().ToString("N"));
        var log = await PublishedLog.OpenAsync(
            _publisher.Options with
            {
                Folder = folder,
            },
            _publisher.Key,
            TestContext.Current.CancellationToken
        );
        foreach (var part in Enumerable.Range(0, entries).Chunk(8))
        {
            await log.SubmitAsync([.. part.Select(i => Item($"0/{i}", $"another {i}"))]);
        }
        return log;
    }

    Task<MirroredLog> OpenAsync(int entriesPerCall = 1000, TimeProvider? time = null, WriteAheadDisk? disk = null) =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions
            {
                Identity = _publisher.Identity,
                Folder = _mirror.Folder,
                EntriesPerCall = entriesPerCall,
                Disk = disk ?? WriteAheadDisk.Real,
                Time = time ?? _mirror.Time,
                ValueConcurrency = time is null ? 16 : 1,
            },
            TestContext.Current.CancellationToken
        );

    static Task<SyncOutcome> SyncAsync(MirroredLog mirror, params ILogSource[] remotes) =>
        mirror
            .SyncAsync(remotes, MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    LogHead Sign(LogHead head) => LogHead.Sign(head.LogRoot, head.TreeSize, head.MapRoot, head.MhRoot, head.MhTreeSize, _publisher.Key);

    static Sha256Digest Root(Sha256Digest[] leaves)
    {
        var tree = new MerkleTree();
        tree.AppendRange(leaves);
        return tree.Root(tree.Size);
    }

    static LogEntry Entry(ulong index, string key, Sha256Digest digest) =>
        new(index, Encoding.UTF8.GetBytes(key), digest, TreeHash.EntryLeaf(Encoding.UTF8.GetBytes(key), digest));

    static async Task<string?> TextAsync(MirroredLog log, string key)
    {
        var digest = log.EntriesOf(Encoding.UTF8.GetBytes(key))[0].ValueDigest;
        return await log.ValueAsync(digest, TestContext.Current.CancellationToken) is { } value
            ? Encoding.UTF8.GetString(value.Span)
            : null;
    }

    sealed class Recorder : IProgress<SyncProgress>
    {
        public List<SyncProgress> Seen { get; } = [];

        public void Report(SyncProgress value) => Seen.Add(value);
    }
}
