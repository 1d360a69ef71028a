using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Quorate.Sources.Webhooks;

namespace Quorate.Node.Alerts;

/// <summary>Something that an operator should know of at once.</summary>
/// <param name="Event">Stable: <c>misbehaviour</c>, <c>stale</c>, <c>rollback</c>.</param>
/// <param name="Log">The configured name.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="Proof">A proof of misbehaviour as a file; null where there is none.</param>
sealed record Alert(string Event, string Log, string LogId, string Builder, string Detail, ReadOnlyMemory<byte>? Proof = null);

/// <summary>
/// Posts alerts to <c>node.webhook</c>, one after the other, a few times each. Whoever raises one never waits; what cannot be delivered stands in the log and in
/// the metrics all the same.
/// </summary>
sealed partial class OperatorAlerts : IAsyncDisposable
{
    /// <summary>More wait for an address that does not answer; of more the oldest are dropped.</summary>
    const int MostWaiting = 64;

    const int Attempts = 5;

    static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(1);

    readonly Channel<Alert> _waiting = Channel.CreateBounded<Alert>(
        new BoundedChannelOptions(MostWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest }
    );
    readonly Func<Uri?> _address;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly CancellationTokenSource _stop = new();
    readonly Task _running;

    /// <param name="address">Asked for each alert, as a reload may change it.</param>
    public OperatorAlerts(Func<Uri?> address, TimeProvider time, ILogger<OperatorAlerts> logger)
    {
        (_address, _time, _logger) = (address, time, logger);
        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    public void Raise(Alert alert) => _waiting.Writer.TryWrite(alert);

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    async Task RunAsync()
    {
        try
        {
            await foreach (var alert in _waiting.Reader.ReadAllAsync(_stop.Token))
            {
                if (_address() is { } address)
                {
                    await DeliverAsync(alert, address);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The node ends; the log has it all.
        }
    }

    async Task DeliverAsync(Alert alert, Uri address)
    {
        using var client = new WebhookClient(address);
        var json = Write(alert);
        var retry = s_firstRetry;
        for (var attempt = 1; ; attempt++)
        {
            if (await client.PostAsync(json, _stop.Token) is not { } failure)
            {
                return;
            }
            if (attempt == Attempts)
            {
                GaveUp(alert.Event, alert.Log, address.Host, Attempts, failure);
                return;
            }
            await Task.Delay(retry, _time, _stop.Token);
            retry *= 4;
        }
    }

    byte[] Write(Alert alert)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("event"u8, alert.Event);
            json.WriteString("log"u8, alert.Log);
            json.WriteString("logId"u8, alert.LogId);
            json.WriteString("builder"u8, alert.Builder);
            json.WriteString("detail"u8, alert.Detail);
            json.WriteString("at"u8, _time.GetUtcNow().UtcDateTime);
            if (alert.Proof is { } proof)
            {
                json.WriteBase64String("proof"u8, proof.Span);
            }
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    [LoggerMessage(
        80,
        LogLevel.Warning,
        "The webhook at {Host} did not take the event {Event} of log {Log} in {Attempts} attempts: {Failure}"
    )]
    partial void GaveUp(string @event, string log, string host, int attempts, string failure);
}
