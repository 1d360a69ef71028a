namespace Quorate.Bench;

/// <summary>Every row, in the order of the table.</summary>
static class Benchmarks
{
    public static IReadOnlyList<Benchmark> All { get; } =
    [
        .. AddBenchmarks.All(),
        .. SubmitHttpBenchmarks.All(),
        .. MapBenchmarks.All(),
        .. LogBenchmarks.All(),
        .. StateBenchmarks.All(),
        .. DecideBenchmarks.All(),
        .. MirrorBenchmarks.All(),
        .. AuditBenchmarks.All(),
        .. NarBenchmarks.All(),
        .. TraceBenchmarks.All(),
        .. ViewBenchmarks.All(),
        .. NixVerifyBenchmarks.All(),
        .. ProcessBenchmarks.All(),
    ];
}
