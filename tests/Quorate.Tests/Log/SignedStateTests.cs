using FsCheck;
using FsCheck.Fluent;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

public sealed class SignedStateTests : IDisposable
{
    readonly LogFixture _fixture = new();

    string Signed => Path.Combine(_fixture.Root, "signed");
    string Record => Path.Combine(Signed, _fixture.Identity.Id.Text);
    string Backup => Path.Combine(_fixture.Root, "backup");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task OpenAsync_of_a_log_restored_from_an_older_copy_is_refused_with_what_helps()
    {
        await SubmitAsync("a");
        Copy(_fixture.Folder, Backup);
        await SubmitAsync("b");
        Copy(Backup, _fixture.Folder);

        var refused = await Assert.ThrowsAsync<LogRewoundException>(OpenAsync);

        Assert.Contains(Record, refused.Message, StringComparison.Ordinal);
        Assert.Contains("quorate log import", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_of_a_log_whose_folder_is_gone_is_refused()
    {
        await SubmitAsync("a");
        Directory.Delete(_fixture.Folder, recursive: true);

        await Assert.ThrowsAsync<LogRewoundException>(OpenAsync);
        Assert.Empty(Directory.GetFiles(_fixture.Folder, "*.wal"));
    }

    [Fact]
    public async Task OpenAsync_of_a_log_with_another_history_of_the_same_size_is_refused()
    {
        await SubmitAsync("a");
        Copy(_fixture.Folder, Backup);
        await SubmitAsync("b");
        Copy(Backup, _fixture.Folder);
        await using (var forked = await _fixture.OpenAsync())
        {
            await forked.SubmitAsync("c", "other");
        }

        await Assert.ThrowsAsync<LogRewoundException>(OpenAsync);
    }

    [Fact]
    public async Task OpenAsync_of_the_newest_copy_or_a_newer_one_goes_on()
    {
        await SubmitAsync("a");
        Copy(Signed, Backup);
        await SubmitAsync("b");
        // A power cut lost the last notes: the log is ahead of them.
        Copy(Backup, Signed);

        await SubmitAsync("c");

        Copy(_fixture.Folder, Backup);
        await SubmitAsync("d");
        Copy(Backup, _fixture.Folder);
        await Assert.ThrowsAsync<LogRewoundException>(OpenAsync);
    }

    [Fact]
    public async Task SubmitAsync_is_noted_before_it_is_acknowledged()
    {
        await using var log = await OpenAsync();
        for (var i = 0; i < 5; i++)
        {
            var head = (await log.SubmitAsync($"key {i}", "value")).Head;
            Assert.True(Newest() is { } noted && noted.Equals(head));
        }
    }

    [Fact]
    public void Note_that_cannot_be_written_throws_now_and_ever_after()
    {
        var disk = new FailingDisk();
        using var signed = SignedState.Open(Signed, _fixture.Identity, disk, _fixture.Time);
        var head = LogHead.Sign(default, 0, default, default, 1, _fixture.Key);
        signed.NoteDurably(head);
        disk.Next = FailingDisk.Failure.ShortWrite;
        Assert.Throws<LogStorageException>(() => signed.Note(head));
        disk.Next = null;
        Assert.Throws<LogStorageException>(() => signed.Note(head));
    }

    [Fact]
    public async Task OpenAsync_with_a_record_that_cannot_be_read_is_refused()
    {
        await SubmitAsync("a");
        var bytes = await File.ReadAllBytesAsync(Record, TestContext.Current.CancellationToken);
        for (var i = 0; i < bytes.Length; i += 100)
        {
            bytes[i] ^= 1;
        }
        await File.WriteAllBytesAsync(Record, bytes, TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<LogRewoundException>(OpenAsync);
        Assert.Contains(Record, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TryReadRecord_accepts_no_changed_byte()
    {
        await SubmitAsync("a");
        var head = Newest()!;
        var log = _fixture.Identity.Id.ToDigest();
        var record = new byte[512];
        SignedState.WriteRecord(record, 7, log, head);
        Assert.True(SignedState.TryReadRecord(record, log, out var counter, out var read));
        Assert.Equal((7UL, head), (counter, read));
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, 263), Gen.Choose(1, 255)).ToArbitrary(),
                change =>
                {
                    var changed = record.ToArray();
                    changed[change.Item1] ^= (byte)change.Item2;
                    return !SignedState.TryReadRecord(changed, log, out _, out _);
                }
            )
            .QuickCheckThrowOnFailure();
    }

    LogHead? Newest()
    {
        var log = _fixture.Identity.Id.ToDigest();
        using var file = File.OpenHandle(Record, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[1024];
        var length = RandomAccess.Read(file, bytes, 0);
        return new[] { bytes.AsMemory(0, 512), bytes.AsMemory(512) }
            .Where(_ => length > 0)
            .Select(slot => SignedState.TryReadRecord(slot.Span, log, out var counter, out var head) ? (counter, head) : default)
            .MaxBy(r => r.counter)
            .head;
    }

    Task<PublishedLog> OpenAsync() => _fixture.OpenAsync(o => o with { SignedState = Signed });

    async Task SubmitAsync(string key)
    {
        await using var log = await OpenAsync();
        await log.SubmitAsync(Item(key, "value"));
    }

    static void Copy(string from, string to)
    {
        if (Directory.Exists(to))
        {
            Directory.Delete(to, recursive: true);
        }
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
