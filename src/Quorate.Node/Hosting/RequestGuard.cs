using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Quorate.Log.Storage;
using Quorate.Node.Control;
using Quorate.Node.Telemetry;

namespace Quorate.Node.Hosting;

/// <summary>
/// Around every request of a listener: a cap on how many run at once, a time limit, a duration metric, and an answer with a code for
/// whatever was thrown. The outermost edge, so it is the one place that catches everything.
/// </summary>
sealed partial class RequestGuard(
    string listener,
    int maxConcurrent,
    TimeSpan timeout,
    NodeMetrics metrics,
    TimeProvider time,
    ILogger logger
)
{
    /// <summary>What a submitter is told while the disk under a log fails; the node's own log says more.</summary>
    internal const string StorageFailed = "the storage of the log fails; send it again later, it may be logged already";

    readonly Deadlines _deadlines = new(time);
    int _running;

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var start = time.GetTimestamp();
        if (Interlocked.Increment(ref _running) > maxConcurrent)
        {
            Interlocked.Decrement(ref _running);
            metrics.RequestRefused(listener);
            context.Response.Headers.RetryAfter = "1";
            await ControlJsonIo.WriteErrorAsync(context, new ControlException("unavailable", "too many requests are running; try again"));
            return;
        }
        var client = context.RequestAborted;
        using var deadline = _deadlines.Start(timeout, client);
        context.RequestAborted = deadline.Token;
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (client.IsCancellationRequested)
        {
            // The client is gone; nobody is left to answer.
            return;
        }
        catch (Exception e)
        {
            context.RequestAborted = client;
            await AnswerAsync(context, e, deadline.Token.IsCancellationRequested);
        }
        finally
        {
            context.RequestAborted = client;
            Interlocked.Decrement(ref _running);
            // The route pattern, not the path: paths are chosen by clients and would make endless series.
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
            metrics.Request(listener, route, context.Response.StatusCode, time.GetElapsedTime(start));
        }
    }

    async Task AnswerAsync(HttpContext context, Exception exception, bool timedOut)
    {
        var error = exception switch
        {
            ControlException known => known,
            OperationCanceledException when timedOut => new ControlException(
                "deadline_exceeded",
                "the request took longer than node.request_timeout"
            ),
            BadHttpRequestException bad => new ControlException(
                bad.StatusCode == 413 ? "resource_exhausted" : "invalid_argument",
                bad.Message
            ),
            _ => null,
        };
        if (error is null)
        {
            RequestFailed(exception, listener, context.Request.Method, context.Request.Path.Value ?? "");
            error = exception is LogStorageException and not LogDamagedException
                ? new ControlException("unavailable", StorageFailed)
                : new ControlException("internal", "internal error; the node's log says more");
        }
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        context.Response.Clear();
        await ControlJsonIo.WriteErrorAsync(context, error);
    }

    [LoggerMessage(10, LogLevel.Error, "Request failed on {Listener}: {Method} {Path}")]
    partial void RequestFailed(Exception exception, string listener, string method, string path);
}
