using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>
/// A signed commitment to a log's whole content (Trustix <c>LogHead</c>). The signature is Ed25519 over
/// SHA-256(LogRoot ‖ LE64(TreeSize) ‖ MapRoot ‖ MhRoot ‖ LE64(MhTreeSize)).
/// </summary>
/// <param name="MhRoot">Root of the map-history log, whose last leaf commits to <paramref name="MapRoot"/>.</param>
/// <param name="Signature">64 bytes.</param>
public sealed record LogHead(
    Sha256Digest LogRoot,
    ulong TreeSize,
    Sha256Digest MapRoot,
    Sha256Digest MhRoot,
    ulong MhTreeSize,
    ReadOnlyMemory<byte> Signature
)
{
    public static LogHead Sign(
        Sha256Digest logRoot,
        ulong treeSize,
        Sha256Digest mapRoot,
        Sha256Digest mhRoot,
        ulong mhTreeSize,
        Ed25519PrivateKey key
    )
    {
        var unsigned = new LogHead(logRoot, treeSize, mapRoot, mhRoot, mhTreeSize, ReadOnlyMemory<byte>.Empty);
        return unsigned with { Signature = key.Sign(unsigned.SignedDigest().AsSpan()) };
    }

    /// <summary>The 32 bytes that the signature covers.</summary>
    public Sha256Digest SignedDigest()
    {
        Span<byte> preimage = stackalloc byte[112];
        LogRoot.CopyTo(preimage);
        BinaryPrimitives.WriteUInt64LittleEndian(preimage[32..], TreeSize);
        MapRoot.CopyTo(preimage[40..]);
        MhRoot.CopyTo(preimage[72..]);
        BinaryPrimitives.WriteUInt64LittleEndian(preimage[104..], MhTreeSize);
        return Sha256Digest.HashData(preimage);
    }

    public Verification Verify(Ed25519PublicKey key) =>
        key.Verify(SignedDigest().AsSpan(), Signature.Span)
            ? Verification.Ok
            : Verification.Reject("bad-signature", $"the head of size {TreeSize} is not signed by the log's key");

    public bool Equals(LogHead? other) =>
        other is not null
        && LogRoot == other.LogRoot
        && TreeSize == other.TreeSize
        && MapRoot == other.MapRoot
        && MhRoot == other.MhRoot
        && MhTreeSize == other.MhTreeSize
        && Signature.Span.SequenceEqual(other.Signature.Span);

    public override int GetHashCode() => HashCode.Combine(LogRoot, TreeSize, MhTreeSize);
}
