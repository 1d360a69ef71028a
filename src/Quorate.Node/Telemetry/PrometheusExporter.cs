using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Quorate.Node.Telemetry;

/// <summary>
/// Listens to this node's meter (and to meters named <c>Quorate.*</c> that belong to no node) and writes the Prometheus text format 0.0.4.
/// </summary>
sealed class PrometheusExporter : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>What anybody may know. Everything else tells what this node follows and decides.</summary>
    static readonly HashSet<string> s_public = new(StringComparer.Ordinal)
    {
        "quorate_log_submits_total",
        "quorate_log_self_divergences_total",
        "quorate_requests_refused_total",
    };

    readonly ConcurrentDictionary<Instrument, MetricFamily> _families = new();
    readonly MeterListener _listener = new();
    readonly Lock _writing = new();
    readonly ProcessMetrics _process;

    public PrometheusExporter(object scope, TimeProvider time)
    {
        _process = new ProcessMetrics(time);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            var meter = instrument.Meter;
            if (ReferenceEquals(meter.Scope, scope) || (meter.Scope is null && meter.Name.StartsWith("Quorate.", StringComparison.Ordinal)))
            {
                _families[instrument] = MetricFamily.Of(instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.Start();
    }

    /// <param name="isPublic">Only sums without labels, of what anybody may know.</param>
    public string Write(bool isPublic)
    {
        lock (_writing)
        {
            return WriteAll(isPublic);
        }
    }

    string WriteAll(bool isPublic)
    {
        foreach (var gauge in _families.Values.Where(f => f.Kind == MetricKind.Gauge))
        {
            // A log that is gone must not keep its last value; up-down counters are not in use.
            gauge.Series.Clear();
        }
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        _process.Write(text);
        foreach (var families in _families.Values.GroupBy(f => f.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            if (isPublic && !s_public.Contains(families.Key))
            {
                continue;
            }
            var first = families.First();
            Header(text, first.Name, first.Help, first.Kind);
            if (isPublic)
            {
                Line(text, first.Name, "", families.SelectMany(f => f.Series.Values).Sum(s => s.Read().Value));
                continue;
            }
            foreach (var (labels, series) in families.SelectMany(f => f.Series).OrderBy(s => s.Key, StringComparer.Ordinal))
            {
                Series(text, first, labels, series);
            }
        }
        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!_families.TryGetValue(instrument, out var family))
        {
            return;
        }
        var series = family.SeriesOf(tags, Labels);
        switch (family.Kind)
        {
            case MetricKind.Counter when !instrument.IsObservable:
                series.Add(value);
                break;
            case MetricKind.Histogram:
                series.Record(value);
                break;
            default:
                series.Set(value);
                break;
        }
    }

    static void Series(StringBuilder text, MetricFamily family, string labels, MetricSeries series)
    {
        var (value, count, buckets) = series.Read();
        if (family.Kind != MetricKind.Histogram)
        {
            Line(text, family.Name, labels, value);
            return;
        }
        var separator = labels.Length > 0 ? "," : "";
        long below = 0;
        for (var i = 0; i < buckets.Length; i++)
        {
            below += buckets[i];
            var bound = i < MetricSeries.Bounds.Length ? MetricSeries.Bounds[i].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
            Line(text, family.Name + "_bucket", $"{labels}{separator}le=\"{bound}\"", below);
        }
        Line(text, family.Name + "_sum", labels, value);
        Line(text, family.Name + "_count", labels, count);
    }

    internal static void Header(StringBuilder text, string name, string help, MetricKind kind)
    {
        var type = kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        };
        text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\n", " ", StringComparison.Ordinal)).Append('\n');
        text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    internal static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }
        text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            text.Append(text.Length > 0 ? "," : "").Append(name.Replace('.', '_')).Append("=\"");
            foreach (var c in value?.ToString() ?? "")
            {
                text.Append(
                    c switch
                    {
                        '\\' => "\\\\",
                        '"' => "\\\"",
                        '\n' => "\\n",
                        _ => c.ToString(),
                    }
                );
            }
            text.Append('"');
        }
        return text.ToString();
    }
}
