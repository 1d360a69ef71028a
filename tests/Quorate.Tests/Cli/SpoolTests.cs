using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Sources.Spool;
using Xunit;

namespace Quorate.Tests.Cli;

public sealed class SpoolTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    static SpoolBatch Batch(string key = "k", string? deriver = null) =>
        new("alice", [new SpoolItem(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes("v"), deriver)]);

    HookSpool Open(int maxBatches = 10, long maxBytes = 1 << 20) => HookSpool.Open(_f.Spool, create: true, maxBatches, maxBytes)!;

    [Fact]
    public void Open_makes_a_private_directory()
    {
        using var spool = Open();
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(_f.Spool));
    }

    [Fact]
    public void Open_of_a_link_is_refused()
    {
        Directory.CreateDirectory(_f["real"], (UnixFileMode)0b111_000_000);
        Directory.CreateSymbolicLink(_f.Spool, _f["real"]);
        Assert.Throws<IOException>(() => Open());
    }

    [Fact]
    public void Open_of_a_directory_that_others_can_read_is_refused()
    {
        Directory.CreateDirectory(_f.Spool, (UnixFileMode)0b111_101_101);
        Assert.Contains("chmod 700", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_as_root_makes_a_spool_of_the_user_who_owns_the_directory_above()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a directory away");
        Directory.CreateDirectory(_f["home"]);
        Chown(_f["home"], 1234);
        using var spool = HookSpool.Open(_f["home/spool"], create: true)!;
        Assert.True(spool.TryAdd(Batch()));
        Assert.Equal(1234, OwnerOf(_f["home/spool"]));
        Assert.All(Directory.GetFiles(_f["home/spool"]), file => Assert.Equal(1234, OwnerOf(file)));
    }

    [Fact]
    public void Open_as_root_gives_nothing_away_that_was_there_before()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a directory away");
        Directory.CreateDirectory(_f["home"]);
        Chown(_f["home"], 1234);
        Directory.CreateDirectory(_f["home/spool"], (UnixFileMode)0b111_000_000);
        using var spool = HookSpool.Open(_f["home/spool"], create: true);
        Assert.Equal(0, OwnerOf(_f["home/spool"]));
    }

    [Fact]
    public void Spool_whose_path_leads_elsewhere_meanwhile_stays_where_it_was()
    {
        using var spool = Open();
        Directory.Move(_f.Spool, _f["moved"]);
        Directory.CreateDirectory(_f["bait"]);
        File.WriteAllText(_f["bait/1.batch"], "");
        Directory.CreateSymbolicLink(_f.Spool, _f["bait"]);
        Assert.True(spool.TryAdd(Batch()));
        Assert.Single(spool.Waiting());
        Assert.Single(Directory.GetFiles(_f["moved"]));
        Assert.Equal(["1.batch"], Directory.GetFiles(_f["bait"]).Select(Path.GetFileName));
    }

    static void Chown(string path, int user)
    {
        using var process = System.Diagnostics.Process.Start(
            "chown",
            [user.ToString(System.Globalization.CultureInfo.InvariantCulture), path]
        );
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    static int OwnerOf(string path)
    {
        using var process = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%u", path]) { UseShellExecute = false, RedirectStandardOutput = true }
        )!;
        return int.Parse(process.StandardOutput.ReadToEnd(), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Open_without_create_of_nothing_is_null() => Assert.Null(HookSpool.Open(_f.Spool, create: false));

    [Fact]
    public void Read_gives_back_what_was_added()
    {
        using var spool = Open();
        Assert.True(spool.TryAdd(Batch("key", "/nix/store/x.drv")));
        var read = spool.Read(Assert.Single(spool.Waiting()))!;
        Assert.Equal("alice", read.Log);
        Assert.Equal("key", Encoding.UTF8.GetString(read.Items[0].Key.Span));
        Assert.Equal("/nix/store/x.drv", read.Items[0].Deriver);
    }

    [Fact]
    public void TryAdd_over_the_number_of_batches_drops_and_counts()
    {
        using var spool = Open(maxBatches: 1);
        Assert.True(spool.TryAdd(Batch()));
        Assert.False(spool.TryAdd(Batch()));
        Assert.Equal(new SpoolState(1, 0, spool.State().Bytes, 1, 0, 0), spool.State());
    }

    [Fact]
    public void TryAdd_over_the_bytes_drops_and_counts()
    {
        using var spool = Open(maxBytes: 100);
        Assert.False(spool.TryAdd(Batch()));
        Assert.Equal(1, spool.State().Dropped);
    }

    [Theory]
    [InlineData("")]
    [InlineData("quorate-spool-v2 ")]
    [InlineData("quorate-spool-v2 0000000000000000000000000000000000000000000000000000000000000000\n{}")]
    public void Read_of_a_corrupt_file_sets_it_aside(string content)
    {
        using var spool = Open();
        File.WriteAllText(Path.Combine(_f.Spool, "1.batch"), content);
        Assert.Null(spool.Read("1.batch"));
        Assert.Equal(1, spool.State().SetAside);
    }

    [Fact]
    public void Read_of_a_link_sets_it_aside_unread()
    {
        using var spool = Open();
        spool.TryAdd(Batch());
        var name = spool.Waiting()[0];
        File.CreateSymbolicLink(Path.Combine(_f.Spool, "0.batch"), Path.Combine(_f.Spool, name));
        Assert.Null(spool.Read("0.batch"));
        Assert.Equal([name], spool.Waiting());
    }

    [Fact]
    public async Task DeliverAsync_keeps_the_order_and_stops_at_later()
    {
        using var spool = Open();
        foreach (var key in new[] { "a", "b", "c" })
        {
            spool.TryAdd(Batch(key));
        }
        var seen = new List<string>();
        var progress = await SpoolDelivery.DeliverAsync(
            spool,
            (batch, _) =>
            {
                seen.Add(Encoding.UTF8.GetString(batch.Items[0].Key.Span));
                return Task.FromResult(seen.Count == 2 ? SpoolOutcome.Later : SpoolOutcome.Delivered);
            },
            CancellationToken.None
        );
        Assert.Equal(["a", "b"], seen);
        Assert.Equal(new SpoolProgress(1, 0, Stopped: true), progress);
        Assert.Equal(2, spool.Waiting().Count);
    }

    [Fact]
    public async Task DeliverAsync_goes_on_after_what_is_skipped_or_refused()
    {
        using var spool = Open();
        foreach (var key in new[] { "a", "b", "c" })
        {
            spool.TryAdd(Batch(key));
        }
        var outcomes = new Queue<SpoolOutcome>([SpoolOutcome.Skipped, SpoolOutcome.Refused, SpoolOutcome.Delivered]);
        var progress = await SpoolDelivery.DeliverAsync(spool, (_, _) => Task.FromResult(outcomes.Dequeue()), CancellationToken.None);
        Assert.Equal(new SpoolProgress(1, 1, Stopped: false), progress);
        Assert.Equal(1, spool.State().Batches);
    }

    [Fact]
    public async Task TryAdd_by_many_at_once_loses_nothing()
    {
        using var spool = Open(maxBatches: 100);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => spool.TryAdd(Batch($"k{i}")))));
        Assert.Equal(
            20,
            spool.Waiting().Select(n => spool.Read(n)!).Select(b => Encoding.UTF8.GetString(b.Items[0].Key.Span)).Distinct().Count()
        );
    }

    [Fact]
    public void Sweep_removes_only_what_was_abandoned()
    {
        using var spool = Open();
        File.WriteAllText(Path.Combine(_f.Spool, "new.tmp"), "");
        File.WriteAllText(Path.Combine(_f.Spool, "old.tmp"), "");
        File.SetLastWriteTimeUtc(Path.Combine(_f.Spool, "old.tmp"), new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        spool.Sweep(TimeProvider.System.GetUtcNow());
        Assert.Equal([Path.Combine(_f.Spool, "new.tmp")], Directory.GetFiles(_f.Spool));
    }

    [Fact]
    public void TryDecode_round_trips() =>
        Prop.ForAll<byte[], byte[], byte[]?>(
                (key, value, derivation) =>
                {
                    var batch = new SpoolBatch(
                        "l",
                        [new SpoolItem(key, value, null, derivation is null ? (ReadOnlyMemory<byte>?)null : derivation)]
                    );
                    return SpoolBatch.TryDecode(batch.Encode(), out var read, out _)
                        && read.Items[0].Key.Span.SequenceEqual(key)
                        && read.Items[0].Value.Span.SequenceEqual(value)
                        && read.Items[0].Derivation.HasValue == derivation is not null
                        && read.Items[0].Derivation.GetValueOrDefault().Span.SequenceEqual(derivation);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TryDecode_of_a_changed_file_never_succeeds() =>
        Prop.ForAll<PositiveInt, byte>(
                (at, with) =>
                {
                    var file = Batch().Encode();
                    var i = at.Get % file.Length;
                    var same = file[i] == with;
                    file[i] = with;
                    return same || !SpoolBatch.TryDecode(file, out _, out _);
                }
            )
            .QuickCheckThrowOnFailure();
}
