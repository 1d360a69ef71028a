using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Quorate.Bench;

/// <summary>One row of the table.</summary>
/// <param name="Bar">The figure that the project demands, in the row's unit; null where none is set.</param>
/// <param name="HigherIsBetter">Rates; false for latencies and sizes.</param>
sealed record Benchmark(
    string Name,
    string Title,
    string Unit,
    double? Bar,
    bool HigherIsBetter,
    Func<BenchContext, Task<IReadOnlyList<Sample>>> Measure
)
{
    /// <summary>The bar where it depends on how fast the machine is right now.</summary>
    public Func<Calibration, double>? BarOf { get; init; }

    /// <summary>The CPU time per operation that the project allows, in microseconds.</summary>
    public double? CpuBar { get; init; }

    public async Task<Row> RunAsync(BenchContext context, Calibration calibration) =>
        new(Unit, BarOf?.Invoke(calibration) ?? Bar, HigherIsBetter, await Measure(context), context.Notes) { CpuBar = CpuBar };
}

/// <summary>What a row may use, and where it says what else it found.</summary>
sealed record BenchContext(Workspace Workspace, int Runs)
{
    readonly List<(string Name, string Value)> _notes = [];

    public IReadOnlyList<(string Name, string Value)> Notes => _notes;

    /// <summary>Printed below the row, and part of its JSON.</summary>
    public void Note(string name, string value) => _notes.Add((name, value));
}

/// <summary>One counted run: the row's figure, and the CPU time of the whole process per operation.</summary>
/// <param name="CpuMicroseconds">NaN where CPU time has no meaning (sizes).</param>
readonly record struct Sample(double Value, double CpuMicroseconds)
{
    /// <summary>Runs <paramref name="work"/> once and gives operations per second.</summary>
    public static async Task<Sample> RateAsync(long operations, Func<Task> work)
    {
        var (seconds, cpu) = await TimeAsync(work);
        return new Sample(operations / seconds, cpu * 1e6 / operations);
    }

    /// <summary>Wall and CPU seconds of <paramref name="work"/>, all threads of this process counted.</summary>
    public static async Task<(double Wall, double Cpu)> TimeAsync(Func<Task> work)
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        await work();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }
}

/// <summary>The runs of one benchmark, reported as medians.</summary>
sealed record Row(
    string Unit,
    double? Bar,
    bool HigherIsBetter,
    IReadOnlyList<Sample> Samples,
    IReadOnlyList<(string Name, string Value)> Notes
)
{
    public static string Header { get; } =
        string.Create(
            CultureInfo.InvariantCulture,
            $"{"row", -28} {"median", 12} {"unit", -12} {"min … max", 24} {"cpu µs/op", 10} {"bar", 10}"
        );

    /// <inheritdoc cref="Benchmark.CpuBar"/>
    public double? CpuBar { get; init; }

    double Value => Median(Samples.Select(s => s.Value));

    double Cpu => Median(Samples.Select(s => s.CpuMicroseconds));

    public string ToTableLine(Benchmark benchmark)
    {
        var bar = Bar is { } limit ? $"{(HigherIsBetter ? "≥" : "≤")} {Number(limit)} {(Meets(limit) ? "met" : "MISSED")}" : "";
        if (CpuBar is { } cpu)
        {
            bar += $", ≤ {Number(cpu)} µs {(Cpu <= cpu ? "met" : "MISSED")}";
        }
        var range = $"{Number(Samples.Min(s => s.Value))} … {Number(Samples.Max(s => s.Value))}";
        return $"{benchmark.Name, -28} {Number(Value), 12} {Unit, -12} {range, 24} {(double.IsNaN(Cpu) ? "-" : Number(Cpu)), 10} {bar, 10}";
    }

    public string ToJson(string name, Calibration calibration)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("value", Math.Round(Value, 3));
            json.WriteString("unit", Unit);
            if (double.IsNaN(Cpu))
            {
                json.WriteNull("cpu_us_per_op");
            }
            else
            {
                json.WriteNumber("cpu_us_per_op", Math.Round(Cpu, 3));
            }
            json.WriteNumber("runs", Samples.Count);
            json.WriteNumber("min", Math.Round(Samples.Min(s => s.Value), 3));
            json.WriteNumber("max", Math.Round(Samples.Max(s => s.Value), 3));
            if (Bar is { } limit)
            {
                json.WriteNumber("bar", limit);
                json.WriteBoolean("met", Meets(limit));
            }
            if (CpuBar is { } cpu)
            {
                json.WriteNumber("cpu_bar_us", cpu);
                json.WriteBoolean("cpu_met", Cpu <= cpu);
            }
            json.WriteNumber("node_hash_ns", Math.Round(calibration.NodeHashNanoseconds, 1));
            json.WriteNumber("ed25519_verify_p50_us", Math.Round(calibration.SignatureMicroseconds, 1));
            json.WriteNumber("fdatasync_p50_us", Math.Round(calibration.SyncMicroseconds, 1));
            json.WriteNumber("load", calibration.Load);
            foreach (var (key, value) in Notes)
            {
                json.WriteString(key.Replace(' ', '_').Replace('-', '_'), value);
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    bool Meets(double limit) => HigherIsBetter ? Value >= limit : Value <= limit;

    static string Number(double value) =>
        value >= 100 ? value.ToString("#,0", CultureInfo.InvariantCulture) : value.ToString("0.##", CultureInfo.InvariantCulture);

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
