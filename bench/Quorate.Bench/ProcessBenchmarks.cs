using System.Diagnostics;
using System.Globalization;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>What only a process of its own shows: the cold start of the hook.</summary>
static class ProcessBenchmarks
{
    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark(
            "hook-cold",
            "the hook from exec to exit, nothing to publish",
            "ms",
            null,
            HigherIsBetter: false,
            HookAsync
        );
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
    public static string Sibling() =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Quorate.Cli", "release", "quorate")) is var path
        && File.Exists(path)
            ? path
            : throw new InvalidOperationException($"{path} is not built; set QUORATE_BENCH_CLI to the installed quorate");

    public static async Task<(string Output, double Wall, double Cpu)> RunAsync(ProcessStartInfo start)
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
