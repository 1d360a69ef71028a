using Microsoft.Extensions.Logging;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Node.Alerts;
using Quorate.Node.Configuration;

namespace Quorate.Node.Witness;

/// <summary>The witnesses of one published log: asks them, shows what they cosigned, and stops the log when one proves that it is not the newest.</summary>
sealed partial class LogWitnessing : IAsyncDisposable
{
    readonly PublishSection _section;
    readonly ICheckpointedLog _log;
    readonly WitnessClients _clients;
    readonly TimeProvider _time;
    readonly OperatorAlerts _alerts;
    readonly ILogger _logger;
    WitnessedPublication? _publication;
    string _lastFaults = "";

    LogWitnessing(PublishSection section, ICheckpointedLog log, TimeProvider time, OperatorAlerts alerts, ILogger logger)
    {
        (_section, _log, _time, _alerts, _logger) = (section, log, time, alerts, logger);
        _clients = new WitnessClients(section.Witnesses!.Witnesses);
    }

    public ICheckpointPublication Checkpoints => _publication!;

    public IReadOnlyList<string> Faults => _publication?.Faults ?? [];

    /// <summary>For decisions of this node: its own log is always as new as can be.</summary>
    public LogStanding Standing
    {
        get
        {
            var size = _publication?.Current?.Checkpoint.Size ?? 0;
            return new LogStanding([.. (_publication?.Cosignatures ?? []).Select(_ => size)], _time.GetUtcNow());
        }
    }

    /// <param name="ownWitness">This node's own, which does not count.</param>
    /// <exception cref="LogRolledBackException">A witness knows more of the log than its files.</exception>
    public static async Task<LogWitnessing> OpenAsync(
        PublishSection section,
        ICheckpointedLog log,
        NoteVerifierKey? ownWitness,
        TimeProvider time,
        OperatorAlerts alerts,
        ILogger<LogWitnessing> logger,
        CancellationToken cancellationToken
    )
    {
        var witnessing = new LogWitnessing(section, log, time, alerts, logger);
        try
        {
            var policy = section.Witnesses!;
            var options = new WitnessingOptions(
                witnessing._clients.Witnesses,
                policy.Policy,
                policy.OnFailure,
                ownWitness is null ? [log.VerifierKey] : [log.VerifierKey, ownWitness]
            )
            {
                RoundEnded = witnessing.Tell,
                Stopped = witnessing.Stop,
            };
            witnessing._publication = await WitnessedPublication.OpenAsync(log, options, time, cancellationToken);
            return witnessing;
        }
        catch
        {
            await witnessing.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_publication is not null)
        {
            await _publication.DisposeAsync();
        }
        _clients.Dispose();
    }

    void Stop(WitnessIncident incident)
    {
        var detail = incident.Detail(_log.Origin, _log.Head!.TreeSize);
        _log.Refuse(detail);
        SigningStopped(_section.Name, detail);
        _alerts.Raise(new Alert("rollback", _section.Name, _log.Identity.Id.Text, _section.Builder, detail, incident.Proof?.Bytes));
    }

    /// <summary>Says what changed, not the same fault each second.</summary>
    void Tell(CosignatureRound round)
    {
        var faults = string.Join("; ", round.Faults);
        if (faults != _lastFaults && faults.Length > 0)
        {
            WitnessFaults(_section.Name, faults);
        }
        _lastFaults = faults;
    }

    [LoggerMessage(66, LogLevel.Warning, "Witnesses of log {Log}: {Faults}")]
    partial void WitnessFaults(string log, string faults);

    [LoggerMessage(67, LogLevel.Critical, "Log {Log} signs nothing more: {Detail}")]
    partial void SigningStopped(string log, string detail);
}
