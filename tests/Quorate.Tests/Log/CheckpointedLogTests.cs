using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class CheckpointedLogTests : IDisposable
{
    readonly LogFixture _fixture = new();

    [Fact]
    public async Task CheckpointAt_every_head_is_of_the_same_tree_and_signed()
    {
        await using var log = await _fixture.OpenAsync(o => o with { Origin = "log.example/a" });
        await log.SubmitAsync("a", "1");
        await log.SubmitAsync("b", "2");
        Assert.Equal(3UL, log.HeadCount);
        for (var number = 0UL; number < log.HeadCount; number++)
        {
            var head = log.HeadAt(number);
            var checkpoint = log.CheckpointAt(number);
            Assert.Equal(new Checkpoint("log.example/a", head.TreeSize, head.LogRoot), checkpoint.Checkpoint);
            Assert.Equal(number, log.HeadNumberOf(head.TreeSize));
            Assert.Equal(checkpoint.Checkpoint.ToText(), checkpoint.Note.Text.ToArray());
            Assert.True(NoteCheck.Of(checkpoint.Note, [log.VerifierKey]).Result.IsVerified);
        }
        Assert.Null(log.HeadNumberOf(3));
    }

    [Fact]
    public async Task OpenAsync_without_a_configured_origin_uses_the_log_id_and_keeps_it()
    {
        var expected = $"logs/{_fixture.Identity.Id}";
        await using (var log = await _fixture.OpenAsync())
        {
            Assert.Equal(expected, log.Origin);
        }
        await using var again = await _fixture.OpenAsync(o => o with { DefaultOrigin = "moved.example/logs/a" });
        Assert.Equal(expected, again.Origin);
    }

    [Fact]
    public async Task OpenAsync_with_another_origin_is_refused()
    {
        await using (await _fixture.OpenAsync(o => o with { Origin = "log.example/a" })) { }
        var refused = await Assert.ThrowsAsync<LogOriginException>(() => _fixture.OpenAsync(o => o with { Origin = "log.example/b" }));
        Assert.Contains("'log.example/a', which cannot change", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_with_a_changed_origin_file_is_refused()
    {
        await using (await _fixture.OpenAsync(o => o with { Origin = "log.example/a" })) { }
        await File.WriteAllTextAsync(Path.Combine(_fixture.Folder, "origin"), "log.example/b\n", TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<LogOriginException>(() => _fixture.OpenAsync());
    }

    [Fact]
    public async Task OpenAsync_with_an_impossible_origin_is_refused() =>
        await Assert.ThrowsAsync<LogOriginException>(() => _fixture.OpenAsync(o => o with { Origin = "two words" }));

    [Fact]
    public async Task OpenAsync_of_frames_without_checkpoints_signs_them_when_asked()
    {
        // What a version before checkpoints left behind: one frame with the head of the empty log.
        var leaf = TreeHash.Leaf(Sha256Digest.Zero.AsSpan());
        var head = LogHead.Sign(TreeHash.EmptyRoot, 0, Sha256Digest.Zero, leaf, 1, _fixture.Key);
        await using (var storage = WriteAheadStorage.Open(_fixture.Folder, _fixture.Identity.Id))
        {
            Assert.Empty(storage.ReadFrames());
            var frame = new FrameContent(FrameKind.Head, 0, _fixture.Time.GetUtcNow(), head, [leaf], []);
            await FrameAppender.AppendAsync(storage, frame, [], TestContext.Current.CancellationToken);
        }
        await using var log = await _fixture.OpenAsync();
        Assert.Equal(head, log.Head);
        Assert.Equal(0UL, log.CheckpointAt(0).Checkpoint.Size);
        await log.SubmitAsync("a", "1");
        Assert.Equal(1UL, log.CheckpointAt(1).Checkpoint.Size);
    }

    [Fact]
    public async Task HashTile_and_bundles_hold_what_the_log_holds()
    {
        await using var log = await _fixture.OpenAsync();
        var items = Enumerable.Range(0, 600).Select(i => LogExtensions.Item($"k{i}", i % 7 == 0 ? new string('v', 70_000) : $"v{i}"));
        await log.SubmitAsync([.. items]);
        const ulong size = 600;
        var entries = log.Entries(0, size - 1);
        for (var index = 0UL; index < TileLayout.Tiles(0, size); index++)
        {
            var number = TileLayout.At(0, index, size);
            var expected = entries.Skip((int)index * 256).Take(number.Width).ToArray();
            Assert.Equal(expected.SelectMany(e => e.LeafHash.ToArray()), log.HashTile(0, number, size).ToArray());
            var found = new BundleEntry[number.Width];
            var bundle = log.EntryBundle(number, size).ToArray();
            Assert.True(EntryBundle.TrySplit(bundle, found));
            Assert.All(
                found.Zip(expected),
                p => Assert.Equal(p.Second.LeafHash, TreeHash.Leaf(bundle.AsSpan(p.First.Start, p.First.Length)))
            );
            var values = (await log.ValueBundleAsync(number, size, TestContext.Current.CancellationToken)).ToArray();
            Assert.True(ValueBundle.TrySplit(values, found));
            Assert.All(
                found.Zip(expected),
                p =>
                    Assert.True(
                        p.Second.Index % 7 == 0
                            ? p.First.Length == -1
                            : Sha256Digest.HashData(values.AsSpan(p.First.Start, p.First.Length)) == p.Second.ValueDigest
                    )
            );
        }
        Assert.Equal(2 * 32, log.HashTile(1, new TileNumber(0, 2), size).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => log.HashTile(1, new TileNumber(0, 3), size));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.HashTile(0, new TileNumber(0), size + 1));
    }

    [Fact]
    public async Task HeadBundle_holds_every_signed_head()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync("a", "1");
        Assert.True(HeadRecordBundle.TryRead(log.HeadBundle(new TileNumber(0, 2), 2).Span, 2, out var heads));
        Assert.Equal([log.HeadAt(0), log.Head], heads);
        Assert.All(heads, h => Assert.True(h.Verify(_fixture.Identity.Key).IsVerified));
    }

    public void Dispose() => _fixture.Dispose();
}
