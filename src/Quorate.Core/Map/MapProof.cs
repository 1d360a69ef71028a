namespace Quorate.Core.Map;

/// <summary>A compact sparse-map proof as it goes over the wire (Celestia <c>SparseCompactMerkleProof</c>).</summary>
/// <param name="SideNodes">The non-placeholder siblings, leaf upward.</param>
/// <param name="NonMembershipLeaf">65 bytes, or null. Never empty.</param>
/// <param name="BitMask">ceil(NumSideNodes/8) bytes; bit i from the MSB set = side node i is the placeholder and omitted.</param>
/// <param name="NumSideNodes">0 to 256.</param>
public sealed record MapProof(
    IReadOnlyList<Sha256Digest> SideNodes,
    ReadOnlyMemory<byte>? NonMembershipLeaf,
    ReadOnlyMemory<byte> BitMask,
    int NumSideNodes
);
