using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log.Checking;

public sealed class LogScrubTests : IDisposable
{
    readonly LogFixture _fixture = new();

    string Segment => Path.Combine(_fixture.Folder, "00000000.wal");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task ScrubAsync_of_an_intact_log_reads_all_of_it_while_it_grows()
    {
        await using var log = await OpenAsync();
        var submits = Enumerable.Range(0, 20).Select(i => log.SubmitAsync($"more {i}", "value"));
        var all = Task.WhenAll(submits);
        var bytes = await log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken);
        await all;
        Assert.True(bytes > 0);
        Assert.True(await log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken) >= bytes);
    }

    [Fact]
    public async Task ScrubAsync_of_a_log_with_any_flipped_byte_names_the_file()
    {
        await using var log = await OpenAsync();
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        for (var at = 80; at < whole.Length; at += 3)
        {
            Put(at, (byte)(whole[at] ^ 0x40));
            var found = await Assert.ThrowsAsync<LogDamagedException>(() =>
                log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken)
            );
            Assert.Contains("00000000.wal", found.Message, StringComparison.Ordinal);
            Put(at, whole[at]);
        }
        await log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ScrubAsync_of_a_mirror_reads_all_of_it()
    {
        using var copy = new LogFixture();
        await using var log = await OpenAsync();
        await using var mirror = await MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _fixture.Identity, Folder = copy.Folder },
            TestContext.Current.CancellationToken
        );
        await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, TestContext.Current.CancellationToken);
        Assert.True(await mirror.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken) > 0);
    }

    [Theory]
    [InlineData("leaves")]
    [InlineData("positions")]
    [InlineData("state.img")]
    public async Task ScrubAsync_of_a_damaged_derived_file_names_it_and_lets_it_be_rebuilt(string name)
    {
        await using (var log = await OpenAsync())
        {
            // Enough for full blocks, and for an image on closing.
            await log.SubmitAsync([.. Enumerable.Range(0, 5000).Select(i => Item($"{i}", "v"))]);
        }
        var path = Path.Combine(_fixture.Folder, "derived", name);
        await using (var log = await _fixture.OpenAsync(WriteAheadDisk.Real))
        {
            await log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken);
            var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
            Put(path, bytes.Length / 3, (byte)(bytes[bytes.Length / 3] ^ 1));
            var found = await Assert.ThrowsAsync<LogDamagedException>(() =>
                log.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken)
            );
            Assert.Contains(path, found.Message, StringComparison.Ordinal);
        }
        await using var again = await _fixture.OpenAsync(WriteAheadDisk.Real);
        await again.ScrubAsync(long.MaxValue, TestContext.Current.CancellationToken);
    }

    async Task<PublishedLog> OpenAsync()
    {
        var log = await _fixture.OpenAsync(WriteAheadDisk.Real);
        await log.SubmitAsync("first", "value");
        await log.SubmitAsync(Item("second", "x"), Item("third", "y"), Item("", ""));
        return log;
    }

    void Put(int at, byte value) => Put(Segment, at, value);

    static void Put(string path, int at, byte value)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, [value], at);
    }
}
