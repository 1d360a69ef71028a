using System.Globalization;
using Quorate.Core;

namespace Quorate.Bench;

/// <summary>The write path of a log of a million entries: in process, durable, in a signed head.</summary>
static class AddBenchmarks
{
    const int Batch = 1000;
    const int Submits = 100;

    // Enough for one Submit to be hashed while another is integrated.
    const int Outstanding = 4;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "add",
            "durable add in process → signed head, 1,000 per Submit, log of 1 M",
            "entries/s",
            100_000,
            HigherIsBetter: true,
            MeasureAsync
        )
        {
            CpuBar = 8,
        };
    }

    static async Task<IReadOnlyList<Sample>> MeasureAsync(BenchContext context)
    {
        using var key = PrefilledLog.Key();
        await using var prefilled = await PrefilledLog.OpenAsync(context, key);
        var log = prefilled.Log;
        var samples = new List<Sample>();
        var (heads, syncs) = (log.HeadCount, prefilled.Disk.Syncs);
        for (var run = -1; run < context.Runs; run++)
        {
            var next = (long)log.Head.TreeSize;
            var submits = Enumerable.Range(0, Submits).Select(i => Workload.Items(next + (long)i * Batch, Batch)).ToArray();
            // What the preparation left is not the log's garbage.
            GC.Collect();
            var taken = -1;
            var sample = await Sample.RateAsync(
                (long)Submits * Batch,
                () =>
                    Task.WhenAll(
                        Enumerable
                            .Range(0, Outstanding)
                            .Select(_ =>
                                Task.Run(async () =>
                                {
                                    for (int i; (i = Interlocked.Increment(ref taken)) < Submits; )
                                    {
                                        await log.SubmitAsync(submits[i], CancellationToken.None);
                                    }
                                })
                            )
                    )
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        var head = log.Head;
        context.Note("log", log.Identity.Id.Text);
        context.Note("entries", Text(head.TreeSize));
        context.Note("submits", Text((ulong)((context.Runs + 1) * Submits)));
        context.Note("heads", Text(log.HeadCount - heads));
        context.Note("fdatasyncs", Text((ulong)(prefilled.Disk.Syncs - syncs)));
        context.Note("log root", head.LogRoot.ToString());
        context.Note("map root", head.MapRoot.ToString());
        context.Note("map-history root", head.MhRoot.ToString());
        return samples;
    }

    static string Text(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
