using Quorate.Rpc;

namespace Quorate.Sources.Connect;

public sealed record ConnectClientOptions
{
    /// <summary>From the call to the last byte of the answer; sent along as <c>Connect-Timeout-Ms</c>.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Connections kept to the server, and so calls in flight; more wait.</summary>
    public int MaxConnections { get; init; } = 16;

    /// <summary>The <c>Trustix-Token</c> header for a procedure, for those who may write. Trustix refuses wrong tokens on reads, too.</summary>
    public Func<RpcMethod, string?>? Token { get; init; }
}

/// <summary>What one answer may cost, counted after decompression.</summary>
/// <param name="MaxElements">Top-level fields of the message; see <see cref="Rpc.Codecs.MessageLimits"/>.</param>
/// <param name="AcceptGzip">Ask for compression. A Go Trustix then compresses even the smallest answer, which costs more than it saves.</param>
public readonly record struct CallLimits(int MaxBytes, int MaxElements, bool AcceptGzip)
{
    /// <summary>Heads, proofs and decisions without large values.</summary>
    public static CallLimits Small { get; } = new(1 << 20, 4096, AcceptGzip: false);
}
