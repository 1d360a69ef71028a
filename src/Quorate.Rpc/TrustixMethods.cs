using Google.Protobuf;
using Google.Protobuf.Reflection;
using Quorate.Rpc.Messages;

namespace Quorate.Rpc;

/// <summary>The procedures of the four Trustix services.</summary>
public static class TrustixMethods
{
    /// <summary>Public: what this node publishes.</summary>
    public static class NodeApi
    {
        public const string Service = "trustix_api.v1.NodeAPI";

        public static RpcMethod<LogsRequest, LogsResponse> Logs { get; } = Find<LogsRequest, LogsResponse>("Logs");

        public static RpcMethod<ValueRequest, ValueResponse> GetValue { get; } = Find<ValueRequest, ValueResponse>("GetValue");

        static RpcMethod<TRequest, TResponse> Find<TRequest, TResponse>(string name)
            where TRequest : class, IMessage<TRequest>, new()
            where TResponse : class, IMessage<TResponse>, new() =>
            TrustixMethods.Find<TRequest, TResponse>(TrustixApiReflection.Descriptor, Service, name);
    }

    /// <summary>Public: heads, entries and proofs of published logs.</summary>
    public static class LogApi
    {
        public const string Service = "trustix_api.v1.LogAPI";

        public static RpcMethod<LogHeadRequest, LogHead> GetHead { get; } = Find<LogHeadRequest, LogHead>("GetHead");

        public static RpcMethod<GetLogConsistencyProofRequest, ProofResponse> GetLogConsistencyProof { get; } =
            Find<GetLogConsistencyProofRequest, ProofResponse>("GetLogConsistencyProof");

        public static RpcMethod<GetLogAuditProofRequest, ProofResponse> GetLogAuditProof { get; } =
            Find<GetLogAuditProofRequest, ProofResponse>("GetLogAuditProof");

        public static RpcMethod<GetLogEntriesRequest, LogEntriesResponse> GetLogEntries { get; } =
            Find<GetLogEntriesRequest, LogEntriesResponse>("GetLogEntries");

        public static RpcMethod<GetMapValueRequest, MapValueResponse> GetMapValue { get; } =
            Find<GetMapValueRequest, MapValueResponse>("GetMapValue");

        public static RpcMethod<GetLogConsistencyProofRequest, ProofResponse> GetMHLogConsistencyProof { get; } =
            Find<GetLogConsistencyProofRequest, ProofResponse>("GetMHLogConsistencyProof");

        public static RpcMethod<GetLogAuditProofRequest, ProofResponse> GetMHLogAuditProof { get; } =
            Find<GetLogAuditProofRequest, ProofResponse>("GetMHLogAuditProof");

        public static RpcMethod<GetLogEntriesRequest, LogEntriesResponse> GetMHLogEntries { get; } =
            Find<GetLogEntriesRequest, LogEntriesResponse>("GetMHLogEntries");

        static RpcMethod<TRequest, TResponse> Find<TRequest, TResponse>(string name)
            where TRequest : class, IMessage<TRequest>, new()
            where TResponse : class, IMessage<TResponse>, new() =>
            TrustixMethods.Find<TRequest, TResponse>(TrustixApiReflection.Descriptor, Service, name);
    }

    /// <summary>Private: decisions and everything that this node knows.</summary>
    public static class RpcApi
    {
        public const string Service = "trustix_rpc.v1.RPCApi";

        public static RpcMethod<LogsRequest, LogsResponse> Logs { get; } = Find<LogsRequest, LogsResponse>("Logs");

        public static RpcMethod<DecideRequest, DecisionResponse> Decide { get; } = Find<DecideRequest, DecisionResponse>("Decide");

        public static RpcMethod<ValueRequest, ValueResponse> GetValue { get; } = Find<ValueRequest, ValueResponse>("GetValue");

        static RpcMethod<TRequest, TResponse> Find<TRequest, TResponse>(string name)
            where TRequest : class, IMessage<TRequest>, new()
            where TResponse : class, IMessage<TResponse>, new() =>
            TrustixMethods.Find<TRequest, TResponse>(TrustixRpcReflection.Descriptor, Service, name);
    }

    /// <summary>Private: heads and entries of any known log; writing, with a token.</summary>
    public static class LogRpc
    {
        public const string Service = "trustix_rpc.v1.LogRPC";

        public static RpcMethod<LogHeadRequest, LogHead> GetHead { get; } = Find<LogHeadRequest, LogHead>("GetHead");

        public static RpcMethod<GetLogEntriesRequest, LogEntriesResponse> GetLogEntries { get; } =
            Find<GetLogEntriesRequest, LogEntriesResponse>("GetLogEntries");

        public static RpcMethod<SubmitRequest, SubmitResponse> Submit { get; } = Find<SubmitRequest, SubmitResponse>("Submit");

        public static RpcMethod<FlushRequest, FlushResponse> Flush { get; } = Find<FlushRequest, FlushResponse>("Flush");

        static RpcMethod<TRequest, TResponse> Find<TRequest, TResponse>(string name)
            where TRequest : class, IMessage<TRequest>, new()
            where TResponse : class, IMessage<TResponse>, new() =>
            TrustixMethods.Find<TRequest, TResponse>(TrustixRpcReflection.Descriptor, Service, name);
    }

    static RpcMethod<TRequest, TResponse> Find<TRequest, TResponse>(FileDescriptor file, string service, string name)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new() =>
        RpcMethod<TRequest, TResponse>.Find(file, service[(service.LastIndexOf('.') + 1)..], name);
}
