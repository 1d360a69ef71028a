using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Node.Configuration;
using Quorate.Node.Rpc;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using Xunit;

namespace Quorate.Tests.Rpc;

public sealed class ConnectHandlerTests
{
    [Fact]
    public async Task Request_that_its_listener_ended_is_not_answered_with_success()
    {
        // The listener's guard replaces RequestAborted; its time-out must not pass for an empty answer.
        using var ended = new CancellationTokenSource();
        var settings = new NodeSection { State = "/nonexistent", Control = "unix:///nonexistent/control.socket" };
        var handler = new ConnectHandler<LogsRequest, LogsResponse>(
            TrustixMethods.NodeApi.Logs,
            async (_, _, cancellationToken) =>
            {
                await ended.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellationToken);
                return new LogsResponse();
            },
            new HandlerTraits(LargeRequest: false, Writes: false),
            new SurfaceGuard(RpcSurface.Public, () => settings),
            NullLogger.Instance
        );
        var context = new DefaultHttpContext { RequestAborted = ended.Token };
        context.Request.Method = HttpMethods.Post;
        context.Request.Path = TrustixMethods.NodeApi.Logs.Procedure;
        context.Request.ContentType = "application/proto";

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handler.InvokeAsync(context));
    }
}
