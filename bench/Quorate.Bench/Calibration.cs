using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Core.Merkle;
using Quorate.Crypto;

namespace Quorate.Bench;

/// <summary>How fast this machine is right now, printed beside every row: shared machines vary tenfold.</summary>
/// <param name="SignatureMicroseconds">To verify one Ed25519 signature of a short message, as libsodium does it.</param>
sealed record Calibration(double NodeHashNanoseconds, double SignatureMicroseconds, double SyncMicroseconds, double Load)
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
        return new Calibration(hash, SignatureMedian(), SyncMedian(folder), LoadAverage());
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"calibration: node hash {NodeHashNanoseconds:0} ns, signature {SignatureMicroseconds:0} µs, fdatasync p50 {SyncMicroseconds:0} µs, load {Load:0.00}"
        );

    static double SignatureMedian()
    {
        using var key = Ed25519PrivateKey.Generate();
        var signature = key.Sign("calibration"u8);
        var times = new double[501];
        for (var i = 0; i < times.Length; i++)
        {
            var start = Stopwatch.GetTimestamp();
            _ = key.PublicKey.Verify("calibration"u8, signature);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(times);
        return times[times.Length / 2];
    }

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
