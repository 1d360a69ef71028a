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

    /// <summary>The HTTP status to answer with, where it is not the code's own (405, 415).</summary>
    public int? HttpStatus { get; init; }

    /// <summary>When the caller may try again; sent as <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
