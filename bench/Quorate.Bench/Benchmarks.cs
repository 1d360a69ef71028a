namespace Quorate.Bench;

/// <summary>Every row, in the order of the table.</summary>
static class Benchmarks
{
    public static IReadOnlyList<Benchmark> All { get; } =
    [.. LogBenchmarks.All(), .. DecideBenchmarks.All(), .. MirrorBenchmarks.All(), .. ProcessBenchmarks.All()];
}
