using Google.Protobuf;
using Google.Protobuf.Collections;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using LogHead = Quorate.Log.LogHead;

namespace Quorate.Sources.Connect;

/// <summary>
/// Fetches a foreign log from one Trustix node. Lengths and counts are checked here, what the bytes say is not. Thread-safe.
/// </summary>
public sealed class ConnectLogSource : ILogSource
{
    // RFC 6962 proofs have at most 2 × 64 nodes; map proofs at most 256 side nodes.
    const int MaxProofNodes = 128;
    const int MaxMapSideNodes = 256;
    const int NonMembershipLeafSize = 65;
    const int SignatureSize = 64;

    /// <summary>Entries asked for in one call; our own nodes answer no more.</summary>
    public const int MaxEntriesPerCall = 10_000;

    readonly ConnectClient _client;
    readonly int _maxValue;
    readonly int _maxResponse;

    /// <param name="client">Stays the caller's; several logs of one remote may share it.</param>
    /// <param name="maxValue">Bytes of one value.</param>
    /// <param name="maxResponse">Bytes of one answer with entries, after decompression.</param>
    public ConnectLogSource(ConnectClient client, int maxValue = 16 << 20, int maxResponse = 64 << 20)
    {
        _client = client;
        _maxValue = maxValue;
        _maxResponse = maxResponse;
    }

    public string Remote => _client.Address.ToString();

    public async Task<LogHead> HeadAsync(LogId log, CancellationToken cancellationToken)
    {
        var head = await CallAsync(
            TrustixMethods.LogApi.GetHead,
            new LogHeadRequest { LogID = log.Text },
            CallLimits.Small,
            cancellationToken
        );
        if (head.Signature.Length != SignatureSize)
        {
            throw Fault($"a signature of {head.Signature.Length} bytes");
        }
        return new LogHead(
            Digest(head.LogRoot, "LogRoot"),
            head.TreeSize,
            Digest(head.MapRoot, "MapRoot"),
            Digest(head.MHRoot, "MHRoot"),
            head.MHTreeSize,
            head.Signature.Memory
        );
    }

    public async Task<IReadOnlyList<Sha256Digest>> ConsistencyProofAsync(
        LogId log,
        ulong first,
        ulong second,
        CancellationToken cancellationToken
    )
    {
        var request = new GetLogConsistencyProofRequest
        {
            LogID = log.Text,
            FirstSize = first,
            SecondSize = second,
        };
        var answer = await CallAsync(TrustixMethods.LogApi.GetLogConsistencyProof, request, CallLimits.Small, cancellationToken);
        return Digests(answer.Proof, MaxProofNodes, "proof node");
    }

    public async Task<IReadOnlyList<LogEntry>> EntriesAsync(LogId log, ulong start, ulong finish, CancellationToken cancellationToken)
    {
        var entries = new List<LogEntry>();
        await LeavesAsync(
            TrustixMethods.LogApi.GetLogEntries,
            log,
            start,
            finish,
            (index, leaf) =>
            {
                if (!leaf.HasKey || !leaf.HasValueDigest)
                {
                    throw Fault($"entry {index} without key or value digest");
                }
                var digest = Digest(leaf.ValueDigest, "ValueDigest");
                entries.Add(new LogEntry(index, leaf.Key.Memory, digest, Digest(leaf.LeafDigest, "LeafDigest")));
            },
            cancellationToken
        );
        return entries;
    }

    public async Task<IReadOnlyList<Sha256Digest>> MapHistoryLeavesAsync(
        LogId log,
        ulong start,
        ulong finish,
        CancellationToken cancellationToken
    )
    {
        var leaves = new List<Sha256Digest>();
        await LeavesAsync(
            TrustixMethods.LogApi.GetMHLogEntries,
            log,
            start,
            finish,
            (_, leaf) => leaves.Add(Digest(leaf.LeafDigest, "LeafDigest")),
            cancellationToken
        );
        return leaves;
    }

    public async Task<MapAnswer?> MapValueAsync(
        LogId log,
        ReadOnlyMemory<byte> key,
        Sha256Digest mapRoot,
        CancellationToken cancellationToken
    )
    {
        var request = new GetMapValueRequest
        {
            LogID = log.Text,
            // Safe: the request is encoded before the call returns to the caller.
            Key = UnsafeByteOperations.UnsafeWrap(key),
            MapRoot = ByteString.CopyFrom(mapRoot.AsSpan()),
        };
        MapValueResponse answer;
        try
        {
            answer = await _client.CallAsync(TrustixMethods.LogApi.GetMapValue, request, CallLimits.Small, cancellationToken);
        }
        catch (RpcException e) when (IsUnprovenMiss(e))
        {
            return null;
        }
        catch (RpcException e)
        {
            throw new LogSourceException(e.Message, e);
        }
        var proof = answer.Proof;
        if (proof.NumSideNodes > MaxMapSideNodes || proof.BitMask.Length != ((int)proof.NumSideNodes + 7) / 8)
        {
            throw Fault("a map proof of impossible shape");
        }
        if (proof.HasNonMembershipLeafData && proof.NonMembershipLeafData.Length != NonMembershipLeafSize)
        {
            throw Fault($"a non-membership leaf of {proof.NonMembershipLeafData.Length} bytes");
        }
        // The explicit type matters: a bare null would convert to an empty memory, which is not the same as none.
        ReadOnlyMemory<byte>? leaf = proof.HasNonMembershipLeafData ? proof.NonMembershipLeafData.Memory : default(ReadOnlyMemory<byte>?);
        return new MapAnswer(
            answer.Value.Memory,
            new MapProof(Digests(proof.SideNodes, MaxMapSideNodes, "side node"), leaf, proof.BitMask.Memory, (int)proof.NumSideNodes)
        );
    }

    public async Task<IReadOnlyList<Sha256Digest>?> InclusionProofAsync(
        LogId log,
        ulong index,
        ulong treeSize,
        CancellationToken cancellationToken
    )
    {
        var request = new GetLogAuditProofRequest
        {
            LogID = log.Text,
            Index = index,
            TreeSize = treeSize,
        };
        try
        {
            var answer = await _client.CallAsync(TrustixMethods.LogApi.GetLogAuditProof, request, CallLimits.Small, cancellationToken);
            return Digests(answer.Proof, MaxProofNodes, "proof node");
        }
        catch (RpcException)
        {
            // Upstream's handler panics for every index and closes the connection, which looks like a network fault; a remote that is really
            // down shows at the next call. The caller decides what an entry without proof is worth.
            return null;
        }
    }

    public async Task<ReadOnlyMemory<byte>> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        var request = new ValueRequest { Digest = ByteString.CopyFrom(digest.AsSpan()) };
        // Room for the tag and the length around the value.
        var limits = new CallLimits(_maxValue + 16, 4, AcceptGzip: false);
        var answer = await CallAsync(TrustixMethods.NodeApi.GetValue, request, limits, cancellationToken);
        return answer.Value.Memory;
    }

    /// <summary>
    /// A Go Trustix answers every miss and every map root that it no longer stores with <c>unknown</c>; our nodes answer a root outside the
    /// window with <c>not_found</c>. A remote that does not serve the log at all says so in its message, which is a fault, not a miss.
    /// </summary>
    static bool IsUnprovenMiss(RpcException e) =>
        e.FromRemote && e.Code is RpcCode.Unknown or RpcCode.NotFound && !e.Message.Contains("is not published", StringComparison.Ordinal);

    async Task LeavesAsync(
        RpcMethod<GetLogEntriesRequest, LogEntriesResponse> method,
        LogId log,
        ulong start,
        ulong finish,
        Action<ulong, LogLeaf> accept,
        CancellationToken cancellationToken
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(finish, start);
        var step = (ulong)MaxEntriesPerCall;
        for (var next = start; ; )
        {
            var last = finish - next < step ? finish : next + step - 1;
            var count = (int)(last - next + 1);
            LogEntriesResponse answer;
            try
            {
                answer = await _client.CallAsync(
                    method,
                    new GetLogEntriesRequest
                    {
                        LogID = log.Text,
                        Start = next,
                        Finish = last,
                    },
                    new CallLimits(_maxResponse, count, AcceptGzip: !_client.Address.IsLocal),
                    cancellationToken
                );
            }
            catch (RpcException e) when (e.Code == RpcCode.ResourceExhausted && count > 1)
            {
                // Long keys: over the remote's limit, or ours. Fewer entries may fit.
                step = (ulong)(count / 2);
                continue;
            }
            catch (RpcException e)
            {
                throw new LogSourceException(e.Message, e);
            }
            if (answer.Leaves.Count != count)
            {
                throw Fault($"{answer.Leaves.Count} entries for the range {next} to {last}");
            }
            foreach (var leaf in answer.Leaves)
            {
                accept(next, leaf);
                next = unchecked(next + 1);
            }
            if (last == finish)
            {
                return;
            }
        }
    }

    async Task<TResponse> CallAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method,
        TRequest request,
        CallLimits limits,
        CancellationToken cancellationToken
    )
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        try
        {
            return await _client.CallAsync(method, request, limits, cancellationToken);
        }
        catch (RpcException e)
        {
            throw new LogSourceException(e.Message, e);
        }
    }

    static List<Sha256Digest> Digests(RepeatedField<ByteString> nodes, int max, string what)
    {
        if (nodes.Count > max)
        {
            throw Fault($"{nodes.Count} {what}s");
        }
        var digests = new List<Sha256Digest>(nodes.Count);
        foreach (var node in nodes)
        {
            digests.Add(Digest(node, what));
        }
        return digests;
    }

    static Sha256Digest Digest(ByteString bytes, string what) =>
        Sha256Digest.TryCreate(bytes.Span, out var digest) ? digest : throw Fault($"a {what} of {bytes.Length} bytes");

    static LogSourceException Fault(string what) => new($"it sent {what}");
}
