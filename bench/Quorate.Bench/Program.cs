using System.Diagnostics;
using System.Globalization;
using Quorate.Bench;

return await BenchProgram.RunAsync(args);

namespace Quorate.Bench
{
    /// <summary>The macro benchmark: whole operations on real files and real sockets, medians over runs, CPU beside wall time.</summary>
    static class BenchProgram
    {
        const string Usage = """
            quorate-bench: measures what docs/performance.md reports

              bench.sh                     the whole table
              bench.sh NAME…               these rows; a name may end in * (submit-*)
              bench.sh --list              the names
              --json                       print, last, one JSON line per row instead of the table
              --keep DIR                   leave the log of the rows add and prove in the new state directory DIR
              --runs N                     counted runs of each row (default 5, at least 1)
            """;

        public static async Task<int> RunAsync(string[] args)
        {
            if (args is [StateChild.Argument, .. var child])
            {
                await StateChild.RunAsync(child);
                return 0;
            }
            var json = false;
            var runs = 5;
            string? keep = null;
            var names = new List<string>();
            for (var i = 0; i < args.Length; i++)
            {
                switch (args[i])
                {
                    case "--help" or "-h":
                        Console.WriteLine(Usage);
                        return 0;
                    case "--list":
                        foreach (var benchmark in Benchmarks.All)
                        {
                            Console.WriteLine($"{benchmark.Name, -28} {benchmark.Title}");
                        }
                        return 0;
                    case "--json":
                        json = true;
                        break;
                    case "--keep" when i + 1 < args.Length:
                        keep = Path.GetFullPath(args[++i]);
                        if (Path.Exists(keep))
                        {
                            Console.Error.WriteLine($"{keep} exists already; --keep makes a new state directory");
                            return 1;
                        }
                        break;
                    case "--runs" when i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, null, out runs) && runs > 0:
                        i++;
                        break;
                    case var option when option.StartsWith('-'):
                        Console.Error.WriteLine($"unknown option {option}\n{Usage}");
                        return 1;
                    default:
                        names.Add(args[i]);
                        break;
                }
            }
            var chosen = Benchmarks.All.Where(b => names.Count == 0 || names.Any(n => Matches(n, b.Name))).ToList();
            if (chosen.Count == 0)
            {
                Console.Error.WriteLine($"no benchmark is named {string.Join(", ", names)}; see --list");
                return 1;
            }
            var report = json ? Console.Error : Console.Out;
            report.WriteLine(MachineLine.Describe());
            report.WriteLine(Row.Header);
            var lines = new List<string>();
            var began = Stopwatch.GetTimestamp();
            using var workspace = new Workspace(keep);
            foreach (var benchmark in chosen)
            {
                var calibration = Calibration.Measure(workspace.Path);
                var row = await benchmark.RunAsync(new BenchContext(workspace, runs), calibration);
                report.WriteLine(row.ToTableLine(benchmark));
                report.WriteLine($"    {calibration}");
                foreach (var (name, value) in row.Notes)
                {
                    report.WriteLine($"    {name}: {value}");
                }
                lines.Add(row.ToJson(benchmark.Name, calibration));
            }
            var took = Stopwatch.GetElapsedTime(began).ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture);
            report.WriteLine($"{chosen.Count} rows in {took}");
            if (json)
            {
                lines.ForEach(Console.WriteLine);
            }
            return 0;
        }

        static bool Matches(string pattern, string name) =>
            pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;
    }
}
