using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>Rebuilds a log's state from its frames, and checks the result against the newest head's signature and roots.</summary>
static class Replay
{
    /// <exception cref="LogDamagedException">The frames do not add up to the newest head.</exception>
    internal static void Run(LogState state, ILogStorage storage, LogIdentity identity, CancellationToken cancellationToken)
    {
        var entries = new List<StagedEntry>();
        var offsets = new List<int>();
        var lastIsFetched = false;
        state.BeginAfresh();
        foreach (var stored in storage.ReadFrames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!LogFrame.TryRead(stored.Payload, out var frame, out var error))
            {
                throw Damaged(identity, $"a frame is not one of ours: {error}");
            }
            if (frame!.Kind == FrameKind.Values)
            {
                foreach (var item in frame)
                {
                    state.AddStray(item.Record, stored.Position + item.Offset);
                }
                continue;
            }
            if (frame.Kind == FrameKind.Fetched && !lastIsFetched)
            {
                state.Show();
            }
            lastIsFetched = frame.Kind == FrameKind.Fetched;
            Take(state, stored.Position, frame, entries, offsets, identity);
        }
        if (!lastIsFetched)
        {
            state.Show();
        }
        Check(state, identity);
    }

    static void Take(
        LogState state,
        FramePosition position,
        LogFrame frame,
        List<StagedEntry> entries,
        List<int> offsets,
        LogIdentity identity
    )
    {
        if (frame.FirstIndex != state.StagedSize)
        {
            throw Damaged(identity, $"a frame begins with entry {frame.FirstIndex} where {state.StagedSize} should follow");
        }
        entries.Clear();
        offsets.Clear();
        foreach (var item in frame)
        {
            entries.Add(StagedEntry.Of(item));
            offsets.Add(item.Offset);
        }
        state.Stage(CollectionsMarshal.AsSpan(entries));
        state.Place(CollectionsMarshal.AsSpan(entries), CollectionsMarshal.AsSpan(offsets), position);
        state.StageMapHistory(frame.MapHistoryLeaves);
        if (frame.Head is { } head)
        {
            if (head.MhTreeSize != state.MapHistory.Size)
            {
                throw Damaged(
                    identity,
                    $"the head of size {head.TreeSize} names {head.MhTreeSize} map-history leaves, stored are {state.MapHistory.Size}"
                );
            }
            state.RecordHead(head, frame.Time, position);
        }
    }

    static void Check(LogState state, LogIdentity identity)
    {
        if (state.Snapshot is not { } snapshot)
        {
            return;
        }
        var head = snapshot.Head;
        if (
            state.Tree.Root(head.TreeSize) != head.LogRoot
            || snapshot.Map.Root != head.MapRoot
            || state.MapHistory.Root(head.MhTreeSize) != head.MhRoot
        )
        {
            throw Damaged(identity, $"the stored entries do not have the roots of the head of size {head.TreeSize}");
        }
        if (head.Verify(identity.Key) is Verification.Rejected)
        {
            throw Damaged(identity, $"the stored head of size {head.TreeSize} is not signed by the log's key");
        }
    }

    internal static LogDamagedException Damaged(LogIdentity identity, string what) => new($"log {identity.Id}: {what}");
}
