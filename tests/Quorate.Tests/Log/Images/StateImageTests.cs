using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Testing;
using Quorate.Tests.Log.Durability;
using Xunit;

namespace Quorate.Tests.Log.Images;

public sealed class StateImageTests : IDisposable
{
    const int Items = 700;

    readonly LogFixture _fixture = new(Protocol.Nix);
    readonly AcknowledgedLog _told;

    public StateImageTests() => _told = new AcknowledgedLog(_fixture.Identity);

    string Derived => Path.Combine(_fixture.Folder, "derived");

    string Image => Path.Combine(Derived, "state.img");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task OpenAsync_after_a_clean_stop_reads_no_entry_again()
    {
        await FillAsync();
        await using var log = await OpenAsync();
        Assert.Equal(new LogOpening(Items, 0, null), log.Opened);
        await CheckAsync(log);
    }

    [Fact]
    public async Task OpenAsync_after_a_kill_reads_the_entries_behind_the_image_and_goes_on_like_a_log_that_was_never_closed()
    {
        await FillAsync();
        using var killed = new LogFixture(Protocol.Nix);
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, Items, 150);
            CopyTo(killed.Folder);
            await SubmitAsync(log, Items + 150, 300);
            await using var reopened = await killed.OpenAsync(o => o with { ImageAfterEntries = 100 });
            Assert.InRange(reopened.Opened.FromImage, (ulong)Items, Items + 150UL);
            Assert.Equal(Items + 150UL, reopened.Opened.FromImage + reopened.Opened.Replayed);
            for (var i = Items + 150; i < Items + 450; i += 5)
            {
                await reopened.SubmitAsync([.. Enumerable.Range(i, 5).Select(Item)]);
            }
            Assert.Equal(log.Head, reopened.Head);
        }
    }

    [Fact]
    public async Task OpenAsync_restores_self_divergences_and_later_divergences_are_found()
    {
        await using (var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            await SubmitAsync(log, 0, 300);
            await log.SubmitAsync(LogExtensions.Item(Key(7), "another value"));
        }
        await using var reopened = await OpenAsync();
        Assert.Equal(301UL, reopened.Opened.FromImage);
        Assert.Equal(2, reopened.EntriesOf(Encoding.UTF8.GetBytes(Key(7))).Count);
        Assert.Equal((0, 1), await CountsAsync(reopened, LogExtensions.Item(Key(7), "another value")));
        Assert.Equal((1, 0), await CountsAsync(reopened, LogExtensions.Item(Key(7), "a third value")));
        Assert.Equal((0, 1), await CountsAsync(reopened, Item(8)));
    }

    [Theory]
    [InlineData("state.img")]
    [InlineData("leaves")]
    [InlineData("map-history")]
    [InlineData("positions")]
    [InlineData("heads")]
    public async Task OpenAsync_without_a_derived_file_or_with_one_that_is_cut_rebuilds_everything(string name)
    {
        await FillAsync();
        var file = Path.Combine(Derived, name);
        var whole = File.ReadAllBytes(file);
        foreach (var length in (int[])[-1, 0, whole.Length / 2, whole.Length - 1])
        {
            File.Delete(file);
            if (length >= 0)
            {
                File.WriteAllBytes(file, whole[..length]);
            }
            await using (var log = await OpenAsync())
            {
                Assert.Equal((0UL, (ulong)Items), (log.Opened.FromImage, log.Opened.Replayed));
                Assert.Equal(length < 0 && file == Image, log.Opened.Refused is null);
                await CheckAsync(log);
            }
            await using var again = await OpenAsync();
            Assert.Equal((ulong)Items, again.Opened.FromImage);
        }
    }

    [Fact]
    public async Task OpenAsync_with_any_flipped_bit_in_the_image_rebuilds_everything()
    {
        await FillAsync();
        var whole = File.ReadAllBytes(Image);
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, whole.Length - 1), Gen.Choose(0, 7)).ToArbitrary(),
                place =>
                {
                    var (offset, bit) = place;
                    var flipped = whole.ToArray();
                    flipped[offset] ^= (byte)(1 << bit);
                    File.WriteAllBytes(Image, flipped);
                    return AssertRebuiltAsync();
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Theory]
    [InlineData("leaves", 40)]
    [InlineData("map-history", 3)]
    [InlineData("positions", 5)]
    [InlineData("heads", 70)]
    public async Task A_flipped_bit_in_a_column_is_never_believed_and_repaired_by_the_next_opening(string name, int offset)
    {
        await FillAsync();
        var file = Path.Combine(Derived, name);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite))
        {
            stream.Position = offset;
            var value = stream.ReadByte();
            stream.Position = offset;
            stream.WriteByte((byte)(value ^ 0x10));
        }
        await using (var log = await OpenAsync())
        {
            Assert.Equal((ulong)Items, log.Opened.FromImage);
            var failure = await Assert.ThrowsAsync<LogDamagedException>(() => CheckAsync(log));
            Assert.Contains(file, failure.Message, StringComparison.Ordinal);
            await SubmitAsync(log, Items, 200);
        }
        await using var reopened = await OpenAsync();
        Assert.Equal(Items + 200UL, reopened.Opened.Replayed);
        await CheckAsync(reopened);
    }

    [Fact]
    public async Task OpenAsync_with_an_older_image_replays_what_it_does_not_cover()
    {
        await FillAsync();
        var older = File.ReadAllBytes(Image);
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, Items, 250);
        }
        File.WriteAllBytes(Image, older);
        await using var reopened = await OpenAsync();
        Assert.Equal(new LogOpening(Items, 250, null), reopened.Opened);
        await CheckAsync(reopened);
    }

    [Fact]
    public async Task OpenAsync_with_another_logs_image_rebuilds_everything()
    {
        await FillAsync();
        using var other = new LogFixture(Protocol.Test);
        await using (var log = await other.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            await log.SubmitAsync("key", "value");
        }
        File.Copy(Path.Combine(other.Folder, "derived", "state.img"), Image, overwrite: true);
        await using var reopened = await OpenAsync();
        Assert.Contains("is of log", reopened.Opened.Refused, StringComparison.Ordinal);
        await CheckAsync(reopened);
    }

    [Fact]
    public async Task OpenAsync_of_a_published_log_whose_image_knows_a_later_head_is_refused_and_stays_refused()
    {
        await FillAsync();
        using var backup = new LogFixture(Protocol.Nix);
        CopyTo(backup.Folder);
        await using (var log = await OpenAsync())
        {
            await SubmitAsync(log, Items, 200);
        }
        File.Copy(Image, Path.Combine(backup.Folder, "derived", "state.img"), overwrite: true);
        for (var i = 0; i < 2; i++)
        {
            var refused = await Assert.ThrowsAsync<LogDamagedException>(() => backup.OpenAsync());
            Assert.Contains("state.img", refused.Message, StringComparison.Ordinal);
            Assert.Contains("that this log signed", refused.Message, StringComparison.Ordinal);
        }
        File.Delete(Path.Combine(backup.Folder, "derived", "state.img"));
        await using var allowed = await backup.OpenAsync();
        Assert.Equal((ulong)Items, allowed.Head.TreeSize);
    }

    [Fact]
    public async Task OpenAsync_of_a_wiped_published_log_is_refused_by_its_image()
    {
        await FillAsync();
        foreach (var file in Directory.GetFiles(_fixture.Folder))
        {
            File.Delete(file);
        }
        await Assert.ThrowsAsync<LogDamagedException>(() => OpenAsync());
    }

    [Fact]
    public async Task A_failed_image_is_reported_and_the_log_goes_on()
    {
        var failures = 0;
        var disk = new NoImages();
        await using (
            var log = await PublishedLog.OpenAsync(
                _fixture.Options with
                {
                    ImageAfterEntries = 100,
                },
                _fixture.Key,
                WriteAheadStorage.Open(_fixture.Folder, _fixture.Identity.Id, disk: disk),
                TestContext.Current.CancellationToken
            )
        )
        {
            log.ImageFailed += (_, e) => Interlocked.Increment(ref failures);
            await SubmitAsync(log, 0, Items);
        }
        Assert.InRange(failures, 1, Items);
        Assert.False(File.Exists(Image));
        await using var reopened = await OpenAsync();
        Assert.Equal((ulong)Items, reopened.Opened.Replayed);
        await CheckAsync(reopened);
    }

    [Fact]
    public async Task A_failed_image_leaves_nothing_on_the_disk()
    {
        await using (var log = await OpenAsync(new NoImages()))
        {
            await SubmitAsync(log, 0, Items);
        }
        Assert.False(File.Exists(Image + ".new"));
    }

    [Fact]
    public async Task An_image_that_a_kill_cut_off_goes_when_the_log_is_opened()
    {
        await (await OpenAsync()).DisposeAsync();
        await File.WriteAllTextAsync(Image + ".new", "the beginning of an image", TestContext.Current.CancellationToken);
        await using var log = await OpenAsync();
        Assert.False(File.Exists(Image + ".new"));
    }

    [Fact]
    public async Task An_image_is_not_begun_where_it_would_take_what_is_reserved()
    {
        var disk = new SmallDisk { Free = WriteAheadStorage.ReserveBytes + 10_000 };
        var told = new List<string>();
        await using (var log = await OpenAsync(disk))
        {
            log.ImageFailed += (_, e) => told.Add(e.Message);
            await SubmitAsync(log, 0, Items);
        }
        Assert.False(File.Exists(Image));
        Assert.Contains(told, message => message.Contains("do not fit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mirror_restores_its_head_from_the_image_and_what_it_staged_from_the_frames_behind_it()
    {
        await using var log = await OpenAsync();
        await SubmitAsync(log, 0, 300);
        using var mirrored = new LogFixture(Protocol.Nix);
        var withheld = Sha256Digest.HashData(Encoding.UTF8.GetBytes(Value(20)));
        await using (var mirror = await OpenMirrorAsync(mirrored))
        {
            var source = new ScriptedLogSource(log) { OnValue = (digest, value) => digest == withheld ? null : value };
            Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));
            await SubmitAsync(log, 300, 300);
            var calls = 0;
            var failing = new ScriptedLogSource(log);
            failing.OnConsistency = (first, second) =>
            {
                failing.IsDown = ++calls == 4;
                return log.ConsistencyProof(first, second);
            };
            Assert.IsType<SyncOutcome.Failed>(await SyncAsync(mirror, failing));
        }
        await using var reopened = await OpenMirrorAsync(mirrored);
        Assert.Equal(300UL, reopened.Opened.FromImage);
        Assert.InRange(reopened.Opened.Replayed, 50UL, 250UL);
        Assert.Equal(300UL, reopened.Head!.TreeSize);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(reopened, new ScriptedLogSource(log)));
        Assert.Equal(log.Head, reopened.Head);
        Assert.Equal(0UL, reopened.MissingValues);
        await _told.CheckAsync(reopened, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task OpenAsync_of_a_mirror_whose_image_knows_a_later_head_rebuilds_what_the_frames_have()
    {
        await using var log = await OpenAsync();
        await SubmitAsync(log, 0, 200);
        using var mirrored = new LogFixture(Protocol.Nix);
        using var older = new LogFixture(Protocol.Nix);
        await using (var mirror = await OpenMirrorAsync(mirrored))
        {
            await SyncAsync(mirror, new ScriptedLogSource(log));
            Copy(mirrored.Folder, older.Folder);
            await SubmitAsync(log, 200, 200);
            await SyncAsync(mirror, new ScriptedLogSource(log));
        }
        File.Copy(
            Path.Combine(mirrored.Folder, "derived", "state.img"),
            Path.Combine(older.Folder, "derived", "state.img"),
            overwrite: true
        );
        await using var reopened = await OpenMirrorAsync(older);
        Assert.Equal(200UL, reopened.Head!.TreeSize);
        Assert.NotNull(reopened.Opened.Refused);
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(reopened, new ScriptedLogSource(log)));
    }

    /// <summary>A closed log whose image covers all of it.</summary>
    [Fact]
    public async Task Image_that_may_not_be_written_is_told_of_and_the_log_closes_all_the_same()
    {
        var told = new ConcurrentQueue<IOException>();
        await using (var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            log.ImageFailed += (_, e) => told.Enqueue(e);
            // The system forbids to write to it, which .NET tells by an exception of its own.
            Directory.CreateDirectory(Image + ".new");
            await SubmitAsync(log, 0, Items);
        }
        Assert.Contains(told, e => e.Message.Contains("state.img.new", StringComparison.Ordinal));
        Directory.Delete(Image + ".new");
        await using var reopened = await OpenAsync();
        await CheckAsync(reopened);
    }

    async Task FillAsync()
    {
        await using var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 });
        await SubmitAsync(log, 0, Items);
    }

    Task<PublishedLog> OpenAsync(WriteAheadDisk? disk = null) =>
        _fixture.OpenAsync(o => o with { ImageAfterEntries = 100, Disk = disk ?? WriteAheadDisk.Real });

    async Task AssertRebuiltAsync()
    {
        await using var log = await OpenAsync();
        Assert.True(log.Opened is { FromImage: 0, Refused: not null }, log.Opened.ToString());
        Assert.Equal((ulong)Items, log.Head.TreeSize);
    }

    /// <summary>In batches of five, so that there are as many heads as fill their column's blocks.</summary>
    async Task SubmitAsync(PublishedLog log, int start, int count)
    {
        for (var i = start; i < start + count; i += 5)
        {
            await log.SubmitAsync([.. Enumerable.Range(i, 5).Select(Item)]);
        }
        _told.Acknowledged(Enumerable.Range(start, count).Select(i => (Key(i), Value(i))));
    }

    /// <summary>Everything that was acknowledged is there and proved, and heads have their times.</summary>
    async Task CheckAsync(PublishedLog log)
    {
        await _told.CheckAsync(log, TestContext.Current.CancellationToken);
        var head = log.Head;
        Assert.Equal(head.TreeSize, (ulong)log.Entries(0, head.TreeSize - 1).Count);
        for (var i = 0UL; i < head.TreeSize; i += 3)
        {
            _ = log.FirstSeen(i);
            var key = Encoding.UTF8.GetBytes(Key((int)i));
            Assert.Single(log.KeysByStoreHash(Key((int)i)[11..43]));
            Assert.True(log.MapValue(key, head.MapRoot)!.Value.Length > 0);
        }
        Assert.Equal(head.MhTreeSize, (ulong)log.MapHistoryLeaves(0, head.MhTreeSize - 1).Count);
    }

    static async Task<(int Added, int Duplicates)> CountsAsync(PublishedLog log, SubmitItem item)
    {
        var result = await log.SubmitAsync([item]);
        return (result.Added, result.Duplicates);
    }

    static string Key(int i) => $"/nix/store/{i.ToString(CultureInfo.InvariantCulture).PadLeft(32, '0')}-package";

    static string Value(int i) => $"value {i}";

    static SubmitItem Item(int i) => LogExtensions.Item(Key(i), Value(i));

    void CopyTo(string folder) => Copy(_fixture.Folder, folder);

    static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.Combine(to, "derived"));
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            if (!file.EndsWith(".new", StringComparison.Ordinal))
            {
                File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)), overwrite: true);
            }
        }
    }

    Task<MirroredLog> OpenMirrorAsync(LogFixture mirrored) =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions
            {
                Identity = _fixture.Identity,
                Folder = mirrored.Folder,
                EntriesPerCall = 40,
                ImageAfterEntries = 100,
            },
            TestContext.Current.CancellationToken
        );

    static Task<SyncOutcome> SyncAsync(MirroredLog mirror, params ILogSource[] sources) =>
        mirror
            .SyncAsync(sources, MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    sealed class NoImages : WriteAheadDisk
    {
        public override void Move(string from, string to)
        {
            if (to.EndsWith(".img", StringComparison.Ordinal))
            {
                throw new IOException($"{to}: no");
            }
            base.Move(from, to);
        }
    }
}
