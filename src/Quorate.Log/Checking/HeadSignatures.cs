using Quorate.Log.Tiles;

namespace Quorate.Log.Checking;

/// <summary>The two signatures that a frame has over one tree.</summary>
static class HeadSignatures
{
    /// <summary>A sentence when one of them is not by the log's key.</summary>
    /// <param name="origin">Null where it is not known: without it a checkpoint cannot be put together, and only the head's is checked.</param>
    /// <param name="checkpoint">The signature of the checkpoint; empty where there is none.</param>
    internal static string? Wrong(LogIdentity identity, string? origin, LogHead head, ReadOnlyMemory<byte> checkpoint) =>
        !head.Verify(identity.Key).IsVerified ? $"the head of size {head.TreeSize} is not signed by the log's key"
        : checkpoint.IsEmpty || origin is null ? null
        : identity.Key.Verify(Checkpoint.Of(origin, head).ToText(), checkpoint.Span) ? null
        : $"the checkpoint of size {head.TreeSize} is not signed by the log's key for the origin {origin}";
}
