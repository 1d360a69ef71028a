using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Rpc;
using Wire = Quorate.Rpc.Messages;

namespace Quorate.Node.Rpc;

/// <summary>NodeAPI and LogAPI: what everyone may read. Only logs published here exist for them; subscriptions are not revealed.</summary>
sealed class LogApiService(LogRegistry registry, Func<NodeSection> settings)
{
    public Wire.LogsResponse Logs(Wire.LogsRequest request)
    {
        var response = new Wire.LogsResponse();
        response.Logs.AddRange(
            registry
                .Published.Where(p => request.Protocols.Count == 0 || request.Protocols.Contains(p.Log.Identity.Protocol.Id))
                .Select(p => p.Log.Identity.ToWire(p.Section.Meta))
        );
        return response;
    }

    public ValueTask<Wire.ValueResponse> GetValueAsync(Wire.ValueRequest request, CancellationToken cancellationToken) =>
        LogReader.ValueAsync(registry.Published.Select(p => p.Log), request, cancellationToken);

    public Wire.LogHead GetHead(Wire.LogHeadRequest request) => Find(request.LogID).Head.ToWire();

    public Wire.ProofResponse GetLogConsistencyProof(Wire.GetLogConsistencyProofRequest request)
    {
        var log = Find(request.LogID);
        return LogReader.ConsistencyProof(request, log.Head.TreeSize, log.ConsistencyProof);
    }

    public Wire.ProofResponse GetLogAuditProof(Wire.GetLogAuditProofRequest request)
    {
        var log = Find(request.LogID);
        return LogReader.AuditProof(request, log.Head.TreeSize, log.InclusionProof);
    }

    public Wire.LogEntriesResponse GetLogEntries(Wire.GetLogEntriesRequest request, CancellationToken cancellationToken)
    {
        var log = Find(request.LogID);
        return LogReader.Entries(log, log.Head.TreeSize, request, settings(), cancellationToken);
    }

    public Wire.MapValueResponse GetMapValue(Wire.GetMapValueRequest request)
    {
        var log = Find(request.LogID);
        var root = WireMessages.Digest(request.MapRoot, nameof(request.MapRoot));
        return log.MapValue(request.Key.Span, root)?.ToWire()
            ?? throw new RpcException(
                RpcCode.NotFound,
                $"map root {root} is unknown, or older than the history that this log keeps provable"
            );
    }

    public Wire.ProofResponse GetMhLogConsistencyProof(Wire.GetLogConsistencyProofRequest request)
    {
        var log = Find(request.LogID);
        return LogReader.ConsistencyProof(request, log.Head.MhTreeSize, log.MapHistoryConsistencyProof);
    }

    public Wire.ProofResponse GetMhLogAuditProof(Wire.GetLogAuditProofRequest request)
    {
        var log = Find(request.LogID);
        return LogReader.AuditProof(request, log.Head.MhTreeSize, log.MapHistoryInclusionProof);
    }

    public Wire.LogEntriesResponse GetMhLogEntries(Wire.GetLogEntriesRequest request)
    {
        var log = Find(request.LogID);
        return LogReader.MapHistoryLeaves(log, log.Head.MhTreeSize, request, settings());
    }

    IPublishedLog Find(string logId) => registry.TryGetPublished(logId, out var entry) ? entry.Log : throw NotPublished(logId);

    /// <summary>The same answer for a log that we follow as for one that nobody knows.</summary>
    internal static RpcException NotPublished(string logId) =>
        new(RpcCode.NotFound, $"Log with ID '{RpcText.Shorten(logId)}' is not published");
}
