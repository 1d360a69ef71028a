using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

public sealed class WriteAheadStorageTests : IDisposable
{
    readonly LogFixture _fixture = new();

    string Segment => Path.Combine(_fixture.Folder, "00000000.wal");
    string Marker => Path.Combine(_fixture.Folder, "committed");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task OpenAsync_after_the_last_frame_was_cut_anywhere_gives_the_head_before()
    {
        var (before, last, cut) = await ThreeHeadsAsync();
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        for (var length = cut; length < whole.Length; length++)
        {
            // A crash in the middle of a write: nobody had been told of it, so the mark does not cover it.
            File.Delete(Marker);
            await File.WriteAllBytesAsync(Segment, whole[..length], TestContext.Current.CancellationToken);
            await using var log = await _fixture.OpenAsync();
            Assert.Equal(before, log.Head);
            Assert.Equal(length == cut, log.Repair is null);
        }
        File.Delete(Marker);
        await File.WriteAllBytesAsync(Segment, whole, TestContext.Current.CancellationToken);
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal(last, reopened.Head);
    }

    [Fact]
    public async Task SubmitAsync_after_a_repair_continues_the_log()
    {
        var (before, _, cut) = await ThreeHeadsAsync();
        File.Delete(Marker);
        await using (var file = File.OpenWrite(Segment))
        {
            file.SetLength(cut + 40);
        }
        await using (var log = await _fixture.OpenAsync())
        {
            Assert.Equal(40, log.Repair!.DroppedBytes);
            var head = (await log.SubmitAsync("again", "value")).Head;
            Assert.Equal(before.TreeSize + 1, head.TreeSize);
        }
        await using var reopened = await _fixture.OpenAsync();
        Assert.Equal(before.TreeSize + 1, reopened.Head.TreeSize);
        Assert.Null(reopened.Repair);
    }

    [Fact]
    public async Task OpenAsync_of_a_file_shorter_than_what_was_acknowledged_is_refused()
    {
        var (_, _, cut) = await ThreeHeadsAsync();
        await using (var file = File.OpenWrite(Segment))
        {
            file.SetLength(cut);
        }
        var refused = await Assert.ThrowsAsync<LogDamagedException>(() => _fixture.OpenAsync());
        Assert.Contains("00000000.wal", refused.Message, StringComparison.Ordinal);
        Assert.Contains("acknowledged", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_after_any_byte_before_the_tail_was_flipped_is_refused_with_file_and_offset()
    {
        var (_, _, cut) = await ThreeHeadsAsync();
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        foreach (var withMarker in (bool[])[true, false])
        {
            if (!withMarker)
            {
                File.Delete(Marker);
            }
            for (var at = 0; at < cut; at += 7)
            {
                var flipped = whole.ToArray();
                flipped[at] ^= 0x10;
                await File.WriteAllBytesAsync(Segment, flipped, TestContext.Current.CancellationToken);
                var refused = await Assert.ThrowsAsync<LogDamagedException>(() => _fixture.OpenAsync());
                Assert.Contains("00000000.wal", refused.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task OpenAsync_after_a_byte_of_the_acknowledged_last_frame_was_flipped_is_refused()
    {
        var (_, _, cut) = await ThreeHeadsAsync();
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        for (var at = cut; at < whole.Length; at += 5)
        {
            var flipped = whole.ToArray();
            flipped[at] ^= 0x01;
            await File.WriteAllBytesAsync(Segment, flipped, TestContext.Current.CancellationToken);
            await Assert.ThrowsAsync<LogDamagedException>(() => _fixture.OpenAsync());
        }
    }

    [Fact]
    public async Task OpenAsync_of_many_small_segments_reads_them_all()
    {
        LogHead head;
        await using (var log = await _fixture.OpenAsync(WriteAheadDisk.Real, segmentBytes: 1000))
        {
            for (var i = 0; i < 20; i++)
            {
                await log.SubmitAsync($"key{i}", new string('v', 100));
            }
            head = log.Head;
        }
        Assert.True(Directory.GetFiles(_fixture.Folder, "*.wal").Length > 5);
        await using (var reopened = await _fixture.OpenAsync())
        {
            Assert.Equal(head, reopened.Head);
            Assert.Equal(20, reopened.Entries(0, 19).Count);
        }
        File.Delete(Path.Combine(_fixture.Folder, "00000001.wal"));
        var refused = await Assert.ThrowsAsync<LogDamagedException>(() => _fixture.OpenAsync());
        Assert.Contains("00000001.wal is missing", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_of_another_version_is_refused_by_name()
    {
        await ThreeHeadsAsync();
        var bytes = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        bytes[8] = 2;
        System.Security.Cryptography.SHA256.HashData(bytes.AsSpan(0, 72)).AsSpan(0, 8).CopyTo(bytes.AsSpan(72));
        await File.WriteAllBytesAsync(Segment, bytes, TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<LogDamagedException>(() => _fixture.OpenAsync());
        Assert.Contains("version 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_of_another_logs_file_is_refused()
    {
        await ThreeHeadsAsync();
        using var other = new LogFixture(Protocol.Nix);
        Directory.CreateDirectory(other.Folder);
        File.Copy(Segment, Path.Combine(other.Folder, "00000000.wal"));
        await Assert.ThrowsAsync<LogDamagedException>(() => other.OpenAsync());
    }

    [Fact]
    public async Task OpenAsync_of_a_new_log_makes_its_folder_and_its_first_segment_durable_names()
    {
        var disk = new NotingDisk();
        await using var log = await _fixture.OpenAsync(disk);
        Assert.Equal([_fixture.Root, _fixture.Folder], disk.SyncedDirectories);
    }

    [Fact]
    public async Task SubmitAsync_that_begins_a_segment_makes_its_name_durable()
    {
        var disk = new NotingDisk();
        await using var log = await _fixture.OpenAsync(disk, segmentBytes: 1);
        disk.SyncedDirectories.Clear();
        await log.SubmitAsync("a", "1");
        Assert.Equal([_fixture.Folder], disk.SyncedDirectories);
    }

    [Theory]
    [InlineData(FailingDisk.Failure.Sync)]
    [InlineData(FailingDisk.Failure.ShortWrite)]
    public async Task SubmitAsync_when_the_disk_fails_stops_the_log_for_good(FailingDisk.Failure failure)
    {
        LogHead before;
        var disk = new FailingDisk();
        await using (var log = await _fixture.OpenAsync(disk))
        {
            before = (await log.SubmitAsync("a", "1")).Head;
            disk.Next = failure;
            await Assert.ThrowsAsync<LogStorageException>(() => log.SubmitAsync("b", "2"));
            disk.Next = null;
            // The disk works again, but what it holds is unknown.
            await Assert.ThrowsAsync<LogStorageException>(() => log.SubmitAsync("c", "3"));
            await Assert.ThrowsAsync<LogStorageException>(() => log.FlushAsync());
            Assert.NotNull(log.Failure);
            Assert.Equal(before, log.Head);
            Assert.Single(log.Entries(0, 0));
        }
        await using var reopened = await _fixture.OpenAsync();
        // The failed frame may be there or not; either way it is what would have been signed.
        Assert.InRange(reopened.Head.TreeSize, before.TreeSize, before.TreeSize + 1);
        Assert.True(reopened.Head.Verify(_fixture.Identity.Key).IsVerified);
    }

    async Task<(LogHead Before, LogHead Last, int Cut)> ThreeHeadsAsync()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync("first", "value");
        var before = (await log.SubmitAsync(Item("second", "x"), Item("third", "y"))).Head;
        var cut = (int)new FileInfo(Segment).Length;
        var last = (await log.SubmitAsync(Item("fourth", "z"), Item("", ""))).Head;
        return (before, last, cut);
    }
}

public sealed class FailingDisk : WriteAheadDisk
{
    public enum Failure
    {
        Sync,
        ShortWrite,
    }

    public Failure? Next { get; set; }

    public override void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
    {
        if (Next == Failure.ShortWrite)
        {
            base.Write(file, path, [buffers[0]], offset);
            throw new IOException("No space left on device");
        }
        base.Write(file, path, buffers, offset);
    }

    public override void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        if (Next == Failure.ShortWrite)
        {
            throw new IOException("No space left on device");
        }
        base.Write(file, path, bytes, offset);
    }

    public override void DataSync(SafeFileHandle file, string path)
    {
        if (Next == Failure.Sync)
        {
            throw new IOException("Input/output error");
        }
        base.DataSync(file, path);
    }
}

/// <summary>Remembers which directories were made durable.</summary>
sealed class NotingDisk : WriteAheadDisk
{
    public List<string> SyncedDirectories { get; } = [];

    public override void DirectorySync(string directory)
    {
        base.DirectorySync(directory);
        SyncedDirectories.Add(directory);
    }
}
