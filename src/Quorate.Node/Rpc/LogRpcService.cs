using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Rpc;
using Wire = Quorate.Rpc.Messages;

namespace Quorate.Node.Rpc;

/// <summary>LogRPC: heads and entries of every log that this node knows, and writing to its own.</summary>
sealed class LogRpcService(LogRegistry registry, Publisher publisher, Func<NodeSection> settings)
{
    // A tile entry's limit.
    const int MaxKey = 65_502;

    public Wire.LogHead GetHead(Wire.LogHeadRequest request)
    {
        if (registry.TryGetPublished(request.LogID, out var published))
        {
            return published.Log.Head.ToWire();
        }
        var followed = FindFollowed(request.LogID);
        return followed.Head?.ToWire() ?? throw NeverSynchronised(request.LogID);
    }

    public Wire.LogEntriesResponse GetLogEntries(Wire.GetLogEntriesRequest request, CancellationToken cancellationToken)
    {
        if (registry.TryGetPublished(request.LogID, out var published))
        {
            return LogReader.Entries(published.Log, published.Log.Head.TreeSize, request, settings(), cancellationToken);
        }
        var mirror =
            FindFollowed(request.LogID).Mirror
            ?? throw new RpcException(RpcCode.FailedPrecondition, $"log {request.LogID} is followed without a mirror (mode: query)");
        var head = mirror.Head ?? throw NeverSynchronised(request.LogID);
        return LogReader.Entries(mirror, head.TreeSize, request, settings(), cancellationToken);
    }

    public async ValueTask<Wire.SubmitResponse> SubmitAsync(Wire.SubmitRequest request, RpcCall call, CancellationToken cancellationToken)
    {
        var entry = FindWritable(request.LogID, call);
        var limits = settings();
        if (request.Items.Count > limits.MaxEntriesPerCall)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"a call submits at most {limits.MaxEntriesPerCall} entries");
        }
        var items = new SubmitItem[request.Items.Count];
        for (var i = 0; i < items.Length; i++)
        {
            var item = request.Items[i];
            if (item.Key.Length > MaxKey)
            {
                throw new RpcException(RpcCode.InvalidArgument, $"the key of item {i} has {item.Key.Length} bytes; {MaxKey} are allowed");
            }
            if (item.Value.Length > limits.MaxValue)
            {
                throw new RpcException(
                    RpcCode.InvalidArgument,
                    $"the value of item {i} has {item.Value.Length} bytes; {limits.MaxValue} are allowed"
                );
            }
            items[i] = new SubmitItem(item.Key.Memory, item.Value.Memory);
        }
        if (items.Length > 0)
        {
            await publisher.SubmitAsync(entry, items, relayed: false, cancellationToken);
        }
        return new Wire.SubmitResponse { Status = Wire.SubmitResponse.Types.Status.Ok };
    }

    public async ValueTask<Wire.FlushResponse> FlushAsync(Wire.FlushRequest request, RpcCall call, CancellationToken cancellationToken)
    {
        await FindWritable(request.LogID, call).Log.FlushAsync(cancellationToken);
        return new Wire.FlushResponse();
    }

    PublishedLogEntry FindWritable(string logId, RpcCall call)
    {
        if (!registry.TryGetPublished(logId, out var published))
        {
            throw LogApiService.NotPublished(logId);
        }
        if (call.Token is { Logs.Count: > 0 } token && !token.Logs.Contains(published.Section.Name))
        {
            throw new RpcException(RpcCode.PermissionDenied, $"token '{token.Name}' may not write to log '{published.Section.Name}'");
        }
        return published;
    }

    IFollowedLog FindFollowed(string logId) =>
        registry.TryGetFollowed(logId, out var log)
            ? log
            : throw new RpcException(RpcCode.NotFound, $"Log with ID '{RpcText.Shorten(logId)}' is neither published nor followed");

    static RpcException NeverSynchronised(string logId) => new(RpcCode.Unavailable, $"log {logId} has not been synchronised yet");
}
