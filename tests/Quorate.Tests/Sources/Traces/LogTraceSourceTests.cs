using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Sources.Traces;
using Quorate.Testing;
using Quorate.Tests.Log;
using Quorate.Tests.Nix.Traces;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Sources.Traces;

public sealed class LogTraceSourceTests : IDisposable
{
    static readonly ResolvedInputHash s_other = ResolvedInputHash.Parse("00000000000000000000000000000000");

    readonly LogFixture _fixture = new(Protocol.NixTrace);

    public void Dispose() => _fixture.Dispose();

    static string Claim(UInt128 attempt) =>
        Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle, TraceSamples.Statement with { AttemptId = attempt }));

    static async Task<(IReadOnlyList<string> Claims, IReadOnlyList<string> Problems)> FoundAsync(ITraceSource source)
    {
        var found = Assert.IsType<TraceLookup.Found>(await source.FindAsync(TraceSamples.Input, TestContext.Current.CancellationToken));
        return ([.. found.Objects.SelectMany(o => o.Elements).Select(e => Encoding.ASCII.GetString(e.Raw.Span))], found.Problems);
    }

    [Fact]
    public async Task FindAsync_gives_all_claims_of_the_key_and_proves_that_others_have_none()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync(
            Item(TraceSamples.InputText, Claim(1)),
            Item(TraceSamples.InputText, "junk"),
            Item(TraceSamples.InputText, Claim(2))
        );

        var all = await FoundAsync(new LogTraceSource(log, "own", claimKeys: null));
        var counting = await FoundAsync(new LogTraceSource(log, "own", new TraceKeys([TraceSamples.Key.PublicKey])));
        var strangers = await FoundAsync(new LogTraceSource(log, "own", new TraceKeys([TraceSamples.OtherKey.PublicKey])));

        Assert.Equal([Claim(1), "junk", Claim(2)], all.Claims);
        Assert.Equal([Claim(1), Claim(2)], counting.Claims);
        Assert.StartsWith("entry 1: ", Assert.Single(counting.Problems), StringComparison.Ordinal);
        Assert.Equal((0, 3), (strangers.Claims.Count, strangers.Problems.Count));
        Assert.Same(
            TraceLookup.Absent,
            await new LogTraceSource(log, "own", null).FindAsync(s_other, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task FindAsync_of_a_mirror_without_a_head_or_without_values_says_so()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync(TraceSamples.InputText, Claim(1));
        using var copy = new LogFixture(Protocol.NixTrace);
        await using var mirror = await MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _fixture.Identity, Folder = copy.Folder },
            TestContext.Current.CancellationToken
        );
        var source = new LogTraceSource(mirror, "mirror", null);

        Assert.IsType<TraceLookup.Unavailable>(await source.FindAsync(TraceSamples.Input, TestContext.Current.CancellationToken));
        var withholding = new ScriptedLogSource(log) { OnValue = (_, _) => null };
        await mirror.SyncAsync([withholding], MirrorLimits.Default, null, TestContext.Current.CancellationToken);
        Assert.Equal(["entry 0: nobody gave its value"], (await FoundAsync(source)).Problems);
    }

    [Fact]
    public async Task Offline_logs_answer_from_a_folder_that_a_node_has_open_and_change_nothing()
    {
        var state = Path.Combine(_fixture.Root, "state");
        var folder = Path.Combine(state, "mirrors", _fixture.Identity.Id.Text);
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync(TraceSamples.InputText, Claim(1));
        await using var mirror = await MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _fixture.Identity, Folder = folder },
            TestContext.Current.CancellationToken
        );
        await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, TestContext.Current.CancellationToken);
        await log.SubmitAsync(TraceSamples.InputText, Claim(2));
        await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, TestContext.Current.CancellationToken);
        var before = Directory.GetFiles(folder, "*.wal").ToDictionary(f => f, File.GetLastWriteTimeUtc);

        foreach (var path in new[] { state, folder, _fixture.Folder })
        {
            using var offline = OfflineTraceLogs.Open(path, _ => null, DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken);
            var source = Assert.Single(offline.Sources);
            Assert.Equal([Claim(1), Claim(2)], (await FoundAsync(source)).Claims);
            Assert.Same(TraceLookup.Absent, await source.FindAsync(s_other, TestContext.Current.CancellationToken));
        }
        Assert.Equal(before, Directory.GetFiles(folder, "*.wal").ToDictionary(f => f, File.GetLastWriteTimeUtc));
    }

    [Fact]
    public void Open_of_a_folder_without_such_a_log_is_refused()
    {
        Assert.Throws<IOException>(() =>
            OfflineTraceLogs.Open(_fixture.Root, _ => null, DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task Open_of_a_damaged_log_is_refused()
    {
        await using (var log = await _fixture.OpenAsync())
        {
            await log.SubmitAsync(TraceSamples.InputText, Claim(1));
        }
        var segment = Path.Combine(_fixture.Folder, "00000000.wal");
        var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[bytes.Length - 100] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);
        Assert.ThrowsAny<IOException>(() =>
            OfflineTraceLogs.Open(_fixture.Folder, _ => null, DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken)
        );
    }
}
