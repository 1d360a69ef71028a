using System.Globalization;
using Quorate.Log;
using Quorate.Log.Auditing;
using Quorate.Log.Tiles;

namespace Quorate.Bench;

/// <summary>A complete audit of a million entries, from static files as anybody's log could have them.</summary>
static class AuditBenchmarks
{
    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "audit",
            "audit of a tile folder of 1 M: every entry, tile and root",
            "entries/s",
            500_000,
            HigherIsBetter: true,
            MeasureAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> MeasureAsync(BenchContext context)
    {
        using var key = PrefilledLog.Key();
        var folder = context.Workspace.Folder("audit");
        Checkpoint checkpoint;
        AuditOptions options;
        await using (var prefilled = await PrefilledLog.OpenAsync(context, key))
        {
            checkpoint = Export(prefilled.Log, folder);
            options = new AuditOptions { Key = prefilled.Log.VerifierKey };
        }
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            GC.Collect();
            var sample = await Sample.RateAsync(
                (long)checkpoint.Size,
                async () =>
                {
                    var outcome = await new LogAudit(new DirectoryTileSource(folder), options).RunAsync(CancellationToken.None);
                    if (outcome is not AuditOutcome.Sound)
                    {
                        throw new InvalidOperationException($"the audit failed: {outcome}");
                    }
                }
            );
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        context.Note("entries", checkpoint.Size.ToString(CultureInfo.InvariantCulture));
        context.Note("root", checkpoint.Root.ToString());
        return samples;
    }

    /// <summary>What any tile log has: checkpoint, hash tiles, entry bundles.</summary>
    static Checkpoint Export(PublishedLog log, string folder)
    {
        var published = log.CheckpointAt(log.HeadCount - 1);
        var size = published.Checkpoint.Size;
        Write(folder, "checkpoint", published.Note.Bytes);
        for (var level = 0; level < TileLayout.Levels(size); level++)
        {
            for (var index = 0UL; index < TileLayout.Tiles(level, size); index++)
            {
                var number = TileLayout.At(level, index, size);
                Write(folder, TileLayout.HashPath(level, number), log.HashTile(level, number, size));
                if (level == 0)
                {
                    Write(folder, TileLayout.EntriesPath(number), log.EntryBundle(number, size));
                }
            }
        }
        return published.Checkpoint;
    }

    static void Write(string folder, string path, ReadOnlyMemory<byte> bytes)
    {
        var file = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes.Span);
    }
}
