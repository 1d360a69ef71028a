using System.Diagnostics;
using System.Text;

namespace Quorate.Node.Telemetry;

/// <summary>The usual <c>process_*</c> metrics.</summary>
sealed class ProcessMetrics(TimeProvider time)
{
    readonly double _started = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    public void Write(StringBuilder text)
    {
        using var process = Process.GetCurrentProcess();
        Write(text, "process_start_time_seconds", "Start of the node.", MetricKind.Gauge, _started);
        Write(text, "process_cpu_seconds_total", "Processor time.", MetricKind.Counter, process.TotalProcessorTime.TotalSeconds);
        Write(text, "process_resident_memory_bytes", "Resident memory.", MetricKind.Gauge, process.WorkingSet64);
        Write(text, "dotnet_gc_heap_bytes", "Managed memory in use.", MetricKind.Gauge, GC.GetTotalMemory(forceFullCollection: false));
    }

    static void Write(StringBuilder text, string name, string help, MetricKind kind, double value)
    {
        PrometheusExporter.Header(text, name, help, kind);
        PrometheusExporter.Line(text, name, "", value);
    }
}
