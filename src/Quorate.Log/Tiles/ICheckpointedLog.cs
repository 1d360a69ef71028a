using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

/// <summary>A log that signs a checkpoint with every head.</summary>
public interface ICheckpointedLog : ILogView
{
    /// <summary>The first line of the log's checkpoints, fixed at its creation.</summary>
    string Origin { get; }

    /// <summary>What verifies the log's signature under its checkpoints.</summary>
    NoteVerifierKey VerifierKey { get; }

    /// <summary>Durable heads, at least one.</summary>
    ulong HeadCount { get; }

    /// <summary>The checkpoint of a head's tree, as it was signed together with the head.</summary>
    /// <param name="number">Of the head, from 0; heads before the first version with checkpoints get theirs now, over the same tree.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such head.</exception>
    /// <exception cref="Storage.LogDamagedException">The stored head or signature is not what was written.</exception>
    PublishedCheckpoint CheckpointAt(ulong number);
}
