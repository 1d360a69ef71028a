using Microsoft.Extensions.Logging;
using Quorate.Log.Sharing;

namespace Quorate.Node.Logs;

/// <summary>What a shared log tells its operator.</summary>
static partial class SharedLogMessages
{
    public static void Tell(ILogger logger, string log, SharedLogEvent what)
    {
        switch (what)
        {
            case SharedLogEvent.TookLease:
                TookLease(logger, log);
                break;
            case SharedLogEvent.LostLease lost:
                LostLease(logger, log, lost.Reason);
                break;
            case SharedLogEvent.Faulted fault:
                Faulted(logger, log, fault.Reason);
                break;
            case SharedLogEvent.Recovered:
                Recovered(logger, log);
                break;
            case SharedLogEvent.DiscardedCopy discarded:
                DiscardedCopy(logger, log, discarded.Reason);
                break;
            case SharedLogEvent.Failed failed:
                Failed(logger, log, failed.Reason);
                break;
        }
    }

    [LoggerMessage(70, LogLevel.Information, "This node sequences the shared log {Log}")]
    static partial void TookLease(ILogger logger, string log);

    [LoggerMessage(71, LogLevel.Information, "This node no longer sequences the shared log {Log}: {Reason}")]
    static partial void LostLease(ILogger logger, string log, string reason);

    [LoggerMessage(72, LogLevel.Warning, "The database of the shared log {Log} cannot be used, submits wait: {Reason}")]
    static partial void Faulted(ILogger logger, string log, string reason);

    [LoggerMessage(73, LogLevel.Information, "The database of the shared log {Log} can be used again")]
    static partial void Recovered(ILogger logger, string log);

    [LoggerMessage(75, LogLevel.Warning, "This node's copy of the shared log {Log} was damaged and is fetched again: {Reason}")]
    static partial void DiscardedCopy(ILogger logger, string log, string reason);

    [LoggerMessage(74, LogLevel.Critical, "This node gave up the shared log {Log}: {Reason}")]
    static partial void Failed(ILogger logger, string log, string reason);
}
