using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log;
using Quorate.Log.Auditing;
using Quorate.Log.Checking;
using Quorate.Log.Portable;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

/// <summary>Images, checks, audits, copies and mirrors of a log whose map names all claims of a key.</summary>
public sealed class ClaimLogTests : IDisposable
{
    readonly LogFixture _fixture = new(Protocol.NixTrace);
    readonly LogFixture _copy = new(Protocol.NixTrace);

    public void Dispose()
    {
        _fixture.Dispose();
        _copy.Dispose();
    }

    [Fact]
    public async Task OpenAsync_from_an_image_goes_on_like_a_log_that_was_never_closed()
    {
        await using var whole = await _copy.OpenAsync();
        for (var round = 0; round < 4; round++)
        {
            await using var log = await _fixture.OpenAsync(o => o with { ImageAfterEntries = 1 });
            Assert.Equal((null, log.Head.TreeSize), (log.Opened.Refused, log.Opened.FromImage));
            for (var i = 0; i < 20; i++)
            {
                var items = Claims(round * 20 + i);
                await whole.SubmitAsync(items);
                await log.SubmitAsync(items);
            }
            Assert.Equal(whole.Head, log.Head);
            Assert.Equal((0, 3), await CountsAsync(log, Claims(round)));
            Assert.Equal(whole.MapValue("2"u8, whole.Head.MapRoot)!.Value.Span, log.MapValue("2"u8, whole.Head.MapRoot)!.Value.Span);
        }
    }

    [Fact]
    public async Task Checks_of_the_folder_find_it_intact()
    {
        var head = await FillAsync();

        var report = LogChecker.Run(
            _fixture.Folder,
            null,
            Quorate.Log.Storage.WriteAheadDisk.Real,
            null,
            TestContext.Current.CancellationToken
        );

        Assert.True(report.IsIntact, string.Join('\n', report.Damage));
        Assert.Equal(head, report.Head);
        await using var log = await _fixture.OpenAsync();
        Assert.True(await log.ScrubAsync(1 << 30, TestContext.Current.CancellationToken) > 0);
    }

    [Fact]
    public async Task Export_is_sound_to_an_audit_by_the_rule_only_and_imports_as_the_same_log()
    {
        var head = await FillAsync();
        var (export, statePath) = (Path.Combine(_fixture.Root, "export"), Path.Combine(_fixture.Root, "state"));
        Assert.True(LogExport.Run(_fixture.Folder, null, export, null, TestContext.Current.CancellationToken).HasAllHeads);

        Assert.IsType<AuditOutcome.Sound>(await AuditAsync(export, MapRule.AllClaims));
        Assert.Contains(
            "map root",
            Assert.IsType<AuditOutcome.Bad>(await AuditAsync(export, MapRule.FirstValue)).Reason,
            StringComparison.Ordinal
        );
        using (var state = StateDirectory.Open(statePath))
        {
            var options = new LogImportOptions
            {
                Source = export,
                State = state,
                Key = _fixture.Key,
                IsNewest = true,
                KnownHeads = [],
            };
            await LogImport.RunAsync(options, null, TestContext.Current.CancellationToken);
        }
        await using var imported = await _fixture.OpenAsync(o =>
            o with
            {
                Folder = Path.Combine(statePath, "logs", _fixture.Identity.Id.Text),
            }
        );
        Assert.Equal(head, imported.Head);
        Assert.Equal((0, 3), await CountsAsync(imported, Claims(7)));
    }

    [Fact]
    public async Task A_mirror_recomputes_the_map_and_answers_under_earlier_heads()
    {
        var options = new MirroredLogOptions { Identity = _fixture.Identity, Folder = _copy.Folder };
        var heads = new List<LogHead>();
        await using var log = await _fixture.OpenAsync();
        for (var round = 0; round < 3; round++)
        {
            await using var mirror = await MirroredLog.OpenAsync(options, TestContext.Current.CancellationToken);
            for (var i = 0; i < 10; i++)
            {
                await log.SubmitAsync(Claims(round * 10 + i));
            }
            heads.Add(log.Head);
            Assert.IsType<SyncOutcome.Advanced>(
                await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            );
            foreach (var head in heads)
            {
                var answer = mirror.MapValue("2"u8, head.MapRoot)!;
                Assert.Equal(log.MapValue("2"u8, head.MapRoot)!.Value.Span, answer.Value.Span);
                Assert.True(SparseMapProof.Verify(answer.Proof, head.MapRoot, "2"u8, answer.Value.Span).IsVerified);
            }
            Assert.Equal(log.EntriesOf("2"u8).Select(e => e.Index), mirror.EntriesOf("2"u8).Select(e => e.Index));
        }
    }

    async Task<LogHead> FillAsync()
    {
        await using var log = await _fixture.OpenAsync();
        for (var i = 0; i < 60; i++)
        {
            await log.SubmitAsync(Claims(i));
        }
        return log.Head;
    }

    async Task<AuditOutcome> AuditAsync(string folder, MapRule rule)
    {
        Quorate.Crypto.Notes.NoteVerifierKey key;
        await using (var log = await _fixture.OpenAsync())
        {
            key = log.VerifierKey;
        }
        var options = new AuditOptions { Key = key, Map = rule };
        return await new LogAudit(new DirectoryTileSource(folder), options).RunAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Another claim of a key that has some, one of a new key, and one of a key that gets many.</summary>
    static SubmitItem[] Claims(int i) => [Item($"{i % 7}", $"claim {i}"), Item($"key {i}", "claim"), Item("all", $"claim {i}")];

    static async Task<(int Added, int Duplicates)> CountsAsync(PublishedLog log, SubmitItem[] items)
    {
        var result = await log.SubmitAsync(items);
        return (result.Added, result.Duplicates);
    }
}
