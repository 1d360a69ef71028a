namespace Quorate.Log.Tiles;

/// <summary>Shows the newest durable head's checkpoint at once: what a log without witnesses does.</summary>
public sealed class NewestHeadPublication(ICheckpointedLog log) : ICheckpointPublication
{
    volatile Shown? _last;

    public PublishedCheckpoint? Current
    {
        get
        {
            var newest = log.HeadCount - 1;
            if (_last is { } last && last.Number >= newest)
            {
                return last.Checkpoint;
            }
            // Two readers may both make it; they make the same.
            var checkpoint = log.CheckpointAt(newest);
            _last = new Shown(newest, checkpoint);
            return checkpoint;
        }
    }

    sealed record Shown(ulong Number, PublishedCheckpoint Checkpoint);
}
