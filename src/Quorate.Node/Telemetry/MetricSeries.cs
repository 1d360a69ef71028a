using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Quorate.Node.Telemetry;

enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>All series of one instrument. Safe for concurrent use.</summary>
sealed class MetricFamily(string name, MetricKind kind, string help)
{
    /// <summary>Label values may come from outside (routes, protocols): beyond this many series new ones fold into one without labels.</summary>
    const int MostSeries = 2000;

    public string Name => name;

    public MetricKind Kind => kind;

    public string Help => help;

    public ConcurrentDictionary<string, MetricSeries> Series { get; } = new(StringComparer.Ordinal);

    // Labels are text; making it takes longer than what is counted. So the values are looked up first, as they come.
    readonly ConcurrentDictionary<TagValues, MetricSeries> _known = new();

    /// <param name="labels">Makes the label text of tags that were not seen before.</param>
    public MetricSeries SeriesOf(
        ReadOnlySpan<KeyValuePair<string, object?>> tags,
        Func<ReadOnlySpan<KeyValuePair<string, object?>>, string> labels
    )
    {
        // Gauges are cleared and made again.
        if (kind == MetricKind.Gauge || tags.Length > TagValues.Most)
        {
            return SeriesOf(labels(tags));
        }
        var values = TagValues.Of(tags);
        if (!_known.TryGetValue(values, out var series))
        {
            series = SeriesOf(labels(tags));
            if (_known.Count < MostSeries)
            {
                _known.TryAdd(values, series);
            }
        }
        return series;
    }

    MetricSeries SeriesOf(string labels) =>
        Series.TryGetValue(labels, out var series) ? series
        : Series.Count < MostSeries ? Series.GetOrAdd(labels, _ => new MetricSeries(kind == MetricKind.Histogram))
        : Series.GetOrAdd("", _ => new MetricSeries(kind == MetricKind.Histogram));

    /// <summary>The Prometheus name of an instrument: dots become underscores, the unit and <c>_total</c> go to the end.</summary>
    public static MetricFamily Of(Instrument instrument)
    {
        var generic = instrument.GetType().GetGenericTypeDefinition();
        var kind =
            generic == typeof(Histogram<>) ? MetricKind.Histogram
            : generic == typeof(Counter<>) || generic == typeof(ObservableCounter<>) ? MetricKind.Counter
            : MetricKind.Gauge;
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        var name = instrument.Name.Replace('.', '_') + unit + (kind == MetricKind.Counter ? "_total" : "");
        return new MetricFamily(name, kind, instrument.Description ?? "");
    }
}

/// <summary>The values of one measurement's tags, whose names are always the same for one instrument.</summary>
readonly record struct TagValues(object? First, object? Second, object? Third)
{
    public const int Most = 3;

    public static TagValues Of(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        new(tags.Length > 0 ? tags[0].Value : null, tags.Length > 1 ? tags[1].Value : null, tags.Length > 2 ? tags[2].Value : null);
}

/// <summary>One labelled series: a running sum, a last value, or a histogram.</summary>
sealed class MetricSeries(bool isHistogram)
{
    /// <summary>Upper bounds in seconds; requests and decisions lie between a cached answer and the request time-out.</summary>
    public static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    readonly Lock _lock = new();
    readonly long[] _buckets = isHistogram ? new long[Bounds.Length + 1] : [];
    double _value;
    long _count;

    public void Add(double value)
    {
        lock (_lock)
        {
            _value += value;
        }
    }

    public void Set(double value)
    {
        lock (_lock)
        {
            _value = value;
        }
    }

    public void Record(double value)
    {
        var index = Array.BinarySearch(Bounds, value);
        lock (_lock)
        {
            _buckets[index >= 0 ? index : ~index]++;
            _value += value;
            _count++;
        }
    }

    public (double Value, long Count, long[] Buckets) Read()
    {
        lock (_lock)
        {
            return (_value, _count, (long[])_buckets.Clone());
        }
    }
}
