using System.Text;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>Hands claims to a node: those that waited first, because a builder's first value for a path is its vote.</summary>
sealed class HookDelivery(ControlClient client, HookSpool? spool, string? wanted)
{
    /// <summary>The log that was written; null until the node said which one is meant.</summary>
    public LogInfo? Log { get; private set; }

    /// <summary>What the node says and what was said at installation.</summary>
    public HookFilter? Filter { get; private set; }

    /// <summary>Learns the log and its filter, and delivers what waits in the spool.</summary>
    /// <returns>False: some of that has to wait on, and so has everything newer.</returns>
    /// <exception cref="IOException">The node did not answer as it should.</exception>
    /// <exception cref="FormatException">The node accepted a glob that this program does not understand.</exception>
    public async Task<SpoolProgress> CatchUpAsync(CancellationToken cancellationToken)
    {
        var logs = (await client.LogsAsync(cancellationToken)).Value;
        var log = PickLog(logs, wanted);
        var stated = HookFilter.From(log.Filter);
        Filter = (spool is null ? HookFilter.Unknown : HookFilter.Load(spool, wanted ?? "")).With(stated);
        Log = log;
        if (spool is null)
        {
            return default;
        }
        HookFilter.State(spool, wanted ?? "", log.Filter);
        return await SpoolDelivery.DeliverAsync(spool, (batch, token) => DeliverAsync(logs, log, batch, token), cancellationToken);
    }

    /// <exception cref="IOException">The node did not answer as it should.</exception>
    public async Task<SubmitOutcome> SubmitAsync(LogInfo log, IReadOnlyList<SpoolItem> items, CancellationToken cancellationToken) =>
        (
            await client.SubmitAsync(log.Name, [.. items.Select(i => new SubmitEntry(i.Key, i.Value))], relayed: false, cancellationToken)
        ).Value;

    async Task<SpoolOutcome> DeliverAsync(LogList logs, LogInfo ours, SpoolBatch batch, CancellationToken cancellationToken)
    {
        // Hooks of several logs may share a spool; one that this node does not publish is somebody else's to deliver.
        var log = batch.Log.Length == 0 ? ours : logs.Published.FirstOrDefault(l => l.Name == batch.Log || l.LogId == batch.Log);
        if (log is null)
        {
            return SpoolOutcome.Skipped;
        }
        try
        {
            // Of a build trace the hook judged every output before it signed; the node judges again.
            var publish =
                log.Protocol == Core.Protocol.NixTrace.Name
                    ? batch.Items
                    : HookFilter.Of(HookFilter.From(log.Filter)).Apply(batch.Items).Publish;
            if (publish.Count > 0 && (await SubmitAsync(log, publish, cancellationToken)).Filtered == 0)
            {
                await KeepDerivationsAsync(publish, cancellationToken);
            }
            return SpoolOutcome.Delivered;
        }
        catch (ControlException e) when (e.Status is 400 or 413)
        {
            return SpoolOutcome.Refused;
        }
    }

    /// <summary>Hands the node the resolved derivations, to be read beside the claims about them.</summary>
    async Task KeepDerivationsAsync(IReadOnlyList<SpoolItem> items, CancellationToken cancellationToken)
    {
        foreach (var item in items)
        {
            if (item.Derivation is not { } derivation)
            {
                continue;
            }
            try
            {
                await client.KeepDerivationAsync(Encoding.Latin1.GetString(item.Key.Span), derivation, cancellationToken);
            }
            catch (ControlException e) when (e.Status is 400 or 403 or 404 or 413)
            {
                // The filter of now holds its name back, or the node keeps none: asking again would not change that. A busy node is asked again.
            }
        }
    }

    /// <summary>The configured log, or the only one that a hook may mean.</summary>
    /// <exception cref="ControlException">There is none, or several may be meant.</exception>
    internal static LogInfo PickLog(LogList logs, string? wanted)
    {
        var published = logs.Published.Where(l => l.Protocol is "nix" || l.Protocol == Core.Protocol.Nix.Id).ToArray();
        if (wanted is not null)
        {
            return published.FirstOrDefault(l => l.Name == wanted || l.LogId == wanted)
                ?? throw new ControlException(404, "not_found", $"the node publishes no nix log '{wanted}'");
        }
        var built = published.Where(l => l.Claims == "built").ToArray();
        return built.Length switch
        {
            1 => built[0],
            0 => throw new ControlException(404, "not_found", "the node publishes no nix log of built claims"),
            _ => throw new ControlException(
                400,
                "invalid_argument",
                $"the node publishes several nix logs ({string.Join(", ", built.Select(l => l.Name))}): say --log NAME at install"
            ),
        };
    }
}
