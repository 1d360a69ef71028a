using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Node.Hosting;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;

namespace Quorate.Node.Rpc;

/// <summary>Serves one unary procedure over Connect (HTTP/1.1, binary or JSON). This is a host's edge: everything thrown below ends here.</summary>
sealed partial class ConnectHandler<TRequest, TResponse>(
    RpcMethod<TRequest, TResponse> method,
    Func<TRequest, RpcCall, CancellationToken, ValueTask<TResponse>> service,
    HandlerTraits traits,
    SurfaceGuard guard,
    ILogger logger
)
    where TRequest : class, IMessage<TRequest>, new()
    where TResponse : class, IMessage<TResponse>, new()
{
    // Keys have at most 65,502 bytes, a third more as JSON; only Submit carries more than that.
    const int SmallRequest = 128 << 10;
    const int SmallElements = 64;

    static readonly Deadlines s_deadlines = new(TimeProvider.System);

    public async Task InvokeAsync(HttpContext context)
    {
        if (!guard.TryEnter())
        {
            await ConnectReply.ErrorAsync(context, guard.Overloaded());
            return;
        }
        try
        {
            await HandleAsync(context);
        }
        finally
        {
            guard.Leave();
        }
    }

    async Task HandleAsync(HttpContext context)
    {
        RpcException error;
        try
        {
            var codec = ConnectRequest.FindCodec(context, method.Procedure);
            using var deadline = s_deadlines.Start(ConnectRequest.Timeout(context, guard.Settings.RequestTimeout), context.RequestAborted);
            var call = new RpcCall(guard.Surface, guard.Authorize(context, method, traits.Writes));
            var request = await ConnectRequest.ReadAsync(context, method.RequestParser, codec, Limits(), deadline.Token);
            var response = await service(request, call, deadline.Token);
            await ConnectReply.SendAsync(context, codec, response, deadline.Token);
            return;
        }
        catch (RpcException e)
        {
            error = e;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer, or the listener's own time limit ends the request; it knows which.
            throw;
        }
        catch (OperationCanceledException e)
        {
            error = new RpcException(
                RpcCode.DeadlineExceeded,
                traits.Writes ? "out of time; what was sent may still be logged" : "out of time",
                e
            );
        }
        catch (Exception e)
        {
            error = Translate(e);
            if (error.Code is RpcCode.Internal || e is LogStorageException)
            {
                LogFailure(logger, method.Procedure, e);
            }
        }
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        await ConnectReply.ErrorAsync(context, error);
    }

    MessageLimits Limits()
    {
        var settings = guard.Settings;
        return traits.LargeRequest
            ? new MessageLimits((int)Math.Min(settings.MaxBody, Array.MaxLength), settings.MaxEntriesPerCall + SmallElements)
            : new MessageLimits((int)Math.Min(settings.MaxBody, SmallRequest), SmallElements);
    }

    static RpcException Translate(Exception e) =>
        e switch
        {
            MalformedException => new RpcException(RpcCode.InvalidArgument, e.Message, e),
            LogKeyFullException => new RpcException(RpcCode.FailedPrecondition, e.Message, e),
            LogInputException => new RpcException(RpcCode.InvalidArgument, e.Message, e),
            LogOverloadedException => new RpcException(RpcCode.ResourceExhausted, $"{e.Message}; try again later", e)
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            },
            // Whether it was logged only opening the log again tells; a second time is a duplicate, and harmless.
            LogStorageException and not LogDamagedException => new RpcException(RpcCode.Unavailable, RequestGuard.StorageFailed, e),
            BadHttpRequestException bad => new RpcException(
                bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? RpcCode.ResourceExhausted : RpcCode.InvalidArgument,
                bad.Message,
                bad
            ),
            // No details: they may name files or other logs. The log has them.
            _ => new RpcException(RpcCode.Internal, "internal error", e),
        };

    [LoggerMessage(51, LogLevel.Error, "{Procedure} failed")]
    static partial void LogFailure(ILogger logger, string procedure, Exception exception);
}

/// <param name="LargeRequest">The request carries values: the configured body limit applies instead of the small one.</param>
/// <param name="Writes">Needs a token on the public surface.</param>
readonly record struct HandlerTraits(bool LargeRequest, bool Writes);
