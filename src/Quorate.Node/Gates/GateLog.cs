using Microsoft.Extensions.Logging;

namespace Quorate.Node.Gates;

static partial class GateLog
{
    [LoggerMessage(1, LogLevel.Information, "the Nix gate listens on {Address} in {Mode} mode, in front of {Upstreams}")]
    public static partial void Started(this ILogger logger, string address, string mode, string upstreams);

    [LoggerMessage(2, LogLevel.Information, "refused {Path} ({Outcome}): {Reasons}")]
    public static partial void Refused(this ILogger logger, string path, GateOutcome outcome, string reasons);

    // Nix asks for every path that it is about to build, most of which nobody else has.
    [LoggerMessage(3, LogLevel.Debug, "nobody knows {HashPart}: {Reasons}")]
    public static partial void Unknown(this ILogger logger, string hashPart, string reasons);

    [LoggerMessage(4, LogLevel.Warning, "report mode let {Path} through, which would be refused ({Outcome}): {Reasons}")]
    public static partial void WouldRefuse(this ILogger logger, string path, GateOutcome outcome, string reasons);

    [LoggerMessage(5, LogLevel.Debug, "served {Path} ({Outcome})")]
    public static partial void Served(this ILogger logger, string path, GateOutcome outcome);

    [LoggerMessage(6, LogLevel.Warning, "the bytes of {Nar} could not be fetched: {Reason}")]
    public static partial void DownloadFailed(this ILogger logger, string nar, string reason);

    [LoggerMessage(7, LogLevel.Warning, "a request to the gate took too long: {Path}")]
    public static partial void TimedOut(this ILogger logger, string path);

    [LoggerMessage(9, LogLevel.Information, "the gate also fetches from {Upstream}, which the log of {Log} names")]
    public static partial void UsesLogUpstream(this ILogger logger, Uri upstream, string log);

    [LoggerMessage(11, LogLevel.Debug, "the upstream of the log of {Log} is not known: {Reason}")]
    public static partial void LogUpstreamUnknown(this ILogger logger, string log, string reason);

    [LoggerMessage(8, LogLevel.Error, "a request to the gate failed: {Path}")]
    public static partial void Failed(this ILogger logger, Exception exception, string path);
}
