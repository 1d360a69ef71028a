using System.Diagnostics;
using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;

namespace Quorate.Bench;

/// <summary>The map by itself, and proofs from a log's store.</summary>
static class MapBenchmarks
{
    const int Keys = 1_000_000;
    const int Batch = 1000;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "map-insert",
            "keys into a map of 1 M, 1,000 a version",
            "keys/s",
            null,
            HigherIsBetter: true,
            InsertAsync
        );
        yield return new Benchmark(
            "map-bytes",
            "native memory of a map of 1 M and its recent versions",
            "B/key",
            null,
            HigherIsBetter: false,
            BytesAsync
        );
        yield return new Benchmark(
            "prove",
            "map and inclusion proof of a key, checked, one thread, log of 1 M",
            "proofs/s",
            20_000,
            HigherIsBetter: true,
            ProveAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> InsertAsync(BenchContext context)
    {
        const int Versions = 100;
        using var map = Filled();
        var next = Keys;
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var batches = Enumerable.Range(0, Versions).Select(i => Insertions(next + i * Batch, Batch)).ToArray();
            next += Versions * Batch;
            var sample = await Sample.RateAsync(
                Versions * Batch,
                () =>
                {
                    foreach (var batch in batches)
                    {
                        map.InsertMissing(batch, new ulong[batch.Length]);
                        map.Publish(batch[^1].Index + 1);
                    }
                    return Task.CompletedTask;
                }
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        return samples;
    }

    static Task<IReadOnlyList<Sample>> BytesAsync(BenchContext context)
    {
        using var map = Filled();
        for (var i = 0; i < 50; i++)
        {
            var batch = Insertions(Keys + i * Batch, Batch);
            map.Insert(batch);
            map.Publish(batch[^1].Index + 1);
        }
        return Task.FromResult<IReadOnlyList<Sample>>([new Sample((double)map.AllocatedBytes / map.Published.Count, double.NaN)]);
    }

    static async Task<IReadOnlyList<Sample>> ProveAsync(BenchContext context)
    {
        const int PerRun = 50_000;
        using var key = PrefilledLog.Key();
        await using var prefilled = await PrefilledLog.OpenAsync(context, key);
        var log = prefilled.Log;
        var head = log.Head;
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var numbers = new long[PerRun];
            for (var i = 0; i < PerRun; i++)
            {
                // Spread over the log, others in every run.
                numbers[i] = ((run + 1L) * PerRun + i) * 7919 % PrefilledLog.Entries;
            }
            var keys = numbers.Select(n => Encoding.ASCII.GetBytes(Workload.StorePath(n))).ToArray();
            GC.Collect();
            var sample = await Sample.RateAsync(
                PerRun,
                () =>
                {
                    for (var i = 0; i < PerRun; i++)
                    {
                        // Both check their proofs against the head's roots before they give them.
                        if (
                            log.MapValue(keys[i], head.MapRoot) is not { Value.IsEmpty: false } answer
                            || !MapEntryJson.TryParse(answer.Value.Span, out var _, out var index)
                            || log.InclusionProof(index, head.TreeSize).Count == 0
                        )
                        {
                            throw new UnreachableException("a key of the log was not proved");
                        }
                    }
                    return Task.CompletedTask;
                }
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        return samples;
    }

    static SparseMap Filled()
    {
        const int AtOnce = 1 << 15;
        var map = new SparseMap(new NoLeaves());
        for (var start = 0; start < Keys; start += AtOnce)
        {
            map.Insert(Insertions(start, Math.Min(AtOnce, Keys - start)));
        }
        map.Publish(Keys);
        return map;
    }

    static MapInsertion[] Insertions(int start, int count)
    {
        var insertions = new MapInsertion[count];
        for (var i = 0; i < count; i++)
        {
            var path = TreeHash.Leaf(BitConverter.GetBytes(start + i));
            insertions[i] = new MapInsertion(path, path, (ulong)(start + i));
        }
        return insertions;
    }

    sealed class NoLeaves : IMapLeaves
    {
        public void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash) =>
            throw new UnreachableException("hashes do not share 64 bits by chance");
    }
}
