using Quorate.Core;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Rpc;
using Wire = Quorate.Rpc.Messages;

namespace Quorate.Node.Rpc;

/// <summary>Bounded reads of a log that both the public and the private services answer.</summary>
static class LogReader
{
    /// <summary>Bytes of one answer's entries; the limit is on what is sent, keys being the only part that varies.</summary>
    public const long MaxResponseBytes = 32L << 20;

    // With the longest keys a step reads 16 MiB before the limit is seen.
    const ulong Step = 256;
    const int LeafOverhead = 80;

    public static Wire.LogEntriesResponse Entries(
        ILogView log,
        ulong treeSize,
        Wire.GetLogEntriesRequest request,
        NodeSection settings,
        CancellationToken cancellationToken
    )
    {
        CheckRange(request, treeSize, settings);
        var response = new Wire.LogEntriesResponse();
        var bytes = 0L;
        for (var start = request.Start; ; start += Step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var finish = request.Finish - start < Step ? request.Finish : start + Step - 1;
            foreach (var entry in log.Entries(start, finish))
            {
                bytes += entry.Key.Length + LeafOverhead;
                if (bytes > MaxResponseBytes)
                {
                    throw new RpcException(
                        RpcCode.ResourceExhausted,
                        $"the answer is larger than {MaxResponseBytes} bytes; ask for fewer than {response.Leaves.Count} entries"
                    );
                }
                response.Leaves.Add(entry.ToWire());
            }
            if (finish == request.Finish)
            {
                return response;
            }
        }
    }

    public static Wire.LogEntriesResponse MapHistoryLeaves(
        ILogView log,
        ulong treeSize,
        Wire.GetLogEntriesRequest request,
        NodeSection settings
    )
    {
        CheckRange(request, treeSize, settings);
        var response = new Wire.LogEntriesResponse();
        foreach (var leaf in log.MapHistoryLeaves(request.Start, request.Finish))
        {
            response.Leaves.Add(new Wire.LogLeaf { LeafDigest = leaf.ToWire() });
        }
        return response;
    }

    /// <summary>Trustix answers an empty proof whenever there is nothing to prove, even for sizes that it does not have.</summary>
    public static Wire.ProofResponse ConsistencyProof(
        Wire.GetLogConsistencyProofRequest request,
        ulong treeSize,
        Func<ulong, ulong, IReadOnlyList<Sha256Digest>> prove
    )
    {
        if (request.FirstSize == 0 || request.FirstSize >= request.SecondSize)
        {
            return new Wire.ProofResponse();
        }
        if (request.SecondSize > treeSize)
        {
            throw Beyond($"size {request.SecondSize}", treeSize);
        }
        return WireMessages.ToProof(prove(request.FirstSize, request.SecondSize));
    }

    public static Wire.ProofResponse AuditProof(
        Wire.GetLogAuditProofRequest request,
        ulong treeSize,
        Func<ulong, ulong, IReadOnlyList<Sha256Digest>> prove
    )
    {
        if (request.TreeSize > treeSize)
        {
            throw Beyond($"size {request.TreeSize}", treeSize);
        }
        // An empty answer would read as the proof for a tree of one entry.
        if (request.Index >= request.TreeSize)
        {
            throw new RpcException(RpcCode.OutOfRange, $"a tree of {request.TreeSize} entries has no entry {request.Index}");
        }
        return WireMessages.ToProof(prove(request.Index, request.TreeSize));
    }

    /// <summary>The value from the first of these logs that holds it.</summary>
    public static async ValueTask<Wire.ValueResponse> ValueAsync(
        IEnumerable<ILogView> logs,
        Wire.ValueRequest request,
        CancellationToken cancellationToken
    )
    {
        var digest = WireMessages.Digest(request.Digest, nameof(request.Digest));
        foreach (var log in logs)
        {
            if (await log.ValueAsync(digest, cancellationToken) is { } value)
            {
                return new Wire.ValueResponse { Value = WireMessages.Wrap(value) };
            }
        }
        throw new RpcException(RpcCode.NotFound, $"no value with digest {digest}");
    }

    static void CheckRange(Wire.GetLogEntriesRequest request, ulong treeSize, NodeSection settings)
    {
        if (request.Finish < request.Start)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"the range {request.Start} to {request.Finish} is reversed");
        }
        if (request.Finish >= treeSize)
        {
            throw Beyond($"entry {request.Finish}", treeSize);
        }
        if (request.Finish - request.Start >= (ulong)settings.MaxEntriesPerCall)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"a call returns at most {settings.MaxEntriesPerCall} entries");
        }
    }

    static RpcException Beyond(string what, ulong treeSize) =>
        new(RpcCode.OutOfRange, $"{what} is beyond the log, which has {treeSize} entries");
}
