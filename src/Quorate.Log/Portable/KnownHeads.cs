using Quorate.Log.Checking;
using Quorate.Log.Storage;

namespace Quorate.Log.Portable;

/// <summary>What is known to have been signed for a log that is to be written on from a copy. A copy that lacks any of it would fork the log.</summary>
static class KnownHeads
{
    /// <exception cref="PortableLogException">Nothing is known, and nobody answers for it.</exception>
    internal static IReadOnlyList<(LogHead Head, string Where)> Of(LogImportOptions options, LogIdentity identity)
    {
        var known = new List<(LogHead Head, string Where)>();
        foreach (var folder in (string[])[options.State.PublishedFolder(identity.Id), options.State.MirrorFolder(identity.Id)])
        {
            if (NewestIn(folder, identity) is { } head)
            {
                known.Add((head, folder));
            }
        }
        if (options.SignedState is { } signedFolder)
        {
            using var signed = SignedState.Open(signedFolder, identity, WriteAheadDisk.Real, options.Time);
            if (signed.Newest is { } head)
            {
                known.Add((head, signedFolder));
            }
        }
        foreach (var head in options.KnownHeads)
        {
            if (!head.Verify(identity.Key).IsVerified)
            {
                throw new PortableLogException($"a known head of {head.TreeSize} entries is not signed by the log's key");
            }
            known.Add((head, "a known head"));
        }
        return known.Count > 0 || options.IsNewest
            ? known
            : throw new PortableLogException(
                "nothing here remembers what this log signed last: name --signed-state, or --known-head with what a follower or a witness shows "
                    + "(quorate log head LOG --json on its node), or state with --newest that nobody has seen a later head"
            );
    }

    /// <summary>Holds a copy that has grown to some size against what is known of that size.</summary>
    internal static void Check(IReadOnlyList<(LogHead Head, string Where)> known, GrowingTree tree, string source)
    {
        foreach (var (head, where) in known)
        {
            if (head.TreeSize == tree.Size && head.LogRoot != tree.Root())
            {
                throw new PortableLogException(
                    $"{source}: the first {head.TreeSize} entries are not those that were signed ({where}): importing it would fork the log"
                );
            }
        }
    }

    /// <summary>Refuses a copy that ends before anything that is known.</summary>
    internal static void CheckNewest(IReadOnlyList<(LogHead Head, string Where)> known, LogHead newest, string source)
    {
        foreach (var (head, where) in known)
        {
            if (
                head.TreeSize > newest.TreeSize
                || head.MhTreeSize > newest.MhTreeSize
                || (head.MhTreeSize == newest.MhTreeSize && !head.Equals(newest))
            )
            {
                throw new PortableLogException(
                    $"{source} has {newest.TreeSize} entries and {newest.MhTreeSize} heads, but one of {head.TreeSize} and {head.MhTreeSize} was signed ({where}): "
                        + "importing it would fork the log"
                );
            }
        }
    }

    /// <summary>The newest head that is legible in a folder, damaged or not.</summary>
    static LogHead? NewestIn(string folder, LogIdentity identity)
    {
        LogHead? newest = null;
        if (!Directory.Exists(folder))
        {
            return null;
        }
        foreach (var stored in FrameScan.LegibleFrames(folder, identity.Id.ToDigest()))
        {
            if (
                LogFrame.TryRead(stored.Payload, out var frame, out _)
                && frame!.Head is { } head
                && (newest is null || head.MhTreeSize > newest.MhTreeSize)
                && head.Verify(identity.Key).IsVerified
            )
            {
                newest = head;
            }
        }
        return newest;
    }
}
