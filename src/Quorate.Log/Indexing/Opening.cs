using Quorate.Core;
using Quorate.Log.Images;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>
/// Brings a log's state into memory: from the state image and the frames behind it, or from all frames where there is no image that can be believed.
/// The frames decide; an image only saves time. But one that holds a head which a published log signed, and the frames do not have, tells that
/// frames were lost: such a log is refused, because it would sign other heads of the same sizes.
/// </summary>
static class Opening
{
    /// <exception cref="LogDamagedException">The frames are not what was written, or do not add up to their newest head.</exception>
    internal static LogOpening Run(
        LogState state,
        ILogStorage storage,
        LogIdentity identity,
        bool isMirror,
        CancellationToken cancellationToken
    )
    {
        var (refused, lost) = (default(string), default(LogHead));
        if (state.Folder is { } folder)
        {
            try
            {
                if (TryRestore(state, storage, identity, folder, out lost))
                {
                    var covered = state.StagedSize;
                    Replay.Run(state, storage, identity, state.Snapshot is null ? null : state.RecordedFrame, cancellationToken);
                    return new LogOpening(covered, state.StagedSize - covered, null);
                }
                refused = lost is null ? null : $"{folder.ImagePath}: the frame that carries its head is not there";
            }
            catch (MalformedException e)
            {
                refused = $"{folder.ImagePath}: {e.Message}";
            }
            catch (IOException e)
            {
                // Damaged frames will be found again, and named; damaged derived files are rebuilt.
                refused = e.Message;
            }
        }
        // A published log's head is evidence until the frames have been read.
        var isEvidence = lost is not null && !isMirror;
        state.BeginAfresh(keepImage: isEvidence);
        Replay.Run(state, storage, identity, null, cancellationToken);
        if (isEvidence)
        {
            RefuseUnlessHeld(state, lost!, storage);
            state.Folder!.DeleteImage();
        }
        return new LogOpening(0, state.StagedSize, refused);
    }

    /// <summary>False without an image, and with one whose head has no frame; that head is signed by the log.</summary>
    static bool TryRestore(LogState state, ILogStorage storage, LogIdentity identity, DerivedFolder folder, out LogHead? lost)
    {
        lost = null;
        using var image = StateImage.Open(folder, identity.Id.ToDigest());
        if (image is null)
        {
            return false;
        }
        var head = image.Header.Head;
        if (head.Verify(identity.Key) is Verification.Rejected)
        {
            throw new MalformedException("its head is not signed by the log's key");
        }
        if (!IsHeadOf(storage.ReadFrame(image.Header.Frame), head))
        {
            lost = head;
            return false;
        }
        state.Restore(image);
        if (
            state.Tree.Root(head.TreeSize) != head.LogRoot
            || state.MapHistory.Root(head.MhTreeSize) != head.MhRoot
            || state.Snapshot!.Map.Root != head.MapRoot
        )
        {
            throw new MalformedException("it does not have the roots of its head");
        }
        return true;
    }

    static bool IsHeadOf(StoredFrame? stored, LogHead head) =>
        stored is { } frame && LogFrame.TryRead(frame.Payload, out var read, out _) && read!.Head is { } found && found.Equals(head);

    static void RefuseUnlessHeld(LogState state, LogHead lost, ILogStorage storage)
    {
        var (size, mhSize) = (state.Snapshot?.Head.TreeSize ?? 0, state.Snapshot?.Head.MhTreeSize ?? 0);
        if (
            lost.TreeSize > size
            || lost.MhTreeSize > mhSize
            || state.Tree.Root(lost.TreeSize) != lost.LogRoot
            || state.MapHistory.Root(lost.MhTreeSize) != lost.MhRoot
        )
        {
            throw new LogDamagedException(
                $"{state.Folder!.ImagePath} holds a head of size {lost.TreeSize} that this log signed, but the write-ahead file, which ends with size "
                    + $"{size}, does not: it was cut, or replaced by an older copy, and the log would sign another head of that size. Restore the newest copy",
                storage.Folder
            );
        }
    }
}
