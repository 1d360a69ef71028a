using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Quorate.Log.Sharing;
using Quorate.Node.Logs;

namespace Quorate.Node.Telemetry;

/// <summary>
/// What a node counts. One instance per node; its meter carries the instance as scope, so that several nodes in one process are told apart.
/// </summary>
public sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "Quorate.Node";

    readonly Meter _meter;
    readonly Counter<long> _submits;
    readonly Counter<long> _divergences;
    readonly Counter<long> _filtered;
    readonly Counter<long> _faults;
    readonly Counter<long> _decisions;
    readonly Histogram<double> _requests;
    readonly Counter<long> _refused;
    readonly Counter<long> _witnessed;
    readonly ConcurrentDictionary<string, long> _damaged = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, DateTimeOffset> _scrubs = new(StringComparer.Ordinal);

    public NodeMetrics(LogRegistry registry)
    {
        _meter = new Meter(new MeterOptions(MeterName) { Scope = this });
        _submits = _meter.CreateCounter<long>("quorate.log.submits", description: "Submit calls by published log.");
        _divergences = _meter.CreateCounter<long>(
            "quorate.log.self_divergences",
            description: "Submitted items whose key already had a different value."
        );
        _filtered = _meter.CreateCounter<long>("quorate.log.filtered", description: "Submitted items that publish.filter held back.");
        _faults = _meter.CreateCounter<long>("quorate.subscription.faults", description: "Failed polls of remotes, by followed log.");
        _decisions = _meter.CreateCounter<long>("quorate.decisions", description: "Decisions by protocol and verdict.");
        _requests = _meter.CreateHistogram<double>("quorate.request.duration", "s", "Duration of requests by listener and route.");
        _refused = _meter.CreateCounter<long>("quorate.requests.refused", description: "Requests refused because too many were running.");
        _witnessed = _meter.CreateCounter<long>(
            "quorate.witness.requests",
            description: "Checkpoints that this node's witness was asked to cosign, by status."
        );
        _meter.CreateObservableGauge(
            "quorate.log.entries",
            () =>
                registry
                    .Published.Select(p => Measure((long)p.Log.Head.TreeSize, p.Section.Name, "published"))
                    .Concat(registry.Followed.Select(f => Measure((long)(f.Head?.TreeSize ?? 0), f.Section.Name, "followed"))),
            description: "Entries under the newest head."
        );
        _meter.CreateObservableGauge(
            "quorate.log.sequencer",
            () => registry.Published.SelectMany(p => Shared(p, log => log.IsSequencer)),
            description: "1 on the node that sequences a shared log."
        );
        _meter.CreateObservableGauge(
            "quorate.log.database_fault",
            () => registry.Published.SelectMany(p => Shared(p, log => log.Fault is not null || log.Failure is not null)),
            description: "1 while the database of a shared log cannot be used."
        );
        _meter.CreateObservableGauge(
            "quorate.subscription.last_success_timestamp",
            () =>
                registry.Followed.Select(f => new Measurement<double>(
                    (f.Status.LastSuccess?.ToUnixTimeMilliseconds() ?? 0) / 1000.0,
                    new KeyValuePair<string, object?>("log", f.Section.Name)
                )),
            "s",
            "When the newest head of a followed log was last verified; 0 for never."
        );
        _meter.CreateObservableGauge(
            "quorate.log.damaged",
            () => _damaged.Select(d => new Measurement<long>(d.Value, new KeyValuePair<string, object?>("log", d.Key))),
            description: "1 when the last scrub found stored data that is not what was written."
        );
        _meter.CreateObservableGauge(
            "quorate.log.last_scrub_timestamp",
            () =>
                _scrubs.Select(s => new Measurement<double>(
                    s.Value.ToUnixTimeMilliseconds() / 1000.0,
                    new KeyValuePair<string, object?>("log", s.Key)
                )),
            "s",
            "When all stored data of a log was last read and found intact."
        );
        _meter.CreateObservableGauge(
            "quorate.subscription.misbehaving",
            () =>
                registry.Followed.Select(f => new Measurement<long>(
                    f.Status.Misbehaviour is null ? 0 : 1,
                    new KeyValuePair<string, object?>("log", f.Section.Name)
                )),
            description: "1 when a log contradicted itself under its own signatures."
        );
        _meter.CreateObservableGauge(
            "quorate.subscription.stale",
            () =>
                registry.Followed.Select(f => new Measurement<long>(
                    f.IsStale ? 1 : 0,
                    new KeyValuePair<string, object?>("log", f.Section.Name)
                )),
            description: "1 when what was verified of a followed log has not been known to be all of it for longer than stale_after."
        );
        _meter.CreateObservableGauge(
            "quorate.subscription.fresh_timestamp",
            () =>
                registry.Followed.Select(f => new Measurement<double>(
                    (f.Standing.FreshAt?.ToUnixTimeMilliseconds() ?? 0) / 1000.0,
                    new KeyValuePair<string, object?>("log", f.Section.Name)
                )),
            "s",
            "When what was verified of a followed log was last known to be all of it; 0 for never."
        );
        _meter.CreateObservableGauge(
            "quorate.log.checkpoint_entries",
            () =>
                registry
                    .Published.Where(p => p.Checkpoints is not null)
                    .Select(p => Measure((long)(p.Checkpoints!.Current?.Checkpoint.Size ?? 0), p.Section.Name, "published")),
            description: "Entries under the checkpoint that is published, which waits for its witnesses."
        );
    }

    public void Submitted(string log) => _submits.Add(1, new KeyValuePair<string, object?>("log", log));

    public void Diverged(string log, int count) => Add(_divergences, log, count);

    public void Filtered(string log, int count) => Add(_filtered, log, count);

    public void SubscriptionFault(string log) => Add(_faults, log, 1);

    public void Decided(string protocol, string verdict) =>
        _decisions.Add(1, new KeyValuePair<string, object?>("protocol", protocol), new KeyValuePair<string, object?>("verdict", verdict));

    public void Request(string listener, string route, int status, TimeSpan duration) =>
        _requests.Record(
            duration.TotalSeconds,
            new KeyValuePair<string, object?>("listener", listener),
            new KeyValuePair<string, object?>("route", route),
            new KeyValuePair<string, object?>("status", status)
        );

    /// <summary>A log's stored data was read to the end, or to the first damage.</summary>
    public void Scrubbed(string log, bool isIntact, DateTimeOffset now)
    {
        _damaged[log] = isIntact ? 0 : 1;
        if (isIntact)
        {
            _scrubs[log] = now;
        }
    }

    public void WitnessAnswered(int status) => _witnessed.Add(1, new KeyValuePair<string, object?>("status", status));

    public void RequestRefused(string listener) => _refused.Add(1, new KeyValuePair<string, object?>("listener", listener));

    public void Dispose() => _meter.Dispose();

    static void Add(Counter<long> counter, string log, int count)
    {
        if (count > 0)
        {
            counter.Add(count, new KeyValuePair<string, object?>("log", log));
        }
    }

    static IEnumerable<Measurement<long>> Shared(PublishedLogEntry entry, Func<SharedLog, bool> what) =>
        entry.Log is SharedLog log ? [new(what(log) ? 1 : 0, new KeyValuePair<string, object?>("log", entry.Section.Name))] : [];

    static Measurement<long> Measure(long value, string log, string role) =>
        new(value, new KeyValuePair<string, object?>("log", log), new KeyValuePair<string, object?>("role", role));
}
