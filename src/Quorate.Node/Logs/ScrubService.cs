using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Quorate.Core.Files;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Telemetry;

namespace Quorate.Node.Logs;

/// <summary>
/// Reads everything that the node stores once in <c>node.scrub</c>, one log after the other, at a rate that nobody notices. Damage is logged and counted; reads of it fail
/// by themselves.
/// </summary>
sealed partial class ScrubService(
    Func<NodeConfiguration> configuration,
    string stateFolder,
    LogRegistry registry,
    NodeMetrics metrics,
    TimeProvider time,
    ILogger<ScrubService> logger
) : IAsyncDisposable
{
    const long BytesPerSecond = 8 << 20;

    /// <summary>When each log was last read to the end without damage: in the state directory, so that restarts change nothing.</summary>
    const string FileName = "scrubbed";

    static readonly TimeSpan s_pause = TimeSpan.FromMinutes(1);

    readonly ILogger _logger = logger;
    readonly CancellationTokenSource _stop = new();
    readonly ConcurrentDictionary<string, DateTimeOffset> _last = new(StringComparer.Ordinal);
    Task _running = Task.CompletedTask;

    public void Start()
    {
        Load();
        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_pause, time, _stop.Token);
                await PassAsync(BytesPerSecond, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The node ends.
        }
    }

    /// <summary>Reads every log whose time has come.</summary>
    internal async Task PassAsync(long bytesPerSecond, CancellationToken cancellationToken)
    {
        var period = configuration().Node.Scrub;
        if (period == TimeSpan.Zero)
        {
            return;
        }
        foreach (var (name, view) in Logs())
        {
            var id = view.Identity.Id.Text;
            // A log that is new here counts as read: what was just written or fetched was just checked.
            if (time.GetUtcNow() - _last.GetOrAdd(id, _ => time.GetUtcNow()) >= period)
            {
                await ScrubAsync(name, view, bytesPerSecond, cancellationToken);
                _last[id] = time.GetUtcNow();
                Save();
            }
        }
    }

    async Task ScrubAsync(string name, LogView view, long bytesPerSecond, CancellationToken cancellationToken)
    {
        try
        {
            var bytes = await view.ScrubAsync(bytesPerSecond, cancellationToken);
            metrics.Scrubbed(name, isIntact: true, time.GetUtcNow());
            Intact(name, bytes);
        }
        catch (ObjectDisposedException)
        {
            // A reload closed the log.
        }
        catch (Exception e) when (e is IOException)
        {
            metrics.Scrubbed(name, isIntact: false, time.GetUtcNow());
            Damaged(name, e.Message);
        }
    }

    IEnumerable<(string Name, LogView View)> Logs() =>
        registry
            .Published.Select(p => (p.Section.Name, p.Log as LogView))
            .Concat(registry.Followed.Select(f => (f.Section.Name, f.Mirror as LogView)))
            .Where(l => l.Item2 is not null)
            .Select(l => (l.Name, l.Item2!));

    void Load()
    {
        try
        {
            foreach (var line in File.ReadLines(Path.Combine(stateFolder, FileName)))
            {
                if (
                    line.Split(' ') is [var id, var seconds]
                    && LogId.TryParse(id, out _)
                    && long.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var unix)
                    && unix <= time.GetUtcNow().ToUnixTimeSeconds()
                )
                {
                    _last[id] = DateTimeOffset.FromUnixTimeSeconds(unix);
                }
            }
        }
        catch (FileNotFoundException)
        {
            // The first start.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NoTimes(FileName, e.Message);
        }
    }

    void Save()
    {
        try
        {
            var lines = _last.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key} {l.Value.ToUnixTimeSeconds()}\n");
            DurableFile.Replace(Path.Combine(stateFolder, FileName), Encoding.ASCII.GetBytes(string.Concat(lines)), DurableFile.Private);
        }
        catch (IOException e)
        {
            NoTimes(FileName, e.Message);
        }
    }

    [LoggerMessage(76, LogLevel.Information, "Scrub of log {Log}: {Bytes} bytes read, all as they were written")]
    partial void Intact(string log, long bytes);

    [LoggerMessage(77, LogLevel.Error, "Scrub of log {Log} found damage: {Damage}")]
    partial void Damaged(string log, string damage);

    [LoggerMessage(78, LogLevel.Warning, "The times of the last scrubs in {File} cannot be kept: {Reason}")]
    partial void NoTimes(string file, string reason);
}
