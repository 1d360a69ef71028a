using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>Brings a log's state up to its newest frame, and checks the result against the newest head's signature and roots.</summary>
static class Replay
{
    /// <exception cref="LogDamagedException">The frames do not add up to the newest head.</exception>
    /// <param name="from">The frame of the head that the state holds already; null for an empty state.</param>
    internal static void Run(
        LogState state,
        ILogStorage storage,
        LogIdentity identity,
        FramePosition? from,
        CancellationToken cancellationToken
    )
    {
        var entries = new List<StagedEntry>();
        var offsets = new List<int>();
        var lastIsFetched = false;
        foreach (var stored in storage.ReadFrames(from))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (stored.Position == from)
            {
                continue;
            }
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

    /// <summary>
    /// Takes frames that another node appended to a shared log behind those that were read before. Their newest head is checked before anyone sees it.
    /// </summary>
    /// <returns>True when there is a new head.</returns>
    /// <exception cref="LogDamagedException">The frames do not continue this log. The state must not be used for anything but reading any more.</exception>
    internal static bool Follow(LogState state, IEnumerable<StoredFrame> frames, LogIdentity identity, CancellationToken cancellationToken)
    {
        var entries = new List<StagedEntry>();
        var offsets = new List<int>();
        LogHead? newest = null;
        try
        {
            foreach (var stored in frames)
            {
                if (!LogFrame.TryRead(stored.Payload, out var frame, out var error))
                {
                    throw Damaged(identity, $"a frame is not one of ours: {error}");
                }
                if (frame!.Kind != FrameKind.Head)
                {
                    throw Damaged(identity, "a frame of a mirror is in a shared log");
                }
                Take(state, stored.Position, frame, entries, offsets, identity);
                newest = frame.Head;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or (LogStorageException and not LogDamagedException))
        {
            // What was read whole counts: the storage does not give it again.
            ShowChecked(state, newest, identity);
            throw;
        }
        return ShowChecked(state, newest, identity);
    }

    static bool ShowChecked(LogState state, LogHead? head, LogIdentity identity)
    {
        if (head is null)
        {
            return false;
        }
        Check(head, state.StagedMapRoot(), state, identity);
        state.Show();
        return true;
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
        if (state.Snapshot is { } snapshot)
        {
            Check(snapshot.Head, snapshot.Map.Root, state, identity);
        }
    }

    static void Check(LogHead head, in Sha256Digest mapRoot, LogState state, LogIdentity identity)
    {
        if (
            state.Tree.Root(head.TreeSize) != head.LogRoot
            || mapRoot != head.MapRoot
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
