using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Log.Sharing;

/// <summary>The checkpoint of a shared log: kept beside its frames, written by whichever node sequences it, and shown by all.</summary>
sealed class SharedCheckpoint(ISharedLogStorage shared, SharedLogMember member) : ICheckpointKeeper
{
    public string Place => "the table quorate_checkpoint";

    public bool IsShared => true;

    public bool AsksWitnesses => member.IsSequencer;

    public ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken) => shared.CheckpointAsync(cancellationToken);

    public ValueTask<bool> WriteAsync(PublishedCheckpoint checkpoint, CancellationToken cancellationToken) =>
        shared.KeepCheckpointAsync(checkpoint.Checkpoint.Size, checkpoint.Note.Bytes, cancellationToken);

    public async ValueTask CatchUpAsync(CancellationToken cancellationToken) => await member.CatchUpAsync(cancellationToken);

    public void BeginSigning() => member.BeginSigning();
}
