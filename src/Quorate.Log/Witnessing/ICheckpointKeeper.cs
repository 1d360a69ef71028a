using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>
/// Where a log keeps the checkpoint that its witnesses cosigned last, and who of its nodes asks them. All nodes of a log show what is kept here; none shows
/// anything that it does not hold itself.
/// </summary>
public interface ICheckpointKeeper
{
    /// <summary>For people: where it is kept.</summary>
    string Place { get; }

    /// <summary>Other nodes may publish, too: what is kept has to be looked at again and again.</summary>
    bool IsShared { get; }

    /// <summary>This node asks the witnesses now, because it signs the heads.</summary>
    bool AsksWitnesses { get; }

    /// <summary>The bytes of the note; null when there is none. More than <see cref="Crypto.Notes.SignedNote.MaxBytes"/> of them are none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Keeps a checkpoint in place of one that is not larger. False when this node is no longer the one to do so, or a larger one is kept.</summary>
    /// <exception cref="IOException">It may not be durable.</exception>
    ValueTask<bool> WriteAsync(PublishedCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>Returns when this node holds every entry that was signed before the call, by whichever node.</summary>
    /// <exception cref="IOException">That cannot be known now.</exception>
    ValueTask CatchUpAsync(CancellationToken cancellationToken);

    /// <summary>The witnesses were asked, and know nothing that the log lacks: from now on it may be signed.</summary>
    void BeginSigning();
}
