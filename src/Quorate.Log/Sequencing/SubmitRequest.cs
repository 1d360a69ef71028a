using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Merkle;

namespace Quorate.Log.Sequencing;

/// <summary>What waits in the sequencer's queue: a Submit with its hashes, or a Flush (no items).</summary>
sealed class SubmitRequest(PreparedItem[] items, long bytes)
{
    // Continuations must not run on the sequencer.
    readonly TaskCompletionSource<SubmitResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PreparedItem[] Items => items;
    internal long Bytes => bytes;
    internal Task<SubmitResult> Completion => _completion.Task;

    internal int Added { get; set; }
    internal int Duplicates { get; set; }
    internal List<SelfDivergence>? Divergences { get; set; }

    /// <summary>Why nothing of it is logged; null when it is.</summary>
    internal string? Refusal { get; set; }

    /// <summary>Forgets how it was judged.</summary>
    internal void Reset() => (Added, Duplicates, Divergences, Refusal) = (0, 0, null, null);

    internal void Complete(LogHead head)
    {
        if (Refusal is { } refusal)
        {
            _completion.TrySetException(new LogKeyFullException(refusal));
        }
        else
        {
            _completion.TrySetResult(new SubmitResult(head, Added, Duplicates, Divergences ?? []));
        }
    }

    internal void Fail(Exception failure) => _completion.TrySetException(failure);
}

/// <summary>An item with the hashes that do not depend on the log, computed by its submitter.</summary>
readonly record struct PreparedItem(
    ReadOnlyMemory<byte> Key,
    ReadOnlyMemory<byte> Value,
    Sha256Digest Path,
    Sha256Digest Digest,
    Sha256Digest Leaf
)
{
    internal static PreparedItem Of(SubmitItem item)
    {
        var digest = Sha256Digest.HashData(item.Value.Span);
        return new(item.Key, item.Value, ShortSha256.Hash(item.Key.Span), digest, TreeHash.EntryLeaf(item.Key.Span, digest));
    }
}
