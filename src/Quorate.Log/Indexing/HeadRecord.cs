using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>What is kept in memory of every head; the head itself is in its frame.</summary>
/// <param name="Time">When this node made or verified it, Unix milliseconds.</param>
readonly record struct HeadRecord(ulong TreeSize, ulong MhTreeSize, Sha256Digest MapRoot, long Time, FramePosition Frame);

/// <summary>What readers see: replaced whole by one volatile write, never changed. Everything it names is durable.</summary>
/// <param name="Map">The newest version when the snapshot was made; it may have been closed since, and then there is a newer snapshot.</param>
sealed record LogSnapshot(LogHead Head, Core.Map.MapVersion Map, ulong HeadCount);
