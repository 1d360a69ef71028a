using System.Globalization;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>The write path: one submitter that waits for each durable signed head.</summary>
static class LogBenchmarks
{
    static readonly (string Label, int Entries)[] Sizes = [("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)];

    // Batch size and the number of Submits in one counted run.
    static readonly (int Batch, int Submits)[] Batches = [(1, 1000), (10, 500), (100, 200), (500, 60), (5000, 8)];

    public static IEnumerable<Benchmark> All()
    {
        foreach (var (label, entries) in Sizes)
        {
            foreach (var (batch, submits) in Batches)
            {
                double? bar = (batch, entries) == (500, 100_000) ? 30_000 : null;
                yield return new Benchmark(
                    $"submit-b{batch.ToString(CultureInfo.InvariantCulture)}-n{label}",
                    $"durable submit → signed head, {batch} per Submit, log of {label}",
                    "entries/s",
                    bar,
                    HigherIsBetter: true,
                    context => SubmitAsync(context, entries, batch, submits)
                );
            }
        }
        yield return new Benchmark(
            "disk-window10",
            "bytes on disk per entry, history window 10 heads",
            "B/entry",
            900,
            HigherIsBetter: false,
            context => DiskAsync(context, new HistoryWindow(TimeSpan.Zero, 10))
        );
        yield return new Benchmark(
            "disk-default",
            "bytes on disk per entry, default history window",
            "B/entry",
            null,
            HigherIsBetter: false,
            context => DiskAsync(context, HistoryWindow.Default)
        );
        yield return new Benchmark("reopen-1m", "opening a log of 1 M entries", "s", null, HigherIsBetter: false, ReopenAsync);
    }

    /// <summary>A log of the first <paramref name="entries"/> claims of the workload.</summary>
    public static async Task<PublishedLog> FilledAsync(string folder, int entries, Ed25519PrivateKey key, HistoryWindow history)
    {
        var log = await OpenAsync(folder, key, history);
        for (var first = 0; first < entries; first += 5000)
        {
            await log.SubmitAsync(Workload.Items(first, Math.Min(5000, entries - first)), CancellationToken.None);
        }
        return log;
    }

    static Task<PublishedLog> OpenAsync(string folder, Ed25519PrivateKey key, HistoryWindow history) =>
        PublishedLog.OpenAsync(
            new PublishedLogOptions
            {
                Identity = new LogIdentity(Protocol.Nix, key.PublicKey),
                Folder = folder,
                History = history,
            },
            key,
            CancellationToken.None
        );

    static async Task<IReadOnlyList<Sample>> SubmitAsync(BenchContext context, int entries, int batch, int submits)
    {
        using var key = Ed25519PrivateKey.Generate();
        await using var log = await FilledAsync(context.Workspace.Folder("submit"), entries, key, HistoryWindow.Default);
        var samples = new List<Sample>();
        long next = entries;
        // The first round warms the code up and is not counted.
        for (var run = -1; run < context.Runs; run++)
        {
            var items = Enumerable.Range(0, submits).Select(i => Workload.Items(next + (long)i * batch, batch)).ToArray();
            next += (long)submits * batch;
            var sample = await Sample.RateAsync(
                (long)submits * batch,
                async () =>
                {
                    foreach (var submit in items)
                    {
                        await log.SubmitAsync(submit, CancellationToken.None);
                    }
                }
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> DiskAsync(BenchContext context, HistoryWindow history)
    {
        const int Entries = 100_000;
        using var key = Ed25519PrivateKey.Generate();
        var folder = context.Workspace.Folder("disk");
        var log = await FilledAsync(folder, 0, key, history);
        for (var first = 0; first < Entries; first += 500)
        {
            await log.SubmitAsync(Workload.Items(first, 500), CancellationToken.None);
        }
        await log.DisposeAsync();
        var bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
        return [new Sample((double)bytes / Entries, double.NaN)];
    }

    static async Task<IReadOnlyList<Sample>> ReopenAsync(BenchContext context)
    {
        using var key = Ed25519PrivateKey.Generate();
        var folder = context.Workspace.Folder("reopen");
        await (await FilledAsync(folder, 1_000_000, key, HistoryWindow.Default)).DisposeAsync();
        var samples = new List<Sample>();
        for (var run = 0; run < context.Runs; run++)
        {
            PublishedLog? log = null;
            var (wall, cpu) = await Sample.TimeAsync(async () => log = await OpenAsync(folder, key, HistoryWindow.Default));
            samples.Add(new Sample(wall, cpu * 1e6));
            await log!.DisposeAsync();
        }
        return samples;
    }
}
