namespace Quorate.Rpc;

/// <summary>A call failed with a Connect code. Servers throw it to answer, clients throw it for every fault.</summary>
public sealed class RpcException : Exception
{
    public RpcException(RpcCode code, string message)
        : base(message) => Code = code;

    public RpcException(RpcCode code, string message, Exception? inner)
        : base(message, inner) => Code = code;

    public RpcCode Code { get; }

    /// <summary>True when the other side answered with a Connect error; false for everything else, proxies' error pages included.</summary>
    public bool FromRemote { get; init; }

    /// <summary>When the caller may try again; sent as <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
