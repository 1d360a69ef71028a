using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Indexing;

namespace Quorate.Log.Mirroring;

/// <summary>Looks for contradictions between a signed head and trees whose leaves hash to another one.</summary>
static class HeadChecks
{
    /// <summary>
    /// A contradiction between <paramref name="head"/> and <paramref name="whole"/>, the head whose trees <paramref name="state"/> holds (published or staged and
    /// checked). Only sizes that both cover are compared.
    /// </summary>
    internal static Misbehaviour? Against(LogHead head, LogHead whole, LogState state, DateTimeOffset now)
    {
        if (head.TreeSize < whole.TreeSize && Prefix(state.Tree, head.TreeSize) is var log && log != head.LogRoot)
        {
            return Rewritten(MisbehaviourKind.RewrittenLog, head, whole, log, state.Tree, head.TreeSize, whole.TreeSize, now);
        }
        if (head.MhTreeSize < whole.MhTreeSize && Prefix(state.MapHistory, head.MhTreeSize) is var history && history != head.MhRoot)
        {
            return Rewritten(
                MisbehaviourKind.RewrittenMapHistory,
                head,
                whole,
                history,
                state.MapHistory,
                head.MhTreeSize,
                whole.MhTreeSize,
                now
            );
        }
        return head.MhTreeSize <= whole.MhTreeSize ? LastLeaf(head, state.MapHistory, now) : null;
    }

    /// <summary>A contradiction among signed trees, or between one of them and the tree under <paramref name="whole"/>.</summary>
    internal static Misbehaviour? Among(IReadOnlyList<SignedTree> trees, LogHead? whole, MerkleTree tree, DateTimeOffset now)
    {
        for (var i = 0; i < trees.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (Misbehaviour.Between(trees[j], trees[i], now) is { } between)
                {
                    return between;
                }
            }
            var size = trees[i].TreeSize;
            if (whole is null || size > whole.TreeSize || size == 0)
            {
                continue;
            }
            if (Misbehaviour.Between(trees[i], whole, now) is { } same)
            {
                return same;
            }
            if (size < whole.TreeSize && tree.Root(size) is var root && root != trees[i].LogRoot)
            {
                return Rewritten(MisbehaviourKind.RewrittenLog, trees[i], whole, root, tree, size, whole.TreeSize, now);
            }
        }
        return null;
    }

    /// <summary>Whether the map-history log ends with the head's map root. The tree must hold the head's leaves.</summary>
    internal static Misbehaviour? LastLeaf(LogHead head, MerkleTree history, DateTimeOffset now)
    {
        var last = history.Leaf(head.MhTreeSize - 1);
        return last == TreeHash.Leaf(head.MapRoot.AsSpan())
            ? null
            : new Misbehaviour(
                MisbehaviourKind.WrongMapHistoryLeaf,
                null,
                head,
                last,
                history.InclusionProof(head.MhTreeSize - 1, head.MhTreeSize),
                null,
                now
            );
    }

    /// <summary>The evidence that the tree of <paramref name="later"/> does not begin with that of <paramref name="earlier"/>.</summary>
    internal static Misbehaviour Rewritten(
        MisbehaviourKind kind,
        SignedTree earlier,
        SignedTree later,
        Sha256Digest prefix,
        MerkleTree tree,
        ulong earlierSize,
        ulong laterSize,
        DateTimeOffset now
    ) => new(kind, earlier, later, prefix, tree.ConsistencyProof(earlierSize, laterSize), null, now);

    static Sha256Digest Prefix(MerkleTree tree, ulong size) => tree.Root(size);
}
