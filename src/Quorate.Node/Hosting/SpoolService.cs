using System.Text;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Nix.Store;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Traces;
using Quorate.Sources.Spool;

namespace Quorate.Node.Hosting;

/// <summary>
/// Delivers what hooks could not: <c>spool</c> in the state directory, at start and then every half minute. Where this machine has a
/// <c>nix-store</c>, bare paths are made claims first. The publish filter of now is applied again, because it may have become stricter since the
/// hook ran.
/// </summary>
sealed partial class SpoolService : IAsyncDisposable
{
    static readonly TimeSpan s_interval = TimeSpan.FromSeconds(30);

    /// <summary>For Nix in one pass. A store that hangs keeps claims from being delivered no longer than this.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    readonly NodeContext _node;
    readonly string _path;
    readonly DerivationFiles _derivations;
    readonly ILogger _logger;
    readonly CancellationTokenSource _stop = new();
    Task _running = Task.CompletedTask;

    /// <param name="derivations">Where the node keeps resolved derivations.</param>
    public SpoolService(NodeContext node, string stateFolder, DerivationFiles derivations, ILogger<SpoolService> logger)
    {
        _node = node;
        _derivations = derivations;
        _path = Path.Combine(stateFolder, "spool");
        _logger = logger;
    }

    public void Start() => _running = Task.Run(RunAsync, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await DeliverAsync(_stop.Token);
                await Task.Delay(s_interval, _node.Time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>One pass over the spool. Whatever goes wrong waits for the next one.</summary>
    internal async Task DeliverAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var spool = HookSpool.Open(_path, create: false);
            if (spool is null)
            {
                return;
            }
            await ResolveAsync(spool, cancellationToken);
            var progress = await SpoolDelivery.DeliverAsync(spool, DeliverAsync, cancellationToken);
            if (progress.Delivered > 0)
            {
                Delivered(progress.Delivered, _path);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SpoolFailed(_path, e.Message);
            await Task.Delay(s_interval, _node.Time, cancellationToken);
        }
    }

    async Task ResolveAsync(HookSpool spool, CancellationToken cancellationToken)
    {
        // Looked for each time: Nix may be installed, or its profile switched, while the node runs.
        if (spool.Unresolved().Count == 0 || NixPrograms.Find("nix-store", Environment.GetEnvironmentVariable) is not { } program)
        {
            return;
        }
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_patience);
        var progress = await new SpoolResolution(spool, program, _node.Time).ResolveAsync(deadline.Token);
        if (progress.Collected + progress.Expired > 0)
        {
            Lost(progress.Collected, progress.Expired, _path);
        }
        if (progress.Waiting > 0)
        {
            Unresolved(progress.Waiting, _path, progress.Problem);
        }
    }

    async Task<SpoolOutcome> DeliverAsync(SpoolBatch batch, CancellationToken cancellationToken)
    {
        if (Find(batch.Log) is not { } entry)
        {
            // The log may come back with the next configuration. Until then its claims hold up nobody else's: order matters within one log only.
            NoLog(batch.Log, batch.Items.Count);
            return SpoolOutcome.Skipped;
        }
        try
        {
            var items = batch.Items.Select(i => new SubmitItem(i.Key, i.Value)).ToList();
            var derivers = batch.Items.Select(i => i.Deriver).ToList();
            if ((await _node.Publisher.SubmitAsync(entry, items, relayed: false, cancellationToken, derivers)).Filtered == 0)
            {
                KeepDerivations(entry, batch);
            }
            return SpoolOutcome.Delivered;
        }
        catch (LogInputException e)
        {
            Refused(entry.Section.Name, e.Message);
            return SpoolOutcome.Refused;
        }
        catch (LogOverloadedException)
        {
            return SpoolOutcome.Later;
        }
    }

    /// <summary>What claims about build steps stand for; what is not that, or may not be named, is left out.</summary>
    void KeepDerivations(PublishedLogEntry entry, SpoolBatch batch)
    {
        foreach (var item in batch.Items)
        {
            if (
                item.Derivation is { } aterm
                && ResolvedInputHash.TryParse(Encoding.Latin1.GetString(item.Key.Span), out var input)
                && DerivationFiles.TryRead(aterm, input, out var derivation, out _)
                && _node.Publisher.MayName(entry.Section, derivation.Path.ToString())
                && !_derivations.Has(input)
            )
            {
                _derivations.Write(derivation);
            }
        }
    }

    PublishedLogEntry? Find(string log)
    {
        var published = _node.Registry.Published;
        if (log.Length > 0)
        {
            return published.FirstOrDefault(p => p.Section.Name == log || p.Log.Identity.Id.Text == log);
        }
        var candidates = published.Where(p => p.Section.Protocol == Protocol.Nix && p.Section.Claims == ClaimsKind.Built).ToList();
        return candidates.Count == 1 ? candidates[0] : null;
    }

    [LoggerMessage(60, LogLevel.Information, "Delivered {Batches} batches of the hook's spool {Path}")]
    partial void Delivered(int batches, string path);

    [LoggerMessage(
        64,
        LogLevel.Warning,
        "Of paths that hooks left in {Path}, {Collected} were not in the store any more and {Expired} were given up because Nix did not answer: they are in no log"
    )]
    partial void Lost(int collected, int expired, string path);

    [LoggerMessage(65, LogLevel.Information, "{Files} files of paths in {Path} wait for Nix to say what they are: {Reason}")]
    partial void Unresolved(int files, string path, string reason);

    [LoggerMessage(61, LogLevel.Warning, "The spool {Path} cannot be delivered: {Reason}")]
    partial void SpoolFailed(string path, string reason);

    [LoggerMessage(
        62,
        LogLevel.Warning,
        "The spool holds {Items} claims for log '{Log}', which this node does not publish (or not exactly once)"
    )]
    partial void NoLog(string log, int items);

    [LoggerMessage(63, LogLevel.Error, "Log {Log} refused a spooled batch, which is kept aside: {Reason}")]
    partial void Refused(string log, string reason);
}
