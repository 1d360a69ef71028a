using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;

namespace Quorate.Log;

/// <summary>Kinds of contradiction under a log's own signatures.</summary>
public enum MisbehaviourKind
{
    /// <summary>Two signed trees of one size have different roots.</summary>
    TwoLogRoots,

    /// <summary>Two signed heads give different roots of the map for one log.</summary>
    TwoMapRoots,

    /// <summary>Two signed heads give different roots, or last leaves, of the map-history log for one size.</summary>
    TwoMapHistoryRoots,

    /// <summary>A signed tree does not begin with another signed tree.</summary>
    RewrittenLog,

    /// <summary>The map-history log of a signed head does not begin with that of another.</summary>
    RewrittenMapHistory,

    /// <summary>The map-history log of a signed head does not end with that head's map root.</summary>
    WrongMapHistoryLeaf,

    /// <summary>The map of a signed head says of a key what an entry of the same head's log refutes.</summary>
    MapContradictsLog,
}

/// <summary>
/// A contradiction with its evidence: small, and checked by anyone who knows the log's public key and protocol, with nothing else at hand
/// (<see cref="Verify"/>; as a file: <see cref="MisbehaviourProof"/>).
/// </summary>
/// <param name="Earlier">The other signed tree; null where one head contradicts itself.</param>
/// <param name="Later">The signed tree that contradicts it, or itself.</param>
/// <param name="Actual">What was found instead: the root that <paramref name="Later"/>'s tree has at the earlier size, or its last map-history leaf. Zero where
/// the two signatures suffice.</param>
/// <param name="Proof">Consistency proof from <paramref name="Actual"/> to the later root, or inclusion proof of the last leaf.</param>
/// <param name="Map">The two answers of <see cref="MisbehaviourKind.MapContradictsLog"/>, and null for every other kind.</param>
public sealed record Misbehaviour(
    MisbehaviourKind Kind,
    SignedTree? Earlier,
    SignedTree Later,
    Sha256Digest Actual,
    IReadOnlyList<Sha256Digest> Proof,
    MapContradiction? Map,
    DateTimeOffset Found
)
{
    /// <summary>A contradiction between two signed trees that needs nothing but their signatures; null when there is none.</summary>
    public static Misbehaviour? Between(SignedTree a, SignedTree b, DateTimeOffset now)
    {
        MisbehaviourKind? kind =
            !AreOneLog(a, b) ? null
            : a.TreeSize == b.TreeSize && a.LogRoot != b.LogRoot ? MisbehaviourKind.TwoLogRoots
            : a is not SignedTree.OfHead { Head: var x } || b is not SignedTree.OfHead { Head: var y } ? null
            : x.TreeSize == y.TreeSize && x.MapRoot != y.MapRoot ? MisbehaviourKind.TwoMapRoots
            : x.MhTreeSize == y.MhTreeSize && (x.MhRoot != y.MhRoot || x.MapRoot != y.MapRoot) ? MisbehaviourKind.TwoMapHistoryRoots
            : null;
        return kind is { } k ? new Misbehaviour(k, a, b, Sha256Digest.Zero, [], null, now) : null;
    }

    /// <summary>The map of a signed head contradicts its log.</summary>
    public static Misbehaviour OfMap(LogHead head, MapContradiction map, DateTimeOffset now) =>
        new(MisbehaviourKind.MapContradictsLog, null, head, Sha256Digest.Zero, [], map, now);

    /// <summary>One sentence for people.</summary>
    public string Detail =>
        (Kind, Earlier, Later) switch
        {
            (MisbehaviourKind.TwoLogRoots, { } e, _) =>
                $"two signed trees of size {Later.TreeSize} have the roots {e.LogRoot} and {Later.LogRoot}",
            (MisbehaviourKind.TwoMapRoots, SignedTree.OfHead e, SignedTree.OfHead l) =>
                $"two signed heads of one log of size {l.TreeSize} have the map roots {e.Head.MapRoot} and {l.Head.MapRoot}",
            (MisbehaviourKind.TwoMapHistoryRoots, _, SignedTree.OfHead l) =>
                $"two signed heads contradict each other about map history {l.Head.MhTreeSize}",
            (MisbehaviourKind.RewrittenLog, { } e, _) =>
                $"the signed tree of size {Later.TreeSize} begins with {Actual} at size {e.TreeSize}, where {e.LogRoot} was signed before",
            (MisbehaviourKind.RewrittenMapHistory, SignedTree.OfHead e, SignedTree.OfHead l) =>
                $"the map history of size {l.Head.MhTreeSize} begins with {Actual} at size {e.Head.MhTreeSize}, where {e.Head.MhRoot} was signed before",
            (MisbehaviourKind.WrongMapHistoryLeaf, _, SignedTree.OfHead l) =>
                $"the map history of the signed head of size {l.TreeSize} ends with leaf {Actual}, which is not its map root {l.Head.MapRoot}",
            (MisbehaviourKind.MapContradictsLog, _, _) when Map is not null =>
                $"the map of the signed head of size {Later.TreeSize} contradicts its log: {Map.Detail}",
            _ => $"contradiction {Kind}",
        };

    /// <summary>Checks the evidence from the log's key and protocol alone.</summary>
    public Verification Verify(LogIdentity log)
    {
        var key = log.Key;
        if (Later.Verify(key) is Verification.Rejected later)
        {
            return later;
        }
        if (Earlier is not null && Earlier.Verify(key) is Verification.Rejected earlier)
        {
            return earlier;
        }
        if (Earlier is not null && !AreOneLog(Earlier, Later))
        {
            return Verification.Reject("two-logs", "the checkpoints are of two logs: their origins differ");
        }
        return (Kind, Earlier, Later) switch
        {
            (MisbehaviourKind.TwoLogRoots, { } e, _) => Contradiction(e.TreeSize == Later.TreeSize && e.LogRoot != Later.LogRoot),
            (MisbehaviourKind.RewrittenLog, { } e, _) => VerifyRewritten(e.TreeSize, Later.TreeSize, e.LogRoot, Later.LogRoot),
            (_, null, SignedTree.OfHead { Head: var head }) => VerifyOne(head, log.Protocol.MapRule),
            (_, SignedTree.OfHead { Head: var e }, SignedTree.OfHead { Head: var l }) => VerifyTwo(e, l),
            _ => Verification.Reject("incomplete", $"{Kind} needs other signatures than those at hand"),
        };
    }

    /// <summary>A key makes the heads of one log only; its checkpoints say themselves of which.</summary>
    static bool AreOneLog(SignedTree a, SignedTree b) =>
        a is not SignedTree.OfCheckpoint x || b is not SignedTree.OfCheckpoint y || x.Checkpoint.Origin == y.Checkpoint.Origin;

    Verification VerifyOne(LogHead head, MapRule rule) =>
        Kind switch
        {
            MisbehaviourKind.WrongMapHistoryLeaf => VerifyLastLeaf(head),
            MisbehaviourKind.MapContradictsLog => Map?.Verify(head, rule)
                ?? Verification.Reject("incomplete", "the map's answer is missing"),
            _ => Verification.Reject("incomplete", "the earlier head is missing"),
        };

    Verification VerifyTwo(LogHead earlier, LogHead later) =>
        Kind switch
        {
            MisbehaviourKind.TwoMapRoots => Contradiction(
                earlier.TreeSize == later.TreeSize && earlier.LogRoot == later.LogRoot && earlier.MapRoot != later.MapRoot
            ),
            MisbehaviourKind.TwoMapHistoryRoots => Contradiction(
                earlier.MhTreeSize == later.MhTreeSize && (earlier.MhRoot != later.MhRoot || earlier.MapRoot != later.MapRoot)
            ),
            MisbehaviourKind.RewrittenMapHistory => VerifyRewritten(earlier.MhTreeSize, later.MhTreeSize, earlier.MhRoot, later.MhRoot),
            _ => Verification.Reject("incomplete", $"{Kind} is about one head"),
        };

    Verification VerifyRewritten(ulong earlierSize, ulong laterSize, Sha256Digest earlierRoot, Sha256Digest laterRoot) =>
        Actual == earlierRoot ? Contradiction(false) : MerkleProof.VerifyConsistency(earlierSize, laterSize, Actual, laterRoot, Proof);

    Verification VerifyLastLeaf(LogHead head) =>
        head.MhTreeSize == 0 || Actual == TreeHash.Leaf(head.MapRoot.AsSpan())
            ? Contradiction(false)
            : MerkleProof.VerifyInclusion(head.MhTreeSize - 1, head.MhTreeSize, Actual, Proof, head.MhRoot);

    internal static Verification Contradiction(bool holds) =>
        holds ? Verification.Ok : Verification.Reject("no-contradiction", "what was signed does not contradict itself");
}
