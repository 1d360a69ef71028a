using Google.Protobuf;
using Quorate.Core;
using Quorate.Log;
using Quorate.Rpc;
using Wire = Quorate.Rpc.Messages;

namespace Quorate.Node.Rpc;

/// <summary>Our types as Trustix messages, and the checked way back.</summary>
static class WireMessages
{
    public static Wire.LogHead ToWire(this LogHead head) =>
        new()
        {
            LogRoot = head.LogRoot.ToWire(),
            TreeSize = head.TreeSize,
            MapRoot = head.MapRoot.ToWire(),
            MHRoot = head.MhRoot.ToWire(),
            MHTreeSize = head.MhTreeSize,
            Signature = Wrap(head.Signature),
        };

    public static Wire.LogLeaf ToWire(this LogEntry entry) =>
        new()
        {
            Key = Wrap(entry.Key),
            ValueDigest = entry.ValueDigest.ToWire(),
            LeafDigest = entry.LeafHash.ToWire(),
        };

    public static Wire.ProofResponse ToProof(IReadOnlyList<Sha256Digest> nodes)
    {
        var response = new Wire.ProofResponse();
        foreach (var node in nodes)
        {
            response.Proof.Add(node.ToWire());
        }
        return response;
    }

    public static Wire.MapValueResponse ToWire(this MapAnswer answer)
    {
        var proof = new Wire.SparseCompactMerkleProof
        {
            BitMask = Wrap(answer.Proof.BitMask),
            NumSideNodes = (ulong)answer.Proof.NumSideNodes,
        };
        foreach (var node in answer.Proof.SideNodes)
        {
            proof.SideNodes.Add(node.ToWire());
        }
        // Absent, never empty: Go takes an empty one for a malformed leaf.
        if (answer.Proof.NonMembershipLeaf is { } leaf)
        {
            proof.NonMembershipLeafData = Wrap(leaf);
        }
        return new Wire.MapValueResponse { Value = Wrap(answer.Value), Proof = proof };
    }

    public static Wire.Log ToWire(this LogIdentity identity, IReadOnlyDictionary<string, string> meta)
    {
        var log = new Wire.Log
        {
            LogID = identity.Id.Text,
            Mode = Wire.Log.Types.LogModes.Log,
            Protocol = identity.Protocol.Id,
            Signer = new Wire.LogSigner { KeyType = Wire.LogSigner.Types.KeyTypes.Ed25519, Public = identity.Key.ToString() },
        };
        log.Meta.Add(new Dictionary<string, string>(meta));
        return log;
    }

    public static ByteString ToWire(this Sha256Digest digest) => ByteString.CopyFrom(digest.AsSpan());

    /// <summary>No copy: what logs hand out is never changed.</summary>
    public static ByteString Wrap(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);

    /// <exception cref="RpcException">Not 32 bytes.</exception>
    public static Sha256Digest Digest(ByteString bytes, string field) =>
        Sha256Digest.TryCreate(bytes.Span, out var digest)
            ? digest
            : throw new RpcException(RpcCode.InvalidArgument, $"{field} must have 32 bytes, not {bytes.Length}");
}
