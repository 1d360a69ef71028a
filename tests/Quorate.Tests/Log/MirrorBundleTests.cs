using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

/// <summary>Mirrors of remotes that give bundles: the same checks, fewer calls.</summary>
public sealed class MirrorBundleTests : IDisposable
{
    readonly LogFixture _publisher = new();
    readonly LogFixture _mirror = new();

    public void Dispose()
    {
        _publisher.Dispose();
        _mirror.Dispose();
    }

    [Fact]
    public async Task SyncAsync_takes_entries_values_and_heads_from_bundles()
    {
        await using var log = await PublishAsync(200, 400);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log);

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));

        Assert.Equal(log.Head, mirror.Head);
        Assert.Equal(log.Entries(0, 599).Select(e => e.LeafHash), mirror.Entries(0, 599).Select(e => e.LeafHash));
        Assert.Equal("value 1/399", await TextAsync(mirror, "1/399"));
        Assert.Equal((0UL, 0, 0), (mirror.MissingValues, source.Plain.EntryCalls, source.Plain.ValueCalls));
    }

    [Fact]
    public async Task SyncAsync_goes_on_in_the_middle_of_a_bundle()
    {
        await using var log = await PublishAsync(300);
        await using var mirror = await OpenAsync();
        await SyncAsync(mirror, new BundleSource(log));
        await log.SubmitAsync(Items(1, 100));

        var source = new BundleSource(log);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));

        Assert.Equal(log.Head, mirror.Head);
        Assert.Equal(0, source.Plain.EntryCalls);
        Assert.Equal("value 1/99", await TextAsync(mirror, "1/99"));
    }

    [Fact]
    public async Task SyncAsync_beyond_the_checkpoint_takes_single_entries()
    {
        await using var log = await PublishAsync(300, 20);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log) { Sizes = new BundledSizes(300, 2) };
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Equal(log.Head, mirror.Head);
        Assert.Equal((1, 20), (source.Plain.EntryCalls, source.Plain.ValueCalls));
    }

    [Fact]
    public async Task SyncAsync_without_bundles_of_the_log_asks_in_the_slow_way()
    {
        await using var log = await PublishAsync(20);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log) { Sizes = null };
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Equal(log.Head, mirror.Head);
        Assert.Equal(20, source.Plain.ValueCalls);
    }

    [Fact]
    public async Task SyncAsync_with_entries_of_another_log_writes_nothing_and_blames_the_remote_only()
    {
        await using var log = await PublishAsync(300);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log)
        {
            OnEntries = bundle =>
            {
                var wrong = bundle.ToArray();
                wrong[2] ^= 1;
                return wrong;
            },
        };
        var outcome = Assert.IsType<SyncOutcome.Failed>(await SyncAsync(mirror, source));
        Assert.Contains(outcome.Faults, f => f.Code == "wrong-entries");
        Assert.Null(mirror.Misbehaviour);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, new BundleSource(log)));
    }

    [Fact]
    public async Task SyncAsync_with_a_wrong_value_takes_it_by_its_digest()
    {
        await using var log = await PublishAsync(10);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log)
        {
            OnValues = bundle =>
            {
                var wrong = bundle.ToArray();
                wrong[^1] ^= 1;
                return wrong;
            },
        };
        var outcome = Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Contains(outcome.Faults, f => f.Code == "bad-value");
        Assert.Equal((0UL, 1), (mirror.MissingValues, source.Plain.ValueCalls));
    }

    [Fact]
    public async Task SyncAsync_takes_long_values_by_their_digest()
    {
        await using var log = await _publisher.OpenAsync();
        await log.SubmitAsync("long", new string('x', ValueBundle.MaxValueLength + 1));
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Equal((0UL, 1), (mirror.MissingValues, source.Plain.ValueCalls));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task SyncAsync_with_a_bundle_of_another_length_asks_in_the_slow_way(int length)
    {
        await using var log = await PublishAsync(20);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log) { OnEntries = bundle => bundle[..length] };
        var outcome = Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Contains(outcome.Faults, f => f.Detail.StartsWith("bundles: ", StringComparison.Ordinal));
        Assert.Equal(20, source.Plain.ValueCalls);
    }

    [Fact]
    public async Task SyncAsync_with_a_head_that_nobody_signed_reports_it_and_takes_plain_leaves()
    {
        await using var log = await PublishAsync(5, 5);
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log)
        {
            OnHeads = bundle =>
            {
                var wrong = bundle.ToArray();
                wrong[0] ^= 1;
                return wrong;
            },
        };
        var outcome = Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
        Assert.Contains(outcome.Faults, f => f.Detail.StartsWith("heads: ", StringComparison.Ordinal));
        Assert.Equal(log.Head, mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_with_a_head_signed_for_another_tree_finds_the_log_misbehaving()
    {
        await using var log = await PublishAsync(5, 5);
        var first = log.HeadAt(1);
        var forked = LogHead.Sign(
            Sha256Digest.HashData("another"u8),
            first.TreeSize,
            first.MapRoot,
            first.MhRoot,
            first.MhTreeSize,
            _publisher.Key
        );
        await using var mirror = await OpenAsync();
        var source = new BundleSource(log)
        {
            OnHeads = bundle =>
            {
                var wrong = bundle.ToArray();
                HeadRecordBundle.Write(wrong.AsSpan(HeadRecordBundle.RecordSize), forked);
                return wrong;
            },
        };
        Assert.IsType<SyncOutcome.Misbehaving>(await SyncAsync(mirror, source));
    }

    [Fact]
    public async Task SyncAsync_over_the_byte_limit_stops()
    {
        await using var log = await PublishAsync(300);
        await using var mirror = await OpenAsync();
        var limits = MirrorLimits.Default with { MaxBytes = 100 };
        var outcome = await mirror.SyncAsync([new BundleSource(log)], limits, null, TestContext.Current.CancellationToken);
        Assert.Contains(Assert.IsType<SyncOutcome.Failed>(outcome).Faults, f => f.Code == "limit");
    }

    async Task<PublishedLog> PublishAsync(params int[] submits)
    {
        var log = await _publisher.OpenAsync();
        for (var i = 0; i < submits.Length; i++)
        {
            await log.SubmitAsync(Items(i, submits[i]));
        }
        return log;
    }

    static SubmitItem[] Items(int submit, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Item($"{submit}/{i}", $"value {submit}/{i}"))];

    Task<MirroredLog> OpenAsync() =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _publisher.Identity, Folder = _mirror.Folder },
            TestContext.Current.CancellationToken
        );

    static Task<SyncOutcome> SyncAsync(MirroredLog mirror, ILogSource remote) =>
        mirror
            .SyncAsync([remote], MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    static async Task<string> TextAsync(MirroredLog mirror, string key)
    {
        var digest = mirror.EntriesOf(Encoding.UTF8.GetBytes(key))[0].ValueDigest;
        return Encoding.UTF8.GetString((await mirror.ValueAsync(digest, TestContext.Current.CancellationToken))!.Value.Span);
    }

    /// <summary>A log in this process as a node of ours serves it.</summary>
    sealed class BundleSource(LogView log) : IBundledLogSource
    {
        public ScriptedLogSource Plain { get; } = new(log);

        public BundledSizes? Sizes { get; set; } = new(log.Head!.TreeSize, log.Head.MhTreeSize);

        public Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> OnEntries { get; init; } = b => b;
        public Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> OnValues { get; init; } = b => b;
        public Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> OnHeads { get; init; } = b => b;

        public string Remote => Plain.Remote;

        public Task<BundledSizes?> BundledAsync(LogId id, CancellationToken cancellationToken) => Task.FromResult(Sizes);

        public Task<ReadOnlyMemory<byte>> EntryBundleAsync(LogId id, TileNumber number, CancellationToken cancellationToken) =>
            Task.FromResult(Try(() => OnEntries(log.EntryBundle(number, log.Head!.TreeSize))));

        public async Task<ReadOnlyMemory<byte>> ValueBundleAsync(LogId id, TileNumber number, CancellationToken cancellationToken)
        {
            try
            {
                return OnValues(await log.ValueBundleAsync(number, log.Head!.TreeSize, cancellationToken));
            }
            catch (ArgumentOutOfRangeException e)
            {
                throw new LogSourceException("no such bundle", e);
            }
        }

        public Task<ReadOnlyMemory<byte>> HeadBundleAsync(LogId id, TileNumber number, CancellationToken cancellationToken) =>
            Task.FromResult(Try(() => OnHeads(log.HeadBundle(number, log.Head!.MhTreeSize))));

        static ReadOnlyMemory<byte> Try(Func<ReadOnlyMemory<byte>> bundle)
        {
            try
            {
                return bundle();
            }
            catch (ArgumentOutOfRangeException e)
            {
                throw new LogSourceException("no such bundle", e);
            }
        }

        public Task<LogHead> HeadAsync(LogId id, CancellationToken cancellationToken) => Plain.HeadAsync(id, cancellationToken);

        public Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
            LogId id,
            ulong first,
            ulong second,
            CancellationToken cancellationToken
        ) => Plain.ConsistencyProofAsync(id, first, second, cancellationToken);

        public Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId id, ulong start, ulong finish, CancellationToken cancellationToken) =>
            Plain.EntriesAsync(id, start, finish, cancellationToken);

        public Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
            LogId id,
            ulong start,
            ulong finish,
            CancellationToken cancellationToken
        ) => Plain.MapHistoryLeavesAsync(id, start, finish, cancellationToken);

        public Task<MapAnswer?> MapValueAsync(
            LogId id,
            ReadOnlyMemory<byte> key,
            Sha256Digest mapRoot,
            CancellationToken cancellationToken
        ) => Plain.MapValueAsync(id, key, mapRoot, cancellationToken);

        public Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken) =>
            Plain.ValueAsync(digest, cancellationToken);
    }
}
