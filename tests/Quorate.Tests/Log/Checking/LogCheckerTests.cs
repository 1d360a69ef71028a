using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Checking;
using Quorate.Log.Storage;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log.Checking;

public sealed class LogCheckerTests : IDisposable
{
    readonly LogFixture _fixture = new();

    string Segment => Path.Combine(_fixture.Folder, "00000000.wal");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Run_on_a_published_log_finds_its_head_and_changes_nothing()
    {
        var head = await PublishAsync();
        var before = Contents();

        var report = Check();

        Assert.True(report.IsIntact, string.Join('\n', report.Damage));
        Assert.Equal(head, report.Head);
        Assert.Equal((4UL, false, 0UL), (report.Heads, report.IsMirror, report.MissingValues));
        Assert.Equal(_fixture.Identity, report.Identity);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public async Task Run_on_a_mirror_counts_values_that_nobody_gave()
    {
        using var copy = new LogFixture();
        await PublishAsync();
        await using var log = await _fixture.OpenAsync();
        var withheld = Sha256Digest.HashData("y"u8);
        await using (
            var mirror = await MirroredLog.OpenAsync(
                new MirroredLogOptions { Identity = _fixture.Identity, Folder = copy.Folder },
                TestContext.Current.CancellationToken
            )
        )
        {
            var source = new ScriptedLogSource(log) { OnValue = (digest, value) => digest == withheld ? null : value };
            Assert.IsType<SyncOutcome.Advanced>(
                await mirror.SyncAsync([source], MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            );
        }

        var report = LogChecker.Run(copy.Folder, null, WriteAheadDisk.Real, null, TestContext.Current.CancellationToken);

        Assert.True(report.IsIntact, string.Join('\n', report.Damage));
        Assert.Equal((log.Head, true, 1UL), (report.Head, report.IsMirror, report.MissingValues));
    }

    [Fact]
    public async Task Run_after_any_bit_of_a_segment_was_flipped_names_the_file_and_an_offset_before_it()
    {
        await PublishAsync();
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, whole.Length - 1), Gen.Choose(0, 7)).ToArbitrary(),
                at =>
                {
                    var flipped = whole.ToArray();
                    flipped[at.Item1] ^= (byte)(1 << at.Item2);
                    File.WriteAllBytes(Segment, flipped);
                    var damage = Assert.Single(Check().Damage);
                    return damage.File == Segment && damage.Offset <= at.Item1 && !damage.IsDerived;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("log root")]
    [InlineData("map root")]
    [InlineData("map-history root")]
    [InlineData("not signed")]
    [InlineData("a value does not have the digest")]
    [InlineData("no entry has the value")]
    public async Task Run_finds_a_frame_that_reads_but_is_wrong(string what)
    {
        await PublishAsync();
        await AppendWrongFrameAsync(what);

        var report = Check();

        Assert.Contains(what, Assert.Single(report.Damage).What, StringComparison.Ordinal);
        Assert.Contains("quorate log import", report.Recovery, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_with_an_unfinished_write_at_the_end_only_notes_it()
    {
        await PublishAsync();
        await using (var file = new FileStream(Segment, FileMode.Append))
        {
            file.Write("QFRM and no more"u8);
        }

        var report = Check();

        Assert.True(report.IsIntact);
        Assert.Contains("16 bytes of an unfinished write", Assert.Single(report.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state.img")]
    [InlineData("leaves")]
    [InlineData("map-history")]
    [InlineData("positions")]
    [InlineData("heads")]
    public async Task Run_with_any_flipped_bit_in_a_derived_file_finds_it_and_repair_makes_it_again(string name)
    {
        await using (var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            for (var i = 0; i < 300; i++)
            {
                await log.SubmitAsync($"key {i}", $"value {i}");
            }
        }
        Assert.True(Check().IsIntact);
        var path = Path.Combine(_fixture.Folder, "derived", name);
        var whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        var random = new Random(7);
        for (var round = 0; round < 8; round++)
        {
            var flipped = whole.ToArray();
            // Only whole blocks of a column are in its file and vouched for; behind them nothing is read.
            flipped[random.Next(whole.Length / 2)] ^= (byte)(1 << random.Next(8));
            await File.WriteAllBytesAsync(path, flipped, TestContext.Current.CancellationToken);
            var report = Check();
            Assert.True(Assert.Single(report.Damage).IsDerived, report.Damage[0].What);
            Assert.Contains("--repair", report.Recovery, StringComparison.Ordinal);
        }
        var wal = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        Assert.True(LogRepair.Run(Check()).IsIntact);
        Assert.Equal(wal, await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken));
        await using (var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            Assert.Equal(300UL, log.Head.TreeSize);
        }
        Assert.True(Check().IsIntact);
    }

    [Fact]
    public async Task Run_on_a_write_ahead_file_that_is_older_than_its_image_says_so_and_repairs_nothing()
    {
        await PublishAsync();
        var older = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        await using (var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 }))
        {
            await log.SubmitAsync("later", "value");
        }
        await File.WriteAllBytesAsync(Segment, older, TestContext.Current.CancellationToken);
        File.Delete(Path.Combine(_fixture.Folder, "committed"));

        var report = LogRepair.Run(Check());

        Assert.Contains("older copy", Assert.Single(report.Damage).What, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_fixture.Folder, "derived", "state.img")));
    }

    [Fact]
    public async Task Run_without_the_identity_file_needs_to_be_told_whose_log_it_is()
    {
        await PublishAsync();
        File.Delete(Path.Combine(_fixture.Folder, "identity"));

        var refused = Assert.Throws<LogUnknownException>(() => Check());

        Assert.Contains("--key", refused.Message, StringComparison.Ordinal);
        Assert.True(Check(_fixture.Identity).IsIntact);
    }

    [Fact]
    public void TryParse_of_an_identity_file_with_any_changed_byte_is_refused()
    {
        var text = LogIdentityFile.Format(_fixture.Identity);
        Assert.Equal(_fixture.Identity, LogIdentityFile.TryParse(System.Text.Encoding.UTF8.GetBytes(text)));
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, text.Length - 1), Gen.Choose(0, 255)).ToArbitrary(),
                change =>
                {
                    var bytes = System.Text.Encoding.UTF8.GetBytes(text);
                    bytes[change.Item1] = (byte)change.Item2;
                    return (byte)text[change.Item1] == change.Item2 || LogIdentityFile.TryParse(bytes) is null;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void LockOf_a_log_in_a_state_directory_that_is_open_is_refused()
    {
        var path = Path.Combine(_fixture.Root, "state");
        using (var state = StateDirectory.Open(path))
        {
            Assert.Throws<StateDirectoryLockedException>(() => StateDirectory.LockOf(state.PublishedFolder(_fixture.Identity.Id)));
        }
        using var held = StateDirectory.LockOf(Path.Combine(path, "logs", "x"));
        Assert.Throws<StateDirectoryLockedException>(() => StateDirectory.Open(path));
    }

    async Task<LogHead> PublishAsync()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync("first", "value");
        await log.SubmitAsync(Item("second", "x"), Item("third", "y"), Item("first", "another value"));
        return (await log.SubmitAsync(Item("fourth", "x"), Item("", ""))).Head;
    }

    // Frames that a broken or malicious program could have written: their own checks hold.
    async Task AppendWrongFrameAsync(string what)
    {
        LogHead next;
        using (var scratch = new LogFixture())
        {
            Directory.CreateDirectory(scratch.Folder);
            foreach (var file in Directory.GetFiles(_fixture.Folder))
            {
                File.Copy(file, Path.Combine(scratch.Folder, Path.GetFileName(file)));
            }
            await using var log = await scratch.OpenAsync();
            next = (await log.SubmitAsync("new", "good")).Head;
        }
        var other = Sha256Digest.HashData("other"u8);
        var head = what switch
        {
            "log root" => Sign(next with { LogRoot = other }),
            "map root" => Sign(next with { MapRoot = other }),
            "map-history root" => Sign(next with { MhRoot = other }),
            "not signed" => next with { Signature = new byte[64] },
            _ => next,
        };
        ReadOnlyMemory<byte>? value = what switch
        {
            "a value does not have the digest" => "evil"u8.ToArray(),
            "no entry has the value" => null,
            _ => "good"u8.ToArray(),
        };
        using var storage = WriteAheadStorage.Open(_fixture.Folder, _fixture.Identity.Id);
        _ = storage.ReadFrames().Count();
        FrameEntry[] entries = [new("new"u8.ToArray(), Sha256Digest.HashData("good"u8), value)];
        var leaf = Quorate.Core.Merkle.TreeHash.Leaf(head.MapRoot.AsSpan());
        var content = new FrameContent(FrameKind.Head, next.TreeSize - 1, _fixture.Time.GetUtcNow(), head, [leaf], entries);
        await FrameAppender.AppendAsync(storage, content, new int[1], TestContext.Current.CancellationToken);
    }

    LogHead Sign(LogHead head) => LogHead.Sign(head.LogRoot, head.TreeSize, head.MapRoot, head.MhRoot, head.MhTreeSize, _fixture.Key);

    LogCheckReport Check(LogIdentity? identity = null) =>
        LogChecker.Run(_fixture.Folder, identity, WriteAheadDisk.Real, null, TestContext.Current.CancellationToken);

    Dictionary<string, string> Contents() =>
        Directory.GetFiles(_fixture.Folder).ToDictionary(f => f, f => Sha256Digest.HashData(File.ReadAllBytes(f)).ToString());
}
