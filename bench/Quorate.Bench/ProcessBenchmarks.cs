using System.Diagnostics;
using System.Globalization;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>What only a process of its own shows: peak memory, and the cold start of the hook.</summary>
static class ProcessBenchmarks
{
    /// <summary>Argument by which this program is told to fill a log and print its own peak memory.</summary>
    public const string FillArgument = "__fill";

    public static IEnumerable<Benchmark> All()
    {
        foreach (var (label, entries) in ((string, int)[])[("100k", 100_000), ("1m", 1_000_000)])
        {
            yield return new Benchmark(
                $"rss-n{label}",
                $"peak RSS of a process that writes a log of {label}",
                "MiB",
                null,
                HigherIsBetter: false,
                context => PeakAsync(context, entries)
            );
        }
        yield return new Benchmark(
            "hook-cold",
            "the hook from exec to exit, nothing to publish",
            "ms",
            null,
            HigherIsBetter: false,
            HookAsync
        );
    }

    /// <summary>The child: fills a log in a folder, then prints the high-water mark of its resident set.</summary>
    public static async Task FillAsync(string folder, int entries)
    {
        using var key = Ed25519PrivateKey.Generate();
        await (await LogBenchmarks.FilledAsync(folder, entries, key, HistoryWindow.Default)).DisposeAsync();
        var peak = (await File.ReadAllLinesAsync("/proc/self/status")).First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        Console.WriteLine(new string([.. peak.Where(char.IsAsciiDigit)]));
    }

    static async Task<IReadOnlyList<Sample>> PeakAsync(BenchContext context, int entries)
    {
        var samples = new List<Sample>();
        // Memory varies little; three children tell enough.
        for (var run = 0; run < Math.Min(3, context.Runs); run++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardOutput = true };
            start.ArgumentList.Add(typeof(ProcessBenchmarks).Assembly.Location);
            start.ArgumentList.Add(FillArgument);
            start.ArgumentList.Add(context.Workspace.Folder("rss"));
            start.ArgumentList.Add(entries.ToString(CultureInfo.InvariantCulture));
            var (output, _, cpu) = await RunAsync(start);
            samples.Add(new Sample(double.Parse(output, CultureInfo.InvariantCulture) / 1024, cpu * 1e6 / entries));
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> HookAsync(BenchContext context)
    {
        var program = Environment.GetEnvironmentVariable("QUORATE_BENCH_CLI") ?? Sibling();
        var samples = new List<Sample>();
        for (var run = -1; run < 4 * context.Runs; run++)
        {
            var start = new ProcessStartInfo(program)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (var argument in (string[])["nix", "hook", "run"])
            {
                start.ArgumentList.Add(argument);
            }
            // What does not depend on Nix: start, find nothing to say, end.
            start.Environment["OUT_PATHS"] = "";
            start.Environment["DRV_PATH"] = "";
            start.Environment["HOME"] = context.Workspace.Path;
            var (_, wall, cpu) = await RunAsync(start);
            if (run >= 0)
            {
                samples.Add(new Sample(wall * 1e3, cpu * 1e6));
            }
        }
        return samples;
    }

    /// <summary>The command line built beside this program.</summary>
    static string Sibling() =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Quorate.Cli", "release", "quorate")) is var path
        && File.Exists(path)
            ? path
            : throw new InvalidOperationException($"{path} is not built; set QUORATE_BENCH_CLI to the installed quorate");

    static async Task<(string Output, double Wall, double Cpu)> RunAsync(ProcessStartInfo start)
    {
        var before = ChildCpu.Total;
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var wall = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return process.ExitCode == 0
            ? (output, wall, (ChildCpu.Total - before).TotalSeconds)
            : throw new InvalidOperationException($"{start.FileName} ended with {process.ExitCode}");
    }
}
