using System.Diagnostics.Metrics;

namespace Quorate.Node.Gates;

/// <summary>What the gate counts, under the node's meter name. The scope tells several nodes in one process apart.</summary>
sealed class GateMetrics : IDisposable
{
    readonly Meter _meter;
    readonly Counter<long> _answers;
    readonly Counter<long> _bytes;
    readonly Counter<long> _failedDownloads;

    public GateMetrics(string meterName, object? scope)
    {
        _meter = new Meter(new MeterOptions(meterName) { Scope = scope });
        _answers = _meter.CreateCounter<long>("quorate.gate.answers", description: "Answers to narinfo requests by outcome.");
        _bytes = _meter.CreateCounter<long>("quorate.gate.nar", "By", "Compressed NAR bytes passed through.");
        _failedDownloads = _meter.CreateCounter<long>(
            "quorate.gate.failed_downloads",
            description: "NARs that no upstream delivered whole."
        );
    }

    public void Answered(GateOutcome outcome, bool served) =>
        _answers.Add(
            1,
            new KeyValuePair<string, object?>("outcome", outcome.ToString()),
            new KeyValuePair<string, object?>("served", served ? "yes" : "no")
        );

    public void Passed(long bytes) => _bytes.Add(bytes);

    public void DownloadFailed() => _failedDownloads.Add(1);

    public void Dispose() => _meter.Dispose();
}
