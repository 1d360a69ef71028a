using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

/// <summary>
/// What a log's <c>/checkpoint</c> serves: the newest checkpoint that meets the log's witness policy, and with it the limit of everything else in the tile
/// view. Older than the log's head while witnesses are asked, or do not answer.
/// </summary>
public interface ICheckpointPublication
{
    /// <summary>Null before the first one. Only ever replaced by one of the same or a larger tree.</summary>
    PublishedCheckpoint? Current { get; }
}

/// <summary>A checkpoint that is out, with the log's signature and all cosignatures that were collected for it.</summary>
public sealed record PublishedCheckpoint(SignedNote Note, Checkpoint Checkpoint);
