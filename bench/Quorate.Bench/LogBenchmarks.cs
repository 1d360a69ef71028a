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

    public static Task<PublishedLog> OpenAsync(string folder, Ed25519PrivateKey key, HistoryWindow history) =>
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
}
