using System.Diagnostics;
using System.Globalization;
using Quorate.Log;

namespace Quorate.Bench;

/// <summary>What a log of a million entries costs on the disk, in memory, and when it is opened.</summary>
static class StateBenchmarks
{
    const int Entries = 1_000_000;

    // With the image made by a clean stop here, the next one is due 400,000 entries later: just before that is the worst moment to be killed.
    const int Imaged = 600_400;

    public static IEnumerable<Benchmark> All()
    {
        yield return new Benchmark("disk", "bytes on disk per entry, log of 1m", "B/entry", 700, HigherIsBetter: false, DiskAsync);
        yield return new Benchmark(
            "disk-window10",
            "bytes on disk per entry, log of 100k, 500 per Submit, history window 10 heads",
            "B/entry",
            900,
            HigherIsBetter: false,
            context => SmallBatchesAsync(context, new HistoryWindow(TimeSpan.Zero, 10))
        );
        yield return new Benchmark(
            "disk-default",
            "bytes on disk per entry, log of 100k, 500 per Submit, default history window",
            "B/entry",
            null,
            HigherIsBetter: false,
            context => SmallBatchesAsync(context, HistoryWindow.Default)
        );
        yield return new Benchmark(
            "reopen-clean-1m",
            "opening a log of 1m after a clean stop",
            "s",
            2,
            HigherIsBetter: false,
            context => ReopenAsync(context, CleanAsync)
        );
        yield return new Benchmark(
            "reopen-killed-1m",
            "opening a log of 1m after SIGKILL, just before an image was due",
            "s",
            5,
            HigherIsBetter: false,
            context => ReopenAsync(context, KilledAsync)
        );
        yield return new Benchmark(
            "rss",
            "peak anonymous memory of a process that adds to a log of 1m and proves",
            "MB",
            400,
            HigherIsBetter: false,
            context => MemoryAsync(context, LoadedAsync, wantsAll: false)
        );
        yield return new Benchmark(
            "rss-mirrors",
            "resident memory of a process with four mirrors of 1m that proves",
            "MB",
            600,
            HigherIsBetter: false,
            context => MemoryAsync(context, MirrorsAsync, wantsAll: true)
        );
    }

    /// <summary>A closed log of a million, shared by the rows of this page, which must leave it as it is: the prefilled log of others grows.</summary>
    static Task<string> CleanAsync(BenchContext context) =>
        context.Workspace.PreparedAsync(
            "log-1m-unchanged",
            async folder =>
            {
                using var key = StateChild.Key();
                await (await LogBenchmarks.FilledAsync(folder, Entries, key, HistoryWindow.Default)).DisposeAsync();
            }
        );

    static Task<string> KilledAsync(BenchContext context) =>
        context.Workspace.PreparedAsync(
            "log-1m-killed",
            async folder =>
            {
                using var key = StateChild.Key();
                await (await LogBenchmarks.FilledAsync(folder, Imaged, key, HistoryWindow.Default)).DisposeAsync();
                using var child = Process.Start(Child("grow", folder, Text(Imaged), Text(Entries - Imaged)));
                await child!.WaitForExitAsync();
            }
        );

    static async Task<IReadOnlyList<Sample>> DiskAsync(BenchContext context) => [BytesPerEntry(await CleanAsync(context), Entries)];

    static async Task<IReadOnlyList<Sample>> SmallBatchesAsync(BenchContext context, HistoryWindow history)
    {
        const int Few = 100_000;
        using var key = StateChild.Key();
        var folder = context.Workspace.Folder("disk");
        await using (var log = await LogBenchmarks.OpenAsync(folder, key, history))
        {
            for (var first = 0; first < Few; first += 500)
            {
                await log.SubmitAsync(Workload.Items(first, 500), CancellationToken.None);
            }
        }
        return [BytesPerEntry(folder, Few)];
    }

    static Sample BytesPerEntry(string folder, int entries) =>
        new((double)new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) / entries, double.NaN);

    static async Task<IReadOnlyList<Sample>> ReopenAsync(BenchContext context, Func<BenchContext, Task<string>> prepare)
    {
        using var key = StateChild.Key();
        var master = await prepare(context);
        var samples = new List<Sample>();
        for (var run = 0; run < context.Runs; run++)
        {
            var folder = Copy(context, master);
            PublishedLog? log = null;
            var (wall, cpu) = await Sample.TimeAsync(async () => log = await LogBenchmarks.OpenAsync(folder, key, HistoryWindow.Default));
            samples.Add(new Sample(wall, cpu * 1e6));
            Console.Error.WriteLine($"    {log!.Opened}");
            await log.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
        return samples;
    }

    static async Task<IReadOnlyList<Sample>> MemoryAsync(
        BenchContext context,
        Func<BenchContext, Task<ProcessStartInfo>> prepare,
        bool wantsAll
    )
    {
        var samples = new List<Sample>();
        // Memory varies little; three children tell enough.
        for (var run = 0; run < Math.Min(3, context.Runs); run++)
        {
            var (output, _, _) = await ProcessBenchmarks.RunAsync(await prepare(context));
            var numbers = output.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture) * 1024 / 1e6).ToArray();
            Console.Error.WriteLine($"    anonymous {numbers[0]:0} MB, resident {numbers[1]:0} MB");
            samples.Add(new Sample(numbers[wantsAll ? 1 : 0], double.NaN));
        }
        return samples;
    }

    static async Task<ProcessStartInfo> LoadedAsync(BenchContext context) =>
        Child("load", Copy(context, await CleanAsync(context)), Text(Entries), "300000");

    static async Task<ProcessStartInfo> MirrorsAsync(BenchContext context)
    {
        var source = await CleanAsync(context);
        var first = await context.Workspace.PreparedAsync(
            "mirror-1m",
            folder => ProcessBenchmarks.RunAsync(Child("mirror", folder, source))
        );
        return Child(["mirrors", .. Enumerable.Range(0, 4).Select(_ => Copy(context, first))]);
    }

    static ProcessStartInfo Child(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(StateBenchmarks).Assembly.Location);
        start.ArgumentList.Add(StateChild.Argument);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        return start;
    }

    static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    static string Copy(BenchContext context, string master)
    {
        var folder = context.Workspace.Folder("copy");
        foreach (var file in Directory.GetFiles(master, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(folder, Path.GetRelativePath(master, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        return folder;
    }
}
