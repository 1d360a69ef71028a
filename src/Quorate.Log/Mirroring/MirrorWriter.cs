using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Mirroring;

/// <summary>
/// The one writer of a mirror. Entries are written as they come, in frames that no head covers yet, so that memory stays bounded and an interrupted
/// synchronisation goes on where it stopped; a head's frame makes them count.
/// </summary>
sealed class MirrorWriter(LogState state, ILogStorage storage, TimeProvider time)
{
    const long MaxFrameBytes = 64 << 20;

    /// <summary>Left beside the reserve: a node's own logs are more to it than the next entries of others.</summary>
    const long RoomForOwnLogs = 32L << 20;

    /// <summary>Stages entries with their values (null: withheld, or held already).</summary>
    internal async Task AppendAsync(IReadOnlyList<LogEntry> entries, ReadOnlyMemory<byte>?[] values, CancellationToken cancellationToken)
    {
        for (var start = 0; start < values.Length; )
        {
            var (count, bytes) = (0, 0L);
            while (start + count < values.Length && (count == 0 || bytes < MaxFrameBytes / 2))
            {
                bytes += entries[start + count].Key.Length + LogFrame.RecordSize + (values[start + count]?.Length ?? 0);
                count++;
            }
            // Nothing of this frame is staged yet, and what is before it stays.
            RequireRoom(bytes);
            await AppendFrameAsync(entries, values, start, count, cancellationToken);
            start += count;
        }
    }

    /// <summary>Makes everything staged count, under a head that was checked against it.</summary>
    internal async Task CommitAsync(LogHead head, Sha256Digest[] mapHistoryLeaves, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var content = new FrameContent(FrameKind.Head, state.StagedSize, now, head, mapHistoryLeaves, []);
        var position = await FrameAppender.AppendAsync(storage, content, [], cancellationToken);
        state.RecordHead(head, now, position);
        state.Show();
    }

    /// <summary>Writes values of entries that were written without them.</summary>
    internal async Task AppendValuesAsync(
        IReadOnlyList<(Sha256Digest Digest, ReadOnlyMemory<byte> Value)> values,
        CancellationToken cancellationToken
    )
    {
        for (var start = 0; start < values.Count; )
        {
            var entries = new List<FrameEntry>();
            for (var bytes = 0L; start < values.Count && bytes < MaxFrameBytes / 2; start++)
            {
                bytes += values[start].Value.Length;
                entries.Add(new FrameEntry(ReadOnlyMemory<byte>.Empty, values[start].Digest, values[start].Value));
            }
            RequireRoom(entries.Sum(entry => (long)entry.Value!.Value.Length));
            var offsets = new int[entries.Count];
            var content = new FrameContent(FrameKind.Values, 0, time.GetUtcNow(), null, [], entries);
            var position = await FrameAppender.AppendAsync(storage, content, offsets, cancellationToken);
            for (var i = 0; i < offsets.Length; i++)
            {
                state.AddStray(new EntryRecord(entries[i].Digest, (uint)entries[i].Value!.Value.Length, 0, 0), position + offsets[i]);
            }
        }
    }

    void RequireRoom(long bytes)
    {
        if (storage.LackOfRoom(RoomForOwnLogs + 2 * bytes) is { } lack)
        {
            throw new LogRoomException(lack);
        }
    }

    /// <summary>Drops what is staged: it did not hash to a head.</summary>
    internal async Task DropStagedAsync(CancellationToken cancellationToken)
    {
        if (state.StagedFrom is { } position)
        {
            await storage.TruncateAsync(position, cancellationToken);
        }
        state.DropStaged();
    }

    async Task AppendFrameAsync(
        IReadOnlyList<LogEntry> entries,
        ReadOnlyMemory<byte>?[] values,
        int start,
        int count,
        CancellationToken cancellationToken
    )
    {
        var frame = new List<FrameEntry>(count);
        var staged = new List<StagedEntry>(count);
        for (var i = start; i < start + count; i++)
        {
            var (entry, value) = (entries[i], values[i]);
            frame.Add(new FrameEntry(entry.Key, entry.ValueDigest, value));
            staged.Add(
                new StagedEntry(
                    entry.Key,
                    ShortSha256.Hash(entry.Key.Span),
                    entry.ValueDigest,
                    // Computed, or compared with what is computed, when the entry was fetched.
                    entry.LeafHash,
                    value is not null,
                    (uint)(value?.Length ?? 0)
                )
            );
        }
        var offsets = new int[count];
        var content = new FrameContent(FrameKind.Fetched, state.StagedSize, time.GetUtcNow(), null, [], frame);
        var position = await FrameAppender.AppendAsync(storage, content, offsets, cancellationToken);
        state.Stage(CollectionsMarshal.AsSpan(staged));
        state.Place(CollectionsMarshal.AsSpan(staged), offsets, position);
    }
}
