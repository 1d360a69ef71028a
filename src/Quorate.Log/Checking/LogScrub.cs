using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log.Images;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>
/// Reads the frames of an open log again, so that cold damage is found while copies are still there: frame checks, values against their digests, entries
/// against the leaves that the log answers with, signatures of heads and checkpoints, and the tree of what was read against a signed head; then the
/// derived files and the state image, which opening would otherwise be the first to read.
/// </summary>
sealed class LogScrub(LogIdentity identity, string? origin, LogState state, ILogStorage storage, TimeProvider time)
{
    const int Step = 1 << 20;

    internal async Task<long> RunAsync(long bytesPerSecond, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesPerSecond);
        if (storage.ReadAgain() is not { } frames || state.Snapshot is not { } snapshot)
        {
            return 0;
        }
        var tree = new GrowingTree();
        var bytes = 0L;
        var head = snapshot.Head;
        var pace = new Pace(bytesPerSecond, time);
        foreach (var stored in frames)
        {
            Check(stored, tree, head);
            bytes += stored.Payload.Length;
            await pace.AddAsync(stored.Payload.Length, cancellationToken);
        }
        if (tree.Size == head.TreeSize && tree.Root() != head.LogRoot)
        {
            throw Damaged($"the stored entries do not have the log root of the head of size {head.TreeSize}");
        }
        foreach (var read in state.CheckDerived(snapshot).Concat(CheckImage()))
        {
            bytes += read;
            await pace.AddAsync(read, cancellationToken);
        }
        return bytes;
    }

    /// <summary>An image that is being replaced meanwhile stays readable.</summary>
    IEnumerable<int> CheckImage()
    {
        using var image = Image(folder => StateImage.Open(folder, identity.Id.ToDigest()));
        if (image is null)
        {
            yield break;
        }
        using var parts = image.CheckStored().GetEnumerator();
        while (Image(_ => parts.MoveNext()))
        {
            yield return parts.Current;
        }
    }

    T? Image<T>(Func<DerivedFolder, T> read)
    {
        if (state.Folder is not { } folder)
        {
            return default;
        }
        try
        {
            return read(folder);
        }
        catch (MalformedException e)
        {
            throw folder.Distrust($"{folder.ImagePath}: {e.Message}");
        }
    }

    void Check(in StoredFrame stored, GrowingTree tree, LogHead head)
    {
        if (!LogFrame.TryRead(stored.Payload, out var frame, out var error))
        {
            throw Damaged($"{storage.Describe(stored.Position)}: a frame is not one of ours: {error}");
        }
        foreach (var item in frame!)
        {
            var record = item.Record;
            if (
                record.HasValue
                && Sha256Digest.HashData(stored.Payload.Span.Slice(item.Offset + (int)record.ValueDistance, (int)record.ValueLength))
                    != record.Digest
            )
            {
                throw Damaged($"{storage.Describe(stored.Position + item.Offset)}: a value does not have the digest of its record");
            }
            // Behind the head that was the newest when this began, entries come and go.
            if (frame.Kind == FrameKind.Values || tree.Size >= head.TreeSize)
            {
                continue;
            }
            var leaf = TreeHash.EntryLeaf(item.Key.Span, record.Digest);
            if (leaf != state.Tree.Leaf(tree.Size))
            {
                throw Damaged(
                    $"{storage.Describe(stored.Position + item.Offset)}: entry {tree.Size} does not have the leaf that the log answers with"
                );
            }
            tree.Append(leaf);
        }
        if (frame.Head is { } signed && HeadSignatures.Wrong(identity, origin, signed, frame.CheckpointSignature) is { } wrong)
        {
            throw Damaged($"{storage.Describe(stored.Position)}: {wrong}");
        }
    }

    LogDamagedException Damaged(string what) => new($"log {identity.Id}: {what}", storage.Folder);

    sealed class Pace(long bytesPerSecond, TimeProvider time)
    {
        long _pending;

        internal async ValueTask AddAsync(long bytes, CancellationToken cancellationToken)
        {
            _pending += bytes;
            if (_pending >= Math.Min(Step, bytesPerSecond))
            {
                await Task.Delay(TimeSpan.FromSeconds((double)_pending / bytesPerSecond), time, cancellationToken);
                _pending = 0;
            }
        }
    }
}
