using System.Buffers;
using Quorate.Core;

namespace Quorate.Log.Storage;

/// <summary>What goes into one frame.</summary>
sealed record FrameContent(
    FrameKind Kind,
    ulong FirstIndex,
    DateTimeOffset Time,
    LogHead? Head,
    Sha256Digest[] MapHistoryLeaves,
    IReadOnlyList<FrameEntry> Entries
)
{
    /// <summary>Of a head of ours; empty otherwise.</summary>
    public ReadOnlyMemory<byte> CheckpointSignature { get; init; }
}

/// <summary>Encodes frames into pooled memory and hands them to the storage.</summary>
static class FrameAppender
{
    /// <summary>Appends durably, and fills <paramref name="recordOffsets"/> (one per entry) for the index.</summary>
    internal static async ValueTask<FramePosition> AppendAsync(
        ILogStorage storage,
        FrameContent content,
        int[] recordOffsets,
        CancellationToken cancellationToken
    )
    {
        var size = LogFrame.Size(content.Kind, content.MapHistoryLeaves.Length, content.Entries, content.CheckpointSignature);
        if (size > WriteAheadFormat.MaxPayload)
        {
            throw new LogStorageException($"a frame of {size} bytes is over the limit of {WriteAheadFormat.MaxPayload}");
        }
        var buffer = ArrayPool<byte>.Shared.Rent((int)size);
        try
        {
            LogFrame.Write(
                buffer.AsSpan(0, (int)size),
                content.Kind,
                content.FirstIndex,
                content.Time,
                content.Head,
                content.MapHistoryLeaves,
                content.Entries,
                recordOffsets,
                content.CheckpointSignature
            );
            return await storage.AppendAsync(buffer.AsMemory(0, (int)size), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
