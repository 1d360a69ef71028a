using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Rpc;
using Quorate.Trust;

namespace Quorate.Node.Rpc;

/// <summary>The four Trustix services of one node. Thread-safe; reads logs and settings anew for each call, so reloads need nothing.</summary>
/// <param name="settings">The <c>node:</c> section as of now: limits and tokens.</param>
public sealed class TrustixRpc(
    LogRegistry registry,
    IDecisionService decisions,
    Publisher publisher,
    Func<NodeSection> settings,
    ILogger<TrustixRpc> logger
)
{
    static readonly HandlerTraits Reads = new(LargeRequest: false, Writes: false);

    readonly LogApiService _logApi = new(registry, settings);
    readonly LogRpcService _logRpc = new(registry, publisher, settings);
    readonly RpcApiService _rpcApi = new(registry, decisions);

    internal void Map(IEndpointRouteBuilder routes, RpcSurface surface)
    {
        var map = new Mapper(routes, new SurfaceGuard(surface, settings), logger);
        map.Add(TrustixMethods.NodeApi.Logs, (r, _, _) => new(_logApi.Logs(r)));
        map.Add(TrustixMethods.NodeApi.GetValue, (r, _, ct) => _logApi.GetValueAsync(r, ct));
        map.Add(TrustixMethods.LogApi.GetHead, (r, _, _) => new(_logApi.GetHead(r)));
        map.Add(TrustixMethods.LogApi.GetLogConsistencyProof, (r, _, _) => new(_logApi.GetLogConsistencyProof(r)));
        map.Add(TrustixMethods.LogApi.GetLogAuditProof, (r, _, _) => new(_logApi.GetLogAuditProof(r)));
        map.Add(TrustixMethods.LogApi.GetLogEntries, (r, _, ct) => new(_logApi.GetLogEntries(r, ct)));
        map.Add(TrustixMethods.LogApi.GetMapValue, (r, _, _) => new(_logApi.GetMapValue(r)));
        map.Add(TrustixMethods.LogApi.GetMHLogConsistencyProof, (r, _, _) => new(_logApi.GetMhLogConsistencyProof(r)));
        map.Add(TrustixMethods.LogApi.GetMHLogAuditProof, (r, _, _) => new(_logApi.GetMhLogAuditProof(r)));
        map.Add(TrustixMethods.LogApi.GetMHLogEntries, (r, _, _) => new(_logApi.GetMhLogEntries(r)));
        map.Add(
            TrustixMethods.LogRpc.Submit,
            (r, call, ct) => _logRpc.SubmitAsync(r, call, ct),
            new HandlerTraits(LargeRequest: true, Writes: true)
        );
        map.Add(
            TrustixMethods.LogRpc.Flush,
            (r, call, ct) => _logRpc.FlushAsync(r, call, ct),
            new HandlerTraits(LargeRequest: false, Writes: true)
        );
        if (surface == RpcSurface.Control)
        {
            map.Add(TrustixMethods.LogRpc.GetHead, (r, _, _) => new(_logRpc.GetHead(r)));
            map.Add(TrustixMethods.LogRpc.GetLogEntries, (r, _, ct) => new(_logRpc.GetLogEntries(r, ct)));
            map.Add(TrustixMethods.RpcApi.Logs, (r, _, _) => new(_rpcApi.Logs(r)));
            map.Add(TrustixMethods.RpcApi.Decide, (r, _, ct) => _rpcApi.DecideAsync(r, ct));
            map.Add(TrustixMethods.RpcApi.GetValue, (r, _, ct) => _rpcApi.GetValueAsync(r, ct));
        }
        // Whatever else lies under the services' names, private procedures on the public surface included, looks the same: unknown.
        foreach (
            var service in (string[])
                [
                    TrustixMethods.NodeApi.Service,
                    TrustixMethods.LogApi.Service,
                    TrustixMethods.RpcApi.Service,
                    TrustixMethods.LogRpc.Service,
                ]
        )
        {
            routes.Map($"/{service}/{{**method}}", UnknownAsync);
        }
    }

    static Task UnknownAsync(HttpContext context) =>
        ConnectReply.ErrorAsync(
            context,
            new RpcException(RpcCode.Unimplemented, $"{RpcText.Shorten(context.Request.Path.Value ?? "")} is not served here")
        );

    sealed class Mapper(IEndpointRouteBuilder routes, SurfaceGuard guard, ILogger logger)
    {
        public void Add<TRequest, TResponse>(
            RpcMethod<TRequest, TResponse> method,
            Func<TRequest, RpcCall, CancellationToken, ValueTask<TResponse>> service,
            HandlerTraits? traits = null
        )
            where TRequest : class, Google.Protobuf.IMessage<TRequest>, new()
            where TResponse : class, Google.Protobuf.IMessage<TResponse>, new()
        {
            var handler = new ConnectHandler<TRequest, TResponse>(method, service, traits ?? Reads, guard, logger);
            routes.Map(method.Procedure, handler.InvokeAsync);
        }
    }
}

public static class TrustixRpcRoutes
{
    /// <summary>Maps the services' procedures that <paramref name="surface"/> may offer. Needs an HTTP/1.1 listener.</summary>
    public static IEndpointRouteBuilder MapTrustix(this IEndpointRouteBuilder routes, TrustixRpc rpc, RpcSurface surface)
    {
        rpc.Map(routes, surface);
        return routes;
    }
}
