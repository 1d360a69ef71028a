using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>Kinds of contradiction under a log's own signatures.</summary>
public enum MisbehaviourKind
{
    /// <summary>Two signed heads give different roots of the log for one size.</summary>
    TwoLogRoots,

    /// <summary>Two signed heads give different roots of the map for one log.</summary>
    TwoMapRoots,

    /// <summary>Two signed heads give different roots, or last leaves, of the map-history log for one size.</summary>
    TwoMapHistoryRoots,

    /// <summary>The log of a signed head does not begin with the log of another signed head.</summary>
    RewrittenLog,

    /// <summary>The map-history log of a signed head does not begin with that of another.</summary>
    RewrittenMapHistory,

    /// <summary>The map-history log of a signed head does not end with that head's map root.</summary>
    WrongMapHistoryLeaf,

    /// <summary>The map of a signed head is not the one that follows from its entries. Shown by replaying them, which the mirror keeps.</summary>
    MapContradictsLog,
}

/// <summary>
/// A contradiction with its evidence. All kinds but <see cref="MisbehaviourKind.MapContradictsLog"/> can be checked by anyone who has the log's public
/// key, with nothing else at hand (<see cref="Verify"/>).
/// </summary>
/// <param name="Earlier">The other signed head; null where one head contradicts itself.</param>
/// <param name="Later">The signed head that contradicts it, or itself.</param>
/// <param name="Actual">What was found instead: the root that <paramref name="Later"/>'s tree has at the earlier size, its last map-history leaf, or the map
/// root that follows from the entries. Zero where the two heads suffice.</param>
/// <param name="Proof">Consistency proof from <paramref name="Actual"/> to the later head's root, or inclusion proof of the last leaf.</param>
public sealed record Misbehaviour(
    MisbehaviourKind Kind,
    LogHead? Earlier,
    LogHead Later,
    Sha256Digest Actual,
    IReadOnlyList<Sha256Digest> Proof,
    DateTimeOffset Found
)
{
    /// <summary>One sentence for people.</summary>
    public string Detail =>
        Kind switch
        {
            MisbehaviourKind.TwoLogRoots =>
                $"two signed heads of size {Later.TreeSize} have the log roots {Earlier!.LogRoot} and {Later.LogRoot}",
            MisbehaviourKind.TwoMapRoots =>
                $"two signed heads of one log of size {Later.TreeSize} have the map roots {Earlier!.MapRoot} and {Later.MapRoot}",
            MisbehaviourKind.TwoMapHistoryRoots => $"two signed heads contradict each other about map history {Later.MhTreeSize}",
            MisbehaviourKind.RewrittenLog =>
                $"the signed head of size {Later.TreeSize} begins with {Actual} at size {Earlier!.TreeSize}, where {Earlier.LogRoot} was signed before",
            MisbehaviourKind.RewrittenMapHistory =>
                $"the map history of size {Later.MhTreeSize} begins with {Actual} at size {Earlier!.MhTreeSize}, where {Earlier.MhRoot} was signed before",
            MisbehaviourKind.WrongMapHistoryLeaf =>
                $"the map history of the signed head of size {Later.TreeSize} ends with leaf {Actual}, which is not its map root {Later.MapRoot}",
            _ => $"the signed head of size {Later.TreeSize} has the map root {Later.MapRoot}, but its entries give {Actual}",
        };

    /// <summary>Checks the evidence from the log's key alone. <see cref="MisbehaviourKind.MapContradictsLog"/> is rejected as not checkable without entries.</summary>
    public Verification Verify(Ed25519PublicKey key)
    {
        if (Later.Verify(key) is Verification.Rejected later)
        {
            return later;
        }
        if (Earlier is not null && Earlier.Verify(key) is Verification.Rejected earlier)
        {
            return earlier;
        }
        return Kind switch
        {
            MisbehaviourKind.WrongMapHistoryLeaf => VerifyLastLeaf(),
            MisbehaviourKind.MapContradictsLog => Verification.Reject("needs-entries", "shown only by replaying the log's entries"),
            _ when Earlier is null => Verification.Reject("incomplete", "the earlier head is missing"),
            MisbehaviourKind.TwoLogRoots => Contradiction(Earlier.TreeSize == Later.TreeSize && Earlier.LogRoot != Later.LogRoot),
            MisbehaviourKind.TwoMapRoots => Contradiction(
                Earlier.TreeSize == Later.TreeSize && Earlier.LogRoot == Later.LogRoot && Earlier.MapRoot != Later.MapRoot
            ),
            MisbehaviourKind.TwoMapHistoryRoots => Contradiction(
                Earlier.MhTreeSize == Later.MhTreeSize && (Earlier.MhRoot != Later.MhRoot || Earlier.MapRoot != Later.MapRoot)
            ),
            MisbehaviourKind.RewrittenLog => VerifyRewritten(Earlier.TreeSize, Later.TreeSize, Earlier.LogRoot, Later.LogRoot),
            MisbehaviourKind.RewrittenMapHistory => VerifyRewritten(Earlier.MhTreeSize, Later.MhTreeSize, Earlier.MhRoot, Later.MhRoot),
            _ => Verification.Reject("unknown-kind", $"{Kind} is no kind of misbehaviour"),
        };
    }

    Verification VerifyRewritten(ulong earlierSize, ulong laterSize, Sha256Digest earlierRoot, Sha256Digest laterRoot) =>
        Actual == earlierRoot ? Contradiction(false) : MerkleProof.VerifyConsistency(earlierSize, laterSize, Actual, laterRoot, Proof);

    Verification VerifyLastLeaf() =>
        Later.MhTreeSize == 0 || Actual == TreeHash.Leaf(Later.MapRoot.AsSpan())
            ? Contradiction(false)
            : MerkleProof.VerifyInclusion(Later.MhTreeSize - 1, Later.MhTreeSize, Actual, Proof, Later.MhRoot);

    static Verification Contradiction(bool holds) =>
        holds ? Verification.Ok : Verification.Reject("no-contradiction", "the signed heads do not contradict each other");
}
