using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Quorate.Log;
using Quorate.Node.Alerts;
using Quorate.Node.Telemetry;

namespace Quorate.Node.Subscriptions;

/// <summary>
/// Owns one followed log and polls it for as long as it is followed: at once, then at its interval with jitter; after faults sooner at first (1 s, 2 s,
/// 4 s …) and never later than the interval. Nothing that a remote does ends the loop.
/// </summary>
sealed partial class SubscriptionLoop : IAsyncDisposable
{
    static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(1);

    readonly FollowedLog _log;
    readonly TimeProvider _time;
    readonly NodeMetrics _metrics;
    readonly OperatorAlerts _alerts;
    readonly ILogger _logger;
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _polling = new(1);
    Task _running = Task.CompletedTask;
    string? _lastFault;
    string? _lastMisbehaviour;
    string _lastWitnessFaults = "";
    bool _wasStale;

    public SubscriptionLoop(
        FollowedLog log,
        TimeProvider time,
        NodeMetrics metrics,
        OperatorAlerts alerts,
        ILogger<SubscriptionLoop> logger
    )
    {
        _alerts = alerts;
        _log = log;
        _time = time;
        _metrics = metrics;
        _logger = logger;
    }

    public FollowedLog Log => _log;

    public void Start() => _running = Task.Run(RunAsync, CancellationToken.None);

    /// <summary>Polls now, after a poll that may be under way.</summary>
    public async Task<bool> PollAsync(CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        await _polling.WaitAsync(both.Token);
        try
        {
            return await PollOnceAsync(both.Token);
        }
        finally
        {
            _polling.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        // Whoever polls by hand holds the semaphore, and the log's files must not be in use when they are closed.
        await _polling.WaitAsync(CancellationToken.None);
        await _log.DisposeAsync();
        _polling.Dispose();
        _stop.Dispose();
    }

    async Task RunAsync()
    {
        var retry = s_firstRetry;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var good = await PollAsync(_stop.Token);
                var poll = _log.Section.Poll;
                var wait = good ? poll : Min(retry, poll);
                retry = good ? s_firstRetry : Min(retry * 2, poll);
                await Task.Delay(Jittered(wait), _time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    async Task<bool> PollOnceAsync(CancellationToken cancellationToken)
    {
        var name = _log.Section.Name;
        var good = false;
        try
        {
            good = await _log.PollAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The edge of this task: a bug or a full disk in one subscription must not end the others.
            PollFailed(e, name);
            _log.Failed(e.Message);
        }
        Tell(name, _log.Status);
        return good;
    }

    /// <summary>Says what changed, not the same fault once a minute.</summary>
    void Tell(string name, Logs.SubscriptionStatus status)
    {
        if (status.Fault is not null)
        {
            _metrics.SubscriptionFault(name);
        }
        if (status.Fault != _lastFault)
        {
            if (status.Fault is { } fault)
            {
                RemoteFault(name, fault);
            }
            else
            {
                Recovered(name, _log.Head?.TreeSize ?? 0);
            }
        }
        if (status.Misbehaviour is { } misbehaviour && misbehaviour != _lastMisbehaviour)
        {
            Misbehaves(name, _log.Identity.Id.Text, misbehaviour);
            var proof = _log.Misbehaviour is { } evidence ? MisbehaviourProof.Write(evidence, _log.Identity.Key) : null;
            Raise("misbehaviour", misbehaviour, proof);
        }
        var faults = string.Join("; ", _log.WitnessFaults);
        if (faults != _lastWitnessFaults && faults.Length > 0)
        {
            WitnessFaults(name, faults);
        }
        // A log that was never fresh is not news: its first look may simply not be over.
        var isStale = _log is { IsStale: true, Standing.FreshAt: not null };
        if (isStale && !_wasStale)
        {
            var since = $"nothing vouches for it since {_log.Standing.FreshAt:u}";
            IsStale(name, since);
            Raise("stale", since, null);
        }
        (_lastWitnessFaults, _wasStale) = (faults, isStale);
        (_lastFault, _lastMisbehaviour) = (status.Fault, status.Misbehaviour);
    }

    void Raise(string what, string detail, byte[]? proof) =>
        _alerts.Raise(new Alert(what, _log.Section.Name, _log.Identity.Id.Text, _log.Section.Builder, detail, proof));

    /// <summary>±10 %, so that the followers of one log do not come all at once.</summary>
    static TimeSpan Jittered(TimeSpan wait) => wait * (0.9 + RandomNumberGenerator.GetInt32(2001) / 10_000.0);

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    [LoggerMessage(20, LogLevel.Warning, "Followed log {Log}: {Fault}")]
    partial void RemoteFault(string log, string fault);

    [LoggerMessage(21, LogLevel.Information, "Followed log {Log} is verified up to {TreeSize} entries")]
    partial void Recovered(string log, ulong treeSize);

    [LoggerMessage(
        22,
        LogLevel.Error,
        "Followed log {Log} ({LogId}) misbehaves: {Misbehaviour}. Claims up to its last good head keep counting"
    )]
    partial void Misbehaves(string log, string logId, string misbehaviour);

    [LoggerMessage(24, LogLevel.Warning, "Followed log {Log} is stale: {Since}")]
    partial void IsStale(string log, string since);

    [LoggerMessage(25, LogLevel.Warning, "Witnesses of followed log {Log}: {Faults}")]
    partial void WitnessFaults(string log, string faults);

    [LoggerMessage(23, LogLevel.Error, "Polling {Log} failed inside this node")]
    partial void PollFailed(Exception exception, string log);
}
