using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Log.Durability;

/// <summary>
/// Something fails at each call to the disk in turn, and something again while the log recovers; at the end the power goes. Whatever the disk then
/// holds, nothing acknowledged is lost and no head contradicts an earlier one.
/// </summary>
public sealed class DiskFaultTests
{
    // Small, so that a few submits fill several segments.
    const int SegmentBytes = 1500;

    static int Sequences => Environment.GetEnvironmentVariable("QUORATE_LONG_TESTS") == "1" ? 40 : 2;

    [Fact]
    public void A_published_log_keeps_what_it_acknowledged_when_the_disk_fails_at_any_call()
    {
        var steps = Gen.ListOf(Gen.Choose(0, 6)).Resize(9);
        Prop.ForAll(
                Gen.Zip(steps, Gen.Choose(0, int.MaxValue)).ToArbitrary(),
                input => EveryCallAsync(PublishAsync, [.. input.Item1], input.Item2)
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Sequences));
    }

    [Fact]
    public void A_mirror_keeps_what_it_verified_when_the_disk_fails_at_any_call()
    {
        var steps = Gen.ListOf(Gen.Choose(0, 6)).Resize(6);
        Prop.ForAll(
                Gen.Zip(steps, Gen.Choose(0, int.MaxValue)).ToArbitrary(),
                input =>
                    EveryCallAsync(
                        (fixture, disk, s, told) => MirrorAsync(fixture, disk, s, told, goesOn: false),
                        [.. input.Item1],
                        input.Item2
                    )
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Sequences));
    }

    [Fact]
    public void A_mirror_whose_disk_failed_at_any_call_goes_on_without_being_opened_again()
    {
        var steps = Gen.ListOf(Gen.Choose(0, 6)).Resize(6);
        Prop.ForAll(
                Gen.Zip(steps, Gen.Choose(0, int.MaxValue)).ToArbitrary(),
                input =>
                    EveryCallAsync(
                        (fixture, disk, s, told) => MirrorAsync(fixture, disk, s, told, goesOn: true),
                        [.. input.Item1],
                        input.Item2
                    )
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Sequences));
    }

    [Fact]
    public async Task A_disk_that_lies_about_syncs_is_found_out_by_these_tests()
    {
        var found = 0;
        // The first calls create files; those of the submits come behind them.
        for (var cut = 1; cut <= 60; cut++)
        {
            var random = new Random(cut);
            using var fixture = new LogFixture();
            using var disk = new FaultyDisk(fixture.Root) { Lies = true };
            var told = new AcknowledgedLog(fixture.Identity);
            disk.Arm(Fault.PowerCut, cut);
            await UntilFaultAsync(PublishAsync, fixture, disk, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2], told);
            disk.RestorePower(random);
            disk.Arm(Fault.None, 0);
            try
            {
                await PublishAsync(fixture, disk, [], told);
            }
            catch (Exception e) when (e is LogDamagedException or Xunit.Sdk.XunitException)
            {
                found++;
            }
        }
        Assert.InRange(found, 5, 60);
    }

    static async Task EveryCallAsync(Func<LogFixture, FaultyDisk, int[], AcknowledgedLog, Task> run, int[] steps, int seed)
    {
        var calls = await OneFaultAsync(run, steps, Fault.None, 0, new Random(seed));
        for (var at = 1; at <= calls; at++)
        {
            var random = new Random(seed ^ at);
            var fault = (Fault)random.Next(1, 7);
            try
            {
                await OneFaultAsync(run, steps, fault, at, random);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, steps {string.Join(',', steps)}, {fault} at call {at}: {e.Message}", e);
            }
        }
    }

    static async Task<int> OneFaultAsync(
        Func<LogFixture, FaultyDisk, int[], AcknowledgedLog, Task> run,
        int[] steps,
        Fault fault,
        int at,
        Random random
    )
    {
        using var fixture = new LogFixture();
        using var disk = new FaultyDisk(fixture.Root);
        var told = new AcknowledgedLog(fixture.Identity);
        disk.Arm(fault, at);
        await UntilFaultAsync(run, fixture, disk, steps, told);
        var calls = disk.Calls;
        AfterFault(disk, fault, random);
        // The second fault falls into the recovery, or the submits after it.
        var second = (Fault)random.Next(1, 7);
        disk.Arm(second, random.Next(1, 14));
        await UntilFaultAsync(run, fixture, disk, [1, 2], told);
        AfterFault(disk, second, random);
        disk.Arm(Fault.None, 0);
        await run(fixture, disk, [3, 0, 4], told);
        // What was acknowledged at last must not have been in memory alone.
        disk.RestorePower(random);
        disk.Arm(Fault.None, 0);
        await run(fixture, disk, [], told);
        return calls;
    }

    static void AfterFault(FaultyDisk disk, Fault fault, Random random)
    {
        if (fault == Fault.PowerCut)
        {
            disk.RestorePower(random);
        }
    }

    static async Task UntilFaultAsync(
        Func<LogFixture, FaultyDisk, int[], AcknowledgedLog, Task> run,
        LogFixture fixture,
        FaultyDisk disk,
        int[] steps,
        AcknowledgedLog told
    )
    {
        try
        {
            await run(fixture, disk, steps, told);
        }
        catch (IOException) when (disk.HasFailed)
        {
            // As it should be: refused, and opened again.
        }
    }

    /// <summary>Step 0 closes the log and opens it again; step n submits n items.</summary>
    static async Task PublishAsync(LogFixture fixture, FaultyDisk disk, int[] steps, AcknowledgedLog told)
    {
        var log = await OpenAsync(fixture, disk);
        try
        {
            await told.CheckAsync(log, TestContext.Current.CancellationToken);
            foreach (var (step, i) in steps.Select((s, i) => (s, i)))
            {
                if (step == 0)
                {
                    await log.DisposeAsync();
                    log = await OpenAsync(fixture, disk);
                    await told.CheckAsync(log, TestContext.Current.CancellationToken);
                    continue;
                }
                (string, string)[] items = [.. Enumerable.Range(0, step).Select(n => Entry(log.Head.TreeSize, i, n))];
                await log.SubmitAsync([.. items.Select(p => LogExtensions.Item(p.Item1, p.Item2))]);
                told.Acknowledged(items);
                told.Saw(log);
            }
        }
        finally
        {
            await CloseAsync(log, disk);
        }
    }

    /// <summary>Step 0 closes the mirror and opens it again; step n publishes n entries and follows.</summary>
    /// <param name="goesOn">After a fault that leaves the process alive the same mirror is told to synchronise once more.</param>
    static async Task MirrorAsync(LogFixture fixture, FaultyDisk disk, int[] steps, AcknowledgedLog told, bool goesOn)
    {
        using var publisher = new LogFixture();
        await using var log = await publisher.OpenAsync();
        // The same log for every run: what a mirror verified must be in it.
        var published = new List<(string, string)>();
        for (var i = 0; i < 6; i++)
        {
            (string, string)[] items = [.. Enumerable.Range(0, i + 1).Select(n => Entry((ulong)i, i, n))];
            await log.SubmitAsync([.. items.Select(p => LogExtensions.Item(p.Item1, p.Item2))]);
            published.AddRange(items);
        }
        var source = new ScriptedLogSource(log);
        var mirror = await OpenMirrorAsync(fixture, disk);
        try
        {
            await told.CheckAsync(mirror, TestContext.Current.CancellationToken);
            foreach (var step in steps)
            {
                if (step == 0)
                {
                    await mirror.DisposeAsync();
                    mirror = await OpenMirrorAsync(fixture, disk);
                    await told.CheckAsync(mirror, TestContext.Current.CancellationToken);
                    continue;
                }
                // A remote that lies about later entries leaves some to be dropped again.
                var liar = new ScriptedLogSource(log, "http://liar.test")
                {
                    OnEntries = entries =>
                        [
                            .. entries.Select(e =>
                                e.Index < 2 * (ulong)step
                                    ? e
                                    : e with
                                    {
                                        ValueDigest = e.LeafHash,
                                        LeafHash = Quorate.Core.Merkle.TreeHash.EntryLeaf(e.Key.Span, e.LeafHash),
                                    }
                            ),
                        ],
                };
                SyncOutcome outcome;
                try
                {
                    outcome = await SyncAsync();
                }
                catch (LogStorageException) when (goesOn && disk is { HasFailed: true, IsDown: false })
                {
                    await told.CheckAsync(mirror, TestContext.Current.CancellationToken);
                    outcome = await SyncAsync();
                }
                if (outcome is SyncOutcome.Advanced)
                {
                    Assert.Equal(log.Head, mirror.Head);
                    told.Acknowledged(published);
                    told.Saw(mirror);
                }
                else
                {
                    Assert.IsType<SyncOutcome.UpToDate>(outcome);
                }

                Task<SyncOutcome> SyncAsync() =>
                    mirror
                        .SyncAsync([liar, source], MirrorLimits.Default, null, TestContext.Current.CancellationToken)
                        .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            }
        }
        finally
        {
            await CloseAsync(mirror, disk);
        }
    }

    static (string, string) Entry(ulong size, int step, int n)
    {
        var number = string.Create(CultureInfo.InvariantCulture, $"{size}/{step}/{n}");
        return ($"key {number}", $"value {number}{new string('v', 60)}");
    }

    // An image every few batches: its calls fail, too, and it is read again at each opening.
    static Task<PublishedLog> OpenAsync(LogFixture fixture, FaultyDisk disk) =>
        PublishedLog.OpenAsync(
            fixture.Options with
            {
                ImageAfterEntries = 12,
            },
            fixture.Key,
            WriteAheadStorage.Open(fixture.Folder, fixture.Identity.Id, SegmentBytes, disk),
            TestContext.Current.CancellationToken
        );

    static Task<MirroredLog> OpenMirrorAsync(LogFixture fixture, FaultyDisk disk) =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions
            {
                Identity = fixture.Identity,
                Folder = fixture.Folder,
                EntriesPerCall = 3,
                ImageAfterEntries = 12,
                Time = fixture.Time,
            },
            WriteAheadStorage.Open(fixture.Folder, fixture.Identity.Id, SegmentBytes, disk),
            TestContext.Current.CancellationToken
        );

    static async Task CloseAsync(IAsyncDisposable log, FaultyDisk disk)
    {
        try
        {
            await log.DisposeAsync();
        }
        catch (IOException) when (disk.HasFailed)
        {
            // The mark could not be synced.
        }
    }
}
