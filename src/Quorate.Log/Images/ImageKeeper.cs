using Quorate.Core;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Images;

/// <summary>
/// Decides when the state image is written again, and has it written beside the log's writer. A failure costs the next opening time, and nothing else:
/// it is reported, and tried again later.
/// </summary>
sealed class ImageKeeper(LogState state, ILogStorage storage, Sha256Digest log, ulong everyEntries, TimeProvider time)
{
    /// <summary>More than an image takes for an entry (docs/formats/state-image.md).</summary>
    const int BytesAnEntry = 128;

    /// <summary>At most this part of the log is to be replayed after a kill: a quarter.</summary>
    const ulong TailDivisor = 4;

    /// <summary>Fewer entries than this are replayed sooner than an image is written.</summary>
    const ulong LeastOnClose = 5_000;

    static readonly TimeSpan s_retryAfter = TimeSpan.FromMinutes(1);

    Task _running = Task.CompletedTask;
    ulong _covered;
    DateTimeOffset _notBefore = DateTimeOffset.MinValue;

    /// <summary>Why the newest image could not be written; null when it could.</summary>
    internal volatile IOException? Failure;

    /// <summary>Called when an image could not be written, by the task that tried.</summary>
    internal Action<IOException>? Failed { get; set; }

    /// <summary>The log was opened with an image that covers this; one that a kill left unfinished goes.</summary>
    internal void Begin(ulong covered)
    {
        _covered = covered;
        state.Folder?.DeleteNewImage();
    }

    /// <summary>Begins an image when enough was added since the last one. By the log's writer, with nothing staged; does not wait.</summary>
    internal void Offer()
    {
        var size = state.Snapshot?.Head.TreeSize ?? 0;
        if (_running.IsCompleted && size - _covered >= Math.Max(everyEntries, size / TailDivisor) && time.GetUtcNow() >= _notBefore)
        {
            Start();
        }
    }

    /// <summary>Waits for an image that is being written, and writes a last one when that is worth it. The log's writer must have ended.</summary>
    /// <param name="canWrite">False after the writer failed: what it left behind is in no defined state.</param>
    internal async Task CloseAsync(bool canWrite)
    {
        await _running;
        var size = state.Snapshot?.Head.TreeSize ?? 0;
        if (canWrite && size - _covered >= Math.Min(LeastOnClose, everyEntries))
        {
            Start();
            await _running;
        }
    }

    void Start()
    {
        if (state.Folder is not { IsDistrusted: false } folder || state.Capture() is not { } contents)
        {
            return;
        }
        _running = Task.Run(() =>
        {
            try
            {
                // It stands beside the old one until it is whole.
                var bytes = BytesAnEntry * (long)contents.Head.TreeSize;
                if (storage.LackOfRoom(bytes) is { } lack)
                {
                    throw new LogRoomException($"up to {bytes >> 20} MiB do not fit: {lack}");
                }
                StateImage.Write(state, contents, folder, log);
                _covered = contents.Head.TreeSize;
                Failure = null;
            }
            catch (IOException e)
            {
                _notBefore = time.GetUtcNow() + s_retryAfter;
                Failure = e;
                Failed?.Invoke(e);
            }
        });
    }
}
