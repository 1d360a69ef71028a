using Quorate.Core;
using Quorate.Crypto.Notes;
using Quorate.Log.Witnessing;

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

    /// <summary>The root of the log's first <paramref name="treeSize"/> entries. Throws <see cref="ArgumentOutOfRangeException"/> beyond the head.</summary>
    Sha256Digest LogRootAt(ulong treeSize);

    /// <summary>Where the log keeps what its witnesses cosigned.</summary>
    ICheckpointKeeper WitnessedCheckpoint { get; }

    /// <summary>Signs no head after those that are being signed: whoever submits from now on is told why. Only opening the log again ends that.</summary>
    void Refuse(string reason);
}
