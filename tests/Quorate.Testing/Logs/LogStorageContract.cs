using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;

namespace Quorate.Testing.Logs;

/// <summary>What a log relies on, whatever keeps its frames. Each storage has a class derived from this one.</summary>
public abstract class LogStorageContract
{
    // Around the sizes at which a storage might cut: a header, a page, a chunk.
    static readonly int[] s_sizes = [32, 33, 500, 4_095, 4_096, 65_537, 262_143, 262_144, 262_145, 1_000_003, 40];

    protected static LogId Log { get; } = LogId.Compute(Protocol.Test, PublicKey());

    /// <summary>Opens the storage that the test began with, again after it was closed; ready to be read and, after that, appended to.</summary>
    protected abstract Task<ILogStorage> OpenAsync();

    [Fact]
    public async Task ReadFrames_of_a_new_storage_gives_none()
    {
        await using var storage = await OpenAsync();
        Assert.Empty(storage.ReadFrames());
        Assert.Null(storage.Repair);
    }

    [Fact]
    public async Task ReadFrames_after_a_restart_gives_every_payload_at_its_position_in_order()
    {
        var written = await WriteAsync();
        await using var storage = await OpenAsync();
        var read = storage.ReadFrames().Select(f => (f.Position, f.Payload.ToArray())).ToList();
        Assert.Equal(written.Select(w => w.Position), read.Select(r => r.Position));
        Assert.All(written.Zip(read), pair => Assert.True(pair.First.Payload.AsSpan().SequenceEqual(pair.Second.Item2)));
    }

    [Fact]
    public async Task ReadFrames_from_a_frame_gives_it_and_those_behind_and_appending_goes_on()
    {
        var written = await WriteAsync();
        for (var i = 0; i < written.Count; i += 3)
        {
            await using var storage = await OpenAsync();
            var read = storage.ReadFrames(written[i].Position).Select(f => f.Position).ToList();
            Assert.Equal(written.Skip(i).Select(w => w.Position), read);
        }
        await using (var storage = await OpenAsync())
        {
            _ = storage.ReadFrames(written[^1].Position).Count();
            await storage.AppendAsync(Payload(77, 5), CancellationToken.None);
        }
        await using var again = await OpenAsync();
        Assert.Equal(written.Count + 1, again.ReadFrames().Count());
    }

    [Fact]
    public async Task ReadFrame_gives_a_payload_where_one_begins_and_null_elsewhere()
    {
        var written = await WriteAsync();
        await using var storage = await OpenAsync();
        foreach (var (position, payload) in written)
        {
            Assert.True(payload.AsSpan().SequenceEqual(storage.ReadFrame(position)!.Value.Payload.Span));
            Assert.Null(storage.ReadFrame(position + 1));
            Assert.Null(storage.ReadFrame(position + payload.Length));
        }
        foreach (var nowhere in (long[])[0, 1, -1, long.MinValue, long.MaxValue, written[^1].Position.Value + (1L << 41)])
        {
            Assert.Null(storage.ReadFrame(new FramePosition(nowhere)));
        }
    }

    [Fact]
    public async Task AppendAsync_after_a_restart_continues_behind_the_last_frame()
    {
        var written = await WriteAsync();
        await using (var storage = await OpenAsync())
        {
            _ = storage.ReadFrames().Count();
            var position = await storage.AppendAsync(Payload(77, 5), CancellationToken.None);
            Assert.True(position.Value > written[^1].Position.Value);
        }
        await using var again = await OpenAsync();
        Assert.Equal(Payload(77, 5), again.ReadFrames().Last().Payload.ToArray());
    }

    [Fact]
    public async Task Positions_are_never_the_one_that_means_nowhere() =>
        Assert.DoesNotContain(default, (await WriteAsync()).Select(w => w.Position));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_gives_any_range_inside_a_payload(bool restarted)
    {
        var opened = await OpenAsync();
        var written = await WriteAsync(opened);
        if (restarted)
        {
            await opened.DisposeAsync();
            opened = await OpenAsync();
            _ = opened.ReadFrames().Count();
        }
        await using var storage = opened;
        foreach (var (position, payload) in written)
        {
            foreach (var start in Places(payload.Length))
            {
                foreach (var end in Places(payload.Length).Where(e => e >= start))
                {
                    var bytes = new byte[end - start];
                    Assert.Equal(bytes.Length, storage.Read(position + start, bytes));
                    Assert.True(payload.AsSpan(start, bytes.Length).SequenceEqual(bytes), $"{start} to {end} of {payload.Length}");
                }
            }
            var whole = new byte[payload.Length];
            Assert.Equal(whole.Length, await storage.ReadAsync(position, whole, CancellationToken.None));
            Assert.True(payload.AsSpan().SequenceEqual(whole));
        }
    }

    [Fact]
    public async Task Read_past_the_last_payload_gives_what_there_is()
    {
        await using var storage = await OpenAsync();
        var written = await WriteAsync(storage);
        var (position, payload) = written[^1];
        var bytes = new byte[1000];
        Assert.Equal(payload.Length - 10, storage.Read(position + 10, bytes));
        Assert.Equal(payload[10..], bytes[..(payload.Length - 10)]);
        Assert.Equal(0, storage.Read(position + payload.Length, bytes));
    }

    [Fact]
    public async Task AppendAsync_does_not_keep_the_callers_buffer()
    {
        await using var storage = await OpenAsync();
        _ = storage.ReadFrames().Count();
        var payload = Payload(300, 1);
        var position = await storage.AppendAsync(payload, CancellationToken.None);
        Array.Clear(payload);
        var bytes = new byte[300];
        storage.Read(position, bytes);
        Assert.Equal(Payload(300, 1), bytes);
    }

    [Fact]
    public async Task TruncateAsync_drops_the_frame_and_all_behind_it_for_good()
    {
        const int kept = 4;
        await using (var storage = await OpenAsync())
        {
            var written = await WriteAsync(storage);
            await storage.TruncateAsync(written[kept].Position, CancellationToken.None);
            var replacement = await storage.AppendAsync(Payload(90, 9), CancellationToken.None);
            var bytes = new byte[90];
            storage.Read(replacement, bytes);
            Assert.Equal(Payload(90, 9), bytes);
        }
        await using var again = await OpenAsync();
        var read = again.ReadFrames().Select(f => f.Payload.Length).ToList();
        Assert.Equal([.. s_sizes[..kept], 90], read);
    }

    [Fact]
    public async Task TruncateAsync_inside_a_frame_is_refused()
    {
        await using var storage = await OpenAsync();
        var written = await WriteAsync(storage);
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await storage.TruncateAsync(written[2].Position + 1, CancellationToken.None)
        );
    }

    async Task<List<(FramePosition Position, byte[] Payload)>> WriteAsync()
    {
        await using var storage = await OpenAsync();
        return await WriteAsync(storage);
    }

    static async Task<List<(FramePosition Position, byte[] Payload)>> WriteAsync(ILogStorage storage)
    {
        Assert.Empty(storage.ReadFrames());
        var written = new List<(FramePosition, byte[])>();
        for (var i = 0; i < s_sizes.Length; i++)
        {
            var payload = Payload(s_sizes[i], i);
            written.Add((await storage.AppendAsync(payload, CancellationToken.None), payload));
        }
        return written;
    }

    static IEnumerable<int> Places(int length) =>
        new[] { 0, 1, 31, 262_143, 262_144, 262_145, 524_288, length - 1, length }.Where(p => p <= length).Distinct();

    static byte[] Payload(int length, int seed)
    {
        var payload = new byte[length];
        new Random(seed * 1_000_003 + length).NextBytes(payload);
        return payload;
    }

    static Ed25519PublicKey PublicKey()
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[Ed25519PrivateKey.SeedSize]);
        return key.PublicKey;
    }
}
