using System.Globalization;
using System.Security.Cryptography;
using Quorate.Nix.Nar;

namespace Quorate.Bench;

/// <summary>Hashing store objects: a folder of files in the page cache, against nothing but SHA-256 of as many bytes in memory.</summary>
static class NarBenchmarks
{
    const int Files = 1024;
    const int FileSize = 1 << 20;
    const double MegaBytes = Files * (double)FileSize / 1e6;

    // The bar is a part of what this machine's SHA-256 does at the same moment: each run measures both, one after the other.
    const double DemandedPart = 0.8;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark("sha-256", "SHA-256 of 1 GB in memory, one thread", "MB/s", null, HigherIsBetter: true, RawAsync);
        yield return new Benchmark(
            "nar-hash",
            "NAR hash of 1 GB in files of 1 MB, as a part of raw SHA-256's speed",
            "of raw",
            DemandedPart,
            HigherIsBetter: true,
            HashAsync
        );
    }

    static async Task<IReadOnlyList<Sample>> RawAsync(BenchContext context)
    {
        var samples = new List<Sample>();
        for (var run = -1; run < context.Runs; run++)
        {
            var sample = await Sample.RateAsync((long)MegaBytes, Raw);
            if (run >= 0)
            {
                samples.Add(sample);
            }
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> HashAsync(BenchContext context)
    {
        var folder = context.Workspace.Folder("nar");
        var contents = RandomNumberGenerator.GetBytes(FileSize);
        for (var i = 0; i < Files; i++)
        {
            // No two files alike, and none hashed from memory.
            BitConverter.TryWriteBytes(contents, i);
            await File.WriteAllBytesAsync(Path.Combine(folder, i.ToString("0000", CultureInfo.InvariantCulture)), contents);
        }
        var samples = new List<Sample>();
        var speeds = new List<double>();
        for (var run = -1; run < context.Runs; run++)
        {
            var (raw, _) = await Sample.TimeAsync(Raw);
            var (wall, cpu) = await Sample.TimeAsync(() => NarFeed.HashAsync(folder, CancellationToken.None));
            if (run >= 0)
            {
                samples.Add(new Sample(raw / wall, cpu * 1e6 / MegaBytes));
                speeds.Add(MegaBytes / wall);
            }
        }
        context.Note("MB/s", string.Join(", ", speeds.Select(s => s.ToString("0", CultureInfo.InvariantCulture))));
        Directory.Delete(folder, recursive: true);
        return samples;
    }

    static Task Raw()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[256 << 10];
        for (long done = 0; done < (long)Files * FileSize; done += block.Length)
        {
            hash.AppendData(block);
        }
        hash.GetHashAndReset();
        return Task.CompletedTask;
    }
}
