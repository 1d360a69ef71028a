using Quorate.Core;
using Quorate.Log.Images;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>
/// Holds what is derived from an intact write-ahead file against it: the state image with its checks and roots, and every leaf, position and head record in
/// the columns that it vouches for.
/// </summary>
static class DerivedChecks
{
    const int Block = 4096;

    internal static IEnumerable<LogDamage> Run(
        FrameScan scan,
        LogCheckReport report,
        WriteAheadDisk disk,
        CancellationToken cancellationToken
    )
    {
        var derived = Path.Combine(report.Folder, DerivedFolder.Name);
        if (!Directory.Exists(derived))
        {
            return [];
        }
        try
        {
            var storage = new ScannedStorage(scan, report.Folder, new ReadOnlyDisk(disk));
            using var state = new LogState(report.Identity, storage, tracksUnheldValues: report.IsMirror);
            using var image = state.Folder is { } folder ? StateImage.Open(folder, report.Identity.Id.ToDigest()) : null;
            // Without an image nothing is believed: opening rebuilds it all.
            return image is not null && Run(scan, state, image, report, cancellationToken) is { } damage ? [damage] : [];
        }
        catch (FileNotFoundException e)
        {
            return [new LogDamage(e.FileName ?? derived, null, "missing, beside other derived files", IsDerived: true)];
        }
        catch (Exception e) when (e is MalformedException or IOException)
        {
            return [new LogDamage(derived, null, e is LogDamagedException damaged ? damaged.Finding : e.Message, IsDerived: true)];
        }
    }

    static LogDamage? Run(FrameScan scan, LogState state, StateImage image, LogCheckReport report, CancellationToken cancellationToken)
    {
        var path = state.Folder!.ImagePath;
        var (head, isSigned) = (image.Header.Head, image.Header.Head.Verify(report.Identity.Key).IsVerified);
        if (!isSigned)
        {
            return Damaged(path, "its head is not signed by the log's key");
        }
        if (head.MhTreeSize > (report.Head?.MhTreeSize ?? 0) && !report.IsMirror)
        {
            return new LogDamage(
                Path.Combine(report.Folder, SegmentFiles.Name(0)),
                null,
                $"the write-ahead file ends with a head of {report.Head?.TreeSize ?? 0} entries, but {path} holds one of {head.TreeSize} that this log signed: "
                    + "the file was cut, or replaced by an older copy",
                IsDerived: false
            );
        }
        state.Restore(image);
        if (state.Tree.Root(head.TreeSize) != head.LogRoot || state.MapHistory.Root(head.MhTreeSize) != head.MhRoot)
        {
            return Damaged(path, $"it does not have the roots of its head of {head.TreeSize} entries");
        }
        if (state.Snapshot!.Map.Root != head.MapRoot)
        {
            return Damaged(path, $"its map does not have the root of its head of {head.TreeSize} entries");
        }
        return Heads(scan, state, image.Header, cancellationToken) ?? Columns(state, head, cancellationToken);
    }

    static LogDamage? Heads(FrameScan scan, LogState state, ImageHeader header, CancellationToken cancellationToken)
    {
        var number = 0UL;
        foreach (var stored in scan.Frames())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (number == header.HeadCount)
            {
                break;
            }
            if (!LogFrame.TryRead(stored.Payload, out var frame, out _) || frame!.Head is not { } head)
            {
                continue;
            }
            var record = new HeadRecord(head.TreeSize, head.MhTreeSize, head.MapRoot, frame.Time.ToUnixTimeMilliseconds(), stored.Position);
            if (state.Heads[number] != record)
            {
                return Damaged(state.Folder!.Heads.Path, $"head {number} is not the one in the write-ahead file");
            }
            number++;
        }
        return number == header.HeadCount
            ? null
            : Damaged(state.Folder!.ImagePath, $"it has {header.HeadCount} heads where the write-ahead file has {number}");
    }

    // The leaves lead to the root by hashes that came with the image; an entry that is read at its position must have its leaf.
    static LogDamage? Columns(LogState state, LogHead head, CancellationToken cancellationToken)
    {
        var leaves = new Sha256Digest[Block];
        var tree = new GrowingTree();
        for (var first = 0UL; first < head.MhTreeSize; first += Block)
        {
            var some = leaves.AsSpan(0, (int)Math.Min(Block, head.MhTreeSize - first));
            state.MapHistory.Leaves(first, some);
            foreach (ref readonly var leaf in some)
            {
                tree.Append(leaf);
            }
        }
        if (tree.Root() != head.MhRoot)
        {
            return Damaged(state.Folder!.MapHistory.Path, "its leaves do not lead to the root");
        }
        for (var first = 0UL; first < head.TreeSize; first += Block)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _ = state.Reader.Range(first, Math.Min(first + Block, head.TreeSize) - 1);
        }
        return null;
    }

    static LogDamage Damaged(string path, string what) => new(path, null, what, IsDerived: true);
}
