using System.Text;
using System.Text.Json;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Auditing;
using Quorate.Log.Tiles;
using Quorate.Testing.Logs;
using Xunit;

namespace Quorate.Tests.Log.Auditing;

public sealed class LogAuditTests : IDisposable
{
    readonly LogFixture _fixture = new();
    readonly MemoryTileSource _source = new();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Audit_of_a_quorate_log_checks_heads_values_and_map()
    {
        await using var log = await GrowAsync(700, 30);
        var sound = Assert.IsType<AuditOutcome.Sound>(await AuditAsync(log, o => o with { Map = MapRule.FirstValue }));
        Assert.Equal(["tiles", "entries", "heads", "values", "map"], sound.Checked);
        Assert.Equal(730UL, sound.Checkpoint.Size);
        Assert.Equal(log.HeadCount, sound.Heads);
    }

    [Fact]
    public async Task Audit_of_an_empty_log_is_sound()
    {
        await using var log = await GrowAsync();
        Assert.Equal(
            0UL,
            Assert.IsType<AuditOutcome.Sound>(await AuditAsync(log, o => o with { Map = MapRule.FirstValue })).Checkpoint.Size
        );
    }

    [Theory]
    [InlineData("heads/000.p/3", 10, "heads/000.p/3")]
    [InlineData("heads/000.p/3", 190, "heads/000.p/3")]
    [InlineData("values/001.p/74", 5, "values/001.p/74")]
    [InlineData("head", 0, "head")]
    [InlineData("tile/1/000.p/1", 3, "tile/1/000.p/1")]
    public async Task Audit_of_a_changed_object_names_it(string file, int position, string named)
    {
        await using var log = await GrowAsync(300, 30);
        _source.Objects[file][position] ^= 1;
        Assert.Equal(named, Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log)).Object);
    }

    [Theory]
    [InlineData("tile/entries/000", 30)]
    [InlineData("tile/entries/001.p/74", 30)]
    [InlineData("tile/0/000", 7)]
    [InlineData("tile/0/001.p/74", 7)]
    public async Task Audit_where_a_bundle_and_its_tile_differ_names_the_one_that_the_tree_does_not_have(string file, int position)
    {
        await using var log = await GrowAsync(300, 30);
        _source.Objects[file][position] ^= 1;
        Assert.Equal(file, Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log)).Object);
    }

    [Fact]
    public async Task Audit_with_a_head_older_than_the_checkpoint_knows_nothing()
    {
        await using var log = await GrowAsync(300);
        var before = _source.Objects["head"];
        await AppendAsync(log, 10);
        _source.Objects["head"] = before;
        var failed = await Assert.ThrowsAsync<TileSourceException>(() => AuditAsync(log));
        Assert.Contains("older than the checkpoint", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_of_the_former_version_is_read_as_if_no_heads_had_been_checked()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(300);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        var lines = Encoding.UTF8.GetString(state!.ToBytes()).Split('\n').ToList();
        lines[0] = "quorate-audit 1";
        lines.RemoveAt(4);
        Assert.True(AuditState.TryParse(Encoding.UTF8.GetBytes(string.Join('\n', lines)), out var former));
        Assert.Equal((300UL, 0UL), (former.Audited!.Size, former.Heads.Count));
    }

    [Fact]
    public async Task Audit_behind_an_interrupted_one_keeps_what_that_knew_of_the_heads()
    {
        AuditState? further = null;
        AuditState? state = null;
        await using var log = await GrowAsync(100);
        var behind = new MemoryTileSource();
        foreach (var (path, bytes) in _source.Objects)
        {
            behind.Objects[path] = bytes;
        }
        await AppendAsync(log, 300);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            new LogAudit(_source, Options(log) with { Reached = StopAtATile }).RunAsync(stop.Token)
        );
        var outcome = await new LogAudit(behind, Options(log) with { From = further, Reached = s => state = s }).RunAsync(Token);
        Assert.IsType<AuditOutcome.Sound>(outcome);
        Assert.Equal(further!.Heads, state!.Heads);

        void StopAtATile(AuditState reached)
        {
            further = reached;
            if (reached.Tower.Tiles > 0)
            {
                stop.Cancel();
            }
        }
    }

    [Fact]
    public async Task Audit_of_a_head_with_a_wrong_map_root_is_bad()
    {
        await using var log = await GrowAsync(10);
        var head = log.Head;
        var leaf = TreeHash.Leaf(head.LogRoot.AsSpan());
        var tree = new MerkleTree();
        tree.Append(TreeHash.Leaf(log.HeadAt(0).MapRoot.AsSpan()));
        tree.Append(leaf);
        var lie = LogHead.Sign(head.LogRoot, head.TreeSize, head.LogRoot, tree.Root(2), 2, _fixture.Key);
        HeadRecordBundle.Write(_source.Objects["heads/000.p/2"].AsSpan(HeadRecordBundle.RecordSize), lie);
        Assert.IsType<AuditOutcome.Sound>(await AuditAsync(log));
        var bad = Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log, o => o with { Map = MapRule.FirstValue }));
        Assert.Contains("map root", bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_from_a_state_reads_only_what_is_new()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(2000);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        var again = AuditState.TryParse(state!.ToBytes(), out var parsed) ? parsed : null;
        Assert.Equal(2000UL, again!.Audited!.Size);
        await AppendAsync(log, 600);
        _source.Reads = 0;
        var sound = Assert.IsType<AuditOutcome.Sound>(await AuditAsync(log, o => o with { From = again }));
        Assert.Equal(7 * 256UL, sound.From);
        // Four tiles with bundles and values, a few others.
        Assert.True(_source.Reads < 20, $"{_source.Reads} reads");
    }

    [Fact]
    public async Task Audit_from_the_state_of_an_interrupted_one_goes_on()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(3000);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            new LogAudit(_source, Options(log) with { Reached = StopOnceSomethingIs }).RunAsync(stop.Token)
        );
        Assert.Equal(11UL, state!.Tower.Tiles);
        Assert.IsType<AuditOutcome.Sound>(await AuditAsync(log, o => o with { From = state }));

        void StopOnceSomethingIs(AuditState reached)
        {
            state = reached;
            if (reached.Tower.Tiles > 0)
            {
                stop.Cancel();
            }
        }
    }

    [Fact]
    public async Task Progress_is_told_after_every_tile_up_to_the_whole_log_also_of_an_audit_that_goes_on()
    {
        AuditState? state = null;
        var told = new List<ulong>();
        await using var log = await GrowAsync(700);
        await AuditAsync(log, o => o with { Reached = s => state = s, Progress = (done, _) => told.Add(done) });
        Assert.Equal([700UL], told.TakeLast(1));
        Assert.Equal(3, told.Count);
        await AppendAsync(log, 100);
        told.Clear();
        await AuditAsync(log, o => o with { From = state, Progress = (done, _) => told.Add(done) });
        Assert.Equal([800UL], told.TakeLast(1));
        Assert.True(told[0] > 512, $"{told[0]}");
    }

    [Fact]
    public async Task Place_that_cannot_be_written_is_found_before_the_work_begins()
    {
        await using var log = await GrowAsync(700);
        _source.Reads = 0;
        await Assert.ThrowsAsync<IOException>(() => AuditAsync(log, o => o with { Reached = _ => throw new IOException("full") }));
        Assert.InRange(_source.Reads, 1, 3);
    }

    [Fact]
    public async Task Audit_of_a_rewritten_log_is_bad()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(300);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        using var other = new LogFixture();
        await using var fork = await other.OpenAsync();
        await fork.SubmitAsync([.. Enumerable.Range(0, 400).Select(i => LogExtensions.Item($"fork {i}", "v"))]);
        await ExportAsync(fork);
        var bad = Assert.IsType<AuditOutcome.Bad>(await AuditAsync(fork, o => o with { From = state }));
        Assert.Equal("checkpoint", bad.Object);
        Assert.Contains("rewritten", bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_that_goes_on_where_a_head_from_before_was_signed_anew_is_bad()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(100, 500);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        await AppendAsync(log, 10);
        // Another log root, of a size that the audit that goes on does not come by again.
        var before = log.HeadAt(1);
        var lie = LogHead.Sign(before.MapRoot, before.TreeSize, before.MapRoot, before.MhRoot, before.MhTreeSize, _fixture.Key);
        HeadRecordBundle.Write(_source.Objects["heads/000.p/4"].AsSpan(HeadRecordBundle.RecordSize), lie);
        var bad = Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log, o => o with { From = state }));
        Assert.Equal("heads/000.p/4", bad.Object);
        Assert.Contains("audited before", bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_that_goes_on_where_heads_are_gone_is_bad()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(100, 500);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        _source.Objects.Remove("head", out _);
        Assert.Equal("head", Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log, o => o with { From = state })).Object);
    }

    [Fact]
    public async Task Audit_of_an_older_checkpoint_says_so()
    {
        AuditState? state = null;
        await using var log = await GrowAsync(300);
        var before = _source.Objects["checkpoint"];
        await AppendAsync(log, 10);
        await AuditAsync(log, o => o with { Reached = s => state = s });
        _source.Objects["checkpoint"] = before;
        Assert.IsType<AuditOutcome.Older>(await AuditAsync(log, o => o with { From = state }));
    }

    [Fact]
    public async Task Audit_with_another_key_is_bad()
    {
        await using var log = await GrowAsync(1);
        var key = NoteVerifierKey.Ed25519("log.example/other", _fixture.Key.PublicKey);
        Assert.Equal("checkpoint", Assert.IsType<AuditOutcome.Bad>(await AuditAsync(log, o => o with { Key = key })).Object);
    }

    [Fact]
    public async Task Audit_where_there_is_no_log_knows_nothing()
    {
        await using var log = await GrowAsync(1);
        _source.Objects.Clear();
        await Assert.ThrowsAsync<TileSourceException>(() => AuditAsync(log));
    }

    [Fact]
    public async Task InclusionAsync_puts_every_proof_together_from_tiles()
    {
        await using var log = await GrowAsync(700);
        var proofs = new TileProofs(_source, 700);
        for (var index = 0UL; index < 700; index += 23)
        {
            Assert.Equal(log.InclusionProof(index, 700), await proofs.InclusionAsync(index, Token));
        }
    }

    public void Dispose() => _fixture.Dispose();

    static AuditOptions Options(PublishedLog log) => new() { Key = log.VerifierKey, Workers = 3 };

    Task<AuditOutcome> AuditAsync(PublishedLog log, Func<AuditOptions, AuditOptions>? change = null) =>
        new LogAudit(_source, change is null ? Options(log) : change(Options(log))).RunAsync(Token);

    async Task<PublishedLog> GrowAsync(params int[] batches)
    {
        var log = await _fixture.OpenAsync();
        await ExportAsync(log);
        foreach (var batch in batches)
        {
            await AppendAsync(log, batch);
        }
        return log;
    }

    async Task AppendAsync(PublishedLog log, int count)
    {
        var first = (int)log.Head.TreeSize;
        // Every tenth key is given a second, different value.
        await log.SubmitAsync([
            .. Enumerable.Range(first, count).Select(i => LogExtensions.Item($"key {(i % 10 == 9 ? i - 1 : i)}", $"v{i}")),
        ]);
        await ExportAsync(log);
    }

    /// <summary>What the node would serve.</summary>
    async Task ExportAsync(PublishedLog log)
    {
        var (head, objects) = (log.Head, _source.Objects);
        var size = head.TreeSize;
        objects["checkpoint"] = log.CheckpointAt(log.HeadCount - 1).Note.Bytes.ToArray();
        objects["head"] = JsonSerializer.SerializeToUtf8Bytes(new { treeSize = head.TreeSize, mhTreeSize = head.MhTreeSize });
        for (var level = 0; level < TileLayout.Levels(size); level++)
        {
            for (var index = 0UL; index < TileLayout.Tiles(level, size); index++)
            {
                var number = TileLayout.At(level, index, size);
                objects[TileLayout.HashPath(level, number)] = log.HashTile(level, number, size).ToArray();
            }
        }
        for (var index = 0UL; index < TileLayout.Tiles(0, size); index++)
        {
            var number = TileLayout.At(0, index, size);
            objects[TileLayout.EntriesPath(number)] = log.EntryBundle(number, size).ToArray();
            objects[$"values/{number}"] = (await log.ValueBundleAsync(number, size, Token)).ToArray();
        }
        for (var index = 0UL; index < TileLayout.Tiles(0, log.HeadCount); index++)
        {
            var number = TileLayout.At(0, index, log.HeadCount);
            objects[$"heads/{number}"] = log.HeadBundle(number, log.HeadCount).ToArray();
        }
    }
}
