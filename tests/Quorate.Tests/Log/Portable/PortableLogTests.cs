using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Portable;
using Quorate.Testing;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log.Portable;

public sealed class PortableLogTests : IDisposable
{
    readonly LogFixture _fixture = new();

    string Export => Path.Combine(_fixture.Root, "export");
    string StatePath => Path.Combine(_fixture.Root, "state");
    string SignedPath => Path.Combine(_fixture.Root, "signed");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Import_as_the_published_log_gives_the_same_heads_and_goes_on()
    {
        var head = await PublishAsync(entries: 600);
        Assert.True(Run().HasAllHeads);

        await ImportAsync(publish: true);

        await using var log = await OpenImportedAsync();
        Assert.Equal(head, log.Head);
        Assert.Equal("value 599", await TextAsync(log, "value 599"));
        Assert.Equal(Large, await TextAsync(log, Large));
        Assert.Equal(2, log.EntriesOf("key 0"u8).Count);
        for (var number = 0UL; number < log.HeadCount; number++)
        {
            Assert.Equal(number + 1, log.HeadAt(number).MhTreeSize);
        }
        Assert.Equal(head.TreeSize + 1, (await log.SubmitAsync("new", "value")).Head.TreeSize);
    }

    [Fact]
    public async Task Import_as_a_mirror_gives_a_mirror_of_the_head()
    {
        var head = await PublishAsync(entries: 10);
        Run();

        await ImportAsync(publish: false);

        using var state = StateDirectory.Open(StatePath);
        await using var mirror = await MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _fixture.Identity, Folder = state.MirrorFolder(_fixture.Identity.Id) },
            TestContext.Current.CancellationToken
        );
        Assert.Equal(head, mirror.Head);
        Assert.Equal(0UL, mirror.MissingValues);
    }

    [Fact]
    public async Task Import_of_what_a_mirror_exported_gives_the_published_log_back()
    {
        await PublishAsync(entries: 300);
        using var copy = new LogFixture();
        LogHead head;
        await using (var log = await _fixture.OpenAsync())
        {
            head = log.Head;
            await using var mirror = await MirroredLog.OpenAsync(
                new MirroredLogOptions { Identity = _fixture.Identity, Folder = copy.Folder },
                TestContext.Current.CancellationToken
            );
            await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, TestContext.Current.CancellationToken);
        }
        LogExport.Run(copy.Folder, null, Export, null, TestContext.Current.CancellationToken);

        await ImportAsync(publish: true);

        await using var restored = await OpenImportedAsync();
        Assert.Equal(head, restored.Head);
        Assert.Equal("value 299", await TextAsync(restored, "value 299"));
        await restored.SubmitAsync("new", "value");
    }

    [Fact]
    public async Task Import_of_an_older_copy_than_what_was_signed_is_refused()
    {
        await PublishAsync(entries: 3, signed: SignedPath);
        Run();
        await PublishAsync(entries: 5, signed: SignedPath);

        var refused = await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: true, signed: SignedPath, newest: true));

        Assert.Contains("fork", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(Path.Combine(StatePath, "logs")));
    }

    [Fact]
    public async Task Import_of_an_older_copy_than_what_a_follower_saw_is_refused()
    {
        await PublishAsync(entries: 3);
        Run();
        var later = await PublishAsync(entries: 5);

        await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: true, known: [later]));
        await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: true, known: [later with { Signature = new byte[64] }]));
    }

    [Fact]
    public async Task Import_over_a_damaged_log_that_was_newer_is_refused()
    {
        await PublishAsync(entries: 3);
        Run();
        await PublishAsync(entries: 5);
        var folder = Path.Combine(StatePath, "logs", _fixture.Identity.Id.Text);
        StateDirectory.Open(StatePath).Dispose();
        Directory.Move(_fixture.Folder, folder);
        var segment = Path.Combine(folder, "00000000.wal");
        var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[300] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);

        // The newest head is behind the damage, and still legible.
        var refused = await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: true, newest: true));
        Assert.Contains(folder, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_as_the_published_log_needs_somebody_who_remembers_or_answers()
    {
        await PublishAsync(entries: 3);
        Run();

        var refused = await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: true, newest: false));

        Assert.Contains("--newest", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_keeps_the_folder_that_was_there()
    {
        await PublishAsync(entries: 3);
        Run();
        await ImportAsync(publish: true);
        var report = await ImportAsync(publish: true, newest: false);
        Assert.True(Directory.Exists(report.Replaced));
    }

    [Fact]
    public async Task Import_of_a_directory_with_any_changed_byte_that_matters_is_refused()
    {
        await PublishAsync(entries: 300);
        Run();
        // Tiles, vkey and checkpoint are for others to read: import makes its own tree.
        var files = Directory
            .GetFiles(Export, "*", SearchOption.AllDirectories)
            .Where(f =>
                f.Contains("entries", StringComparison.Ordinal)
                || f.Contains("value", StringComparison.Ordinal)
                || f.Contains("heads", StringComparison.Ordinal)
                || f.EndsWith("head", StringComparison.Ordinal)
                || f.EndsWith("identity", StringComparison.Ordinal)
            )
            .Order(StringComparer.Ordinal)
            .ToArray();
        Prop.ForAll(
                Gen.Zip(Gen.Elements(files), Gen.Zip(Gen.Choose(0, int.MaxValue), Gen.Choose(1, 255))).ToArbitrary(),
                change => IsRefusedAsync(change.Item1, change.Item2.Item1, (byte)change.Item2.Item2)
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    async Task IsRefusedAsync(string file, int at, byte mask)
    {
        var whole = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        var changed = whole.ToArray();
        changed[at % whole.Length] ^= mask;
        await File.WriteAllBytesAsync(file, changed, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<PortableLogException>(() => ImportAsync(publish: false));
        await File.WriteAllBytesAsync(file, whole, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Export_of_a_damaged_log_is_refused()
    {
        await PublishAsync(entries: 3);
        var segment = Path.Combine(_fixture.Folder, "00000000.wal");
        var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[^100] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);

        Assert.Throws<Quorate.Log.Storage.LogDamagedException>(() => Run());
        Assert.False(Directory.Exists(Export));
    }

    [Fact]
    public async Task Export_writes_the_bytes_that_the_log_serves()
    {
        await PublishAsync(entries: 600);
        Run();
        await using var log = await _fixture.OpenAsync();
        var size = log.Head.TreeSize;
        foreach (var file in Directory.GetFiles(Path.Combine(Export, "tile"), "*", SearchOption.AllDirectories))
        {
            var path = Path.GetRelativePath(Path.Combine(Export, "tile"), file);
            var (level, name) = (path[..path.IndexOf('/')], path[(path.IndexOf('/') + 1)..]);
            Assert.True(Quorate.Log.Tiles.TileNumber.TryParse(name, out var number), path);
            var served =
                level == "entries"
                    ? log.EntryBundle(number, size)
                    : log.HashTile(int.Parse(level, System.Globalization.CultureInfo.InvariantCulture), number, size);
            Assert.Equal(served.ToArray(), await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }
        foreach (var file in Directory.GetFiles(Path.Combine(Export, "values"), "*", SearchOption.AllDirectories))
        {
            Assert.True(Quorate.Log.Tiles.TileNumber.TryParse(Path.GetRelativePath(Path.Combine(Export, "values"), file), out var number));
            var served = await log.ValueBundleAsync(number, size, TestContext.Current.CancellationToken);
            Assert.Equal(served.ToArray(), await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }
        foreach (var file in Directory.GetFiles(Path.Combine(Export, "heads"), "*", SearchOption.AllDirectories))
        {
            Assert.True(Quorate.Log.Tiles.TileNumber.TryParse(Path.GetRelativePath(Path.Combine(Export, "heads"), file), out var number));
            Assert.Equal(
                log.HeadBundle(number, log.HeadCount).ToArray(),
                await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)
            );
        }
        Assert.Equal(
            log.CheckpointAt(log.HeadCount - 1).Note.Bytes.ToArray(),
            await File.ReadAllBytesAsync(Path.Combine(Export, "checkpoint"), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public void HeadJson_reads_only_what_it_writes()
    {
        var head = LogHead.Sign(
            Sha256Digest.HashData("a"u8),
            7,
            Sha256Digest.HashData("b"u8),
            Sha256Digest.HashData("c"u8),
            3,
            _fixture.Key
        );
        var json = HeadJson.Write(head);
        Assert.Equal(head, HeadJson.TryRead(json));
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, json.Length - 1), Gen.Choose(0, 255)).ToArbitrary(),
                change =>
                {
                    var changed = json.ToArray();
                    changed[change.Item1] = (byte)change.Item2;
                    return HeadJson.TryRead(changed) is not { } read
                        || read.Equals(head) == changed.AsSpan().SequenceEqual(json)
                        || HeadJson.Write(read).AsSpan().SequenceEqual(json);
                }
            )
            .QuickCheckThrowOnFailure();
    }

    static string Large { get; } = new('L', 70_000);

    async Task<LogHead> PublishAsync(int entries, string? signed = null)
    {
        await using var log = await _fixture.OpenAsync(o => o with { SignedState = signed });
        for (var i = 0; i < entries; i += 20)
        {
            await log.SubmitAsync([.. Enumerable.Range(i, Math.Min(20, entries - i)).Select(n => Item($"key {n}", $"value {n}"))]);
        }
        return (await log.SubmitAsync(Item("large", Large), Item("key 0", Large), Item("shared", "value 1"))).Head;
    }

    LogExportReport Run() => LogExport.Run(_fixture.Folder, null, Export, null, TestContext.Current.CancellationToken);

    async Task<LogImportReport> ImportAsync(bool publish, bool newest = true, string? signed = null, LogHead[]? known = null)
    {
        using var state = StateDirectory.Open(StatePath);
        return await LogImport.RunAsync(
            new LogImportOptions
            {
                Source = Export,
                State = state,
                Key = publish ? _fixture.Key : null,
                IsNewest = newest,
                SignedState = signed,
                KnownHeads = known ?? [],
            },
            null,
            TestContext.Current.CancellationToken
        );
    }

    Task<PublishedLog> OpenImportedAsync() =>
        _fixture.OpenAsync(o => o with { Folder = Path.Combine(StatePath, "logs", _fixture.Identity.Id.Text) });

    static async Task<string> TextAsync(PublishedLog log, string value) =>
        Encoding.UTF8.GetString(
            (await log.ValueAsync(Sha256Digest.HashData(Encoding.UTF8.GetBytes(value)), TestContext.Current.CancellationToken))!.Value.Span
        );
}
