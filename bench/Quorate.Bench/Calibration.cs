using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Core.Merkle;

namespace Quorate.Bench;

/// <summary>How fast this machine is right now, printed beside every row: shared machines vary tenfold.</summary>
sealed record Calibration(double NodeHashNanoseconds, double SyncMicroseconds, double Load)
{
    public static Calibration Measure(string folder)
    {
        const int Nodes = 64 * 1024;
        var pairs = new Sha256Digest[2 * 1024];
        var parents = new Sha256Digest[1024];
        TreeHash.Nodes(TreeHash.NodePrefix, pairs, parents);
        var start = Stopwatch.GetTimestamp();
        for (var done = 0; done < Nodes; done += parents.Length)
        {
            TreeHash.Nodes(TreeHash.NodePrefix, pairs, parents);
        }
        var hash = Stopwatch.GetElapsedTime(start).TotalNanoseconds / Nodes;
        return new Calibration(hash, SyncMedian(folder), LoadAverage());
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"calibration: node hash {NodeHashNanoseconds:0} ns, fdatasync p50 {SyncMicroseconds:0} µs, load {Load:0.00}"
        );

    static double SyncMedian(string folder)
    {
        const int Syncs = 51;
        var path = Path.Combine(folder, "calibration");
        var times = new double[Syncs];
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            for (var i = 0; i < Syncs; i++)
            {
                RandomAccess.Write(file, new byte[4096], 4096L * i);
                var start = Stopwatch.GetTimestamp();
                DurableFile.FlushData(file);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }
        }
        File.Delete(path);
        Array.Sort(times);
        return times[Syncs / 2];
    }

    static double LoadAverage() => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}

static class MachineLine
{
    public static string Describe()
    {
        var model = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            ?.Split(':')[1]
            .Trim();
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {model ?? "unknown processor"}, {Environment.ProcessorCount} cores, {memory} GiB, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}"
        );
    }
}
