using Quorate.Core;
using Quorate.Core.Hashing;
using Quorate.Core.Merkle;
using Quorate.Log.Storage;

namespace Quorate.Log.Checking;

/// <summary>
/// Recomputes everything that the frames of one log claim: leaves, values against digests, and under every head the roots of log, map and map history,
/// and the signature. Stops at the first thing that is wrong: nothing behind it can be recomputed.
/// </summary>
sealed class FrameChecks(LogIdentity identity, string? origin, FrameScan scan) : IDisposable
{
    /// <summary>Heads whose signatures are checked together, on all processors.</summary>
    const int SignatureBatch = 512;

    readonly GrowingTree _tree = new();
    readonly GrowingTree _mapHistory = new();
    readonly CheckedMap _map = new(identity.Protocol.MapRule);
    readonly List<(LogHead Head, ReadOnlyMemory<byte> Checkpoint, FramePosition Frame)> _unverified = [];

    // Digests of entries without bytes, with the first such entry.
    readonly Dictionary<Sha256Digest, FramePosition> _unheld = [];
    Sha256Digest? _lastMapHistoryLeaf;

    internal LogHead? Head { get; private set; }
    internal ulong Heads { get; private set; }
    internal ulong Checkpoints { get; private set; }
    internal ulong Entries => _tree.Size;

    /// <summary>Only mirrors have frames that no head covers, and values apart from their entries.</summary>
    internal bool IsMirror { get; private set; }

    internal IEnumerable<KeyValuePair<Sha256Digest, FramePosition>> Unheld => _unheld;

    /// <summary>Takes one frame; a sentence says what is wrong with it.</summary>
    internal LogDamage? Take(in StoredFrame stored)
    {
        if (!LogFrame.TryRead(stored.Payload, out var frame, out var error))
        {
            return At(stored.Position, $"a frame is not one of ours: {error}");
        }
        IsMirror |= frame!.Kind != FrameKind.Head || (frame.Count == 0 && frame.FirstIndex > 0);
        if (frame.Kind != FrameKind.Values && frame.FirstIndex != _tree.Size)
        {
            return At(stored.Position, $"a frame begins with entry {frame.FirstIndex} where {_tree.Size} should follow");
        }
        foreach (var item in frame)
        {
            if (TakeValue(stored, item, frame.Kind) is { } damage)
            {
                return damage;
            }
        }
        return frame.Head is { } head ? TakeHead(stored.Position, frame, head) : null;
    }

    /// <summary>Checks the signatures that still wait.</summary>
    internal LogDamage? Finish() => VerifySignatures();

    public void Dispose() => _map.Dispose();

    LogDamage? TakeValue(in StoredFrame stored, in Records.Item item, FrameKind kind)
    {
        var record = item.Record;
        if (record.HasValue)
        {
            var value = stored.Payload.Span.Slice(item.Offset + (int)record.ValueDistance, (int)record.ValueLength);
            if (Sha256Digest.HashData(value) != record.Digest)
            {
                return At(stored.Position + item.Offset, $"a value does not have the digest {record.Digest} of its record");
            }
        }
        if (kind == FrameKind.Values)
        {
            return null;
        }
        if (!record.HasValue)
        {
            _unheld.TryAdd(record.Digest, stored.Position + item.Offset);
        }
        _map.Add(ShortSha256.Hash(item.Key.Span), record.Digest, _tree.Size);
        _tree.Append(TreeHash.EntryLeaf(item.Key.Span, record.Digest));
        return null;
    }

    LogDamage? TakeHead(FramePosition position, LogFrame frame, LogHead head)
    {
        foreach (var leaf in frame.MapHistoryLeaves)
        {
            _mapHistory.Append(leaf);
            _lastMapHistoryLeaf = leaf;
        }
        var wrong =
            head.LogRoot != _tree.Root() ? "log root"
            : head.MapRoot != _map.Root() ? "map root"
            : head.MhTreeSize != _mapHistory.Size || head.MhRoot != _mapHistory.Root() ? "map-history root"
            : _lastMapHistoryLeaf != TreeHash.Leaf(head.MapRoot.AsSpan()) ? "last map-history leaf"
            : null;
        if (wrong is not null)
        {
            return At(position, $"the head of size {head.TreeSize} does not have the {wrong} of the entries below it");
        }
        _unverified.Add((head, frame.CheckpointSignature, position));
        Checkpoints += frame.CheckpointSignature.IsEmpty ? 0UL : 1;
        Heads++;
        var damage = _unverified.Count >= SignatureBatch ? VerifySignatures() : null;
        Head = head;
        return damage;
    }

    LogDamage? VerifySignatures()
    {
        var wrong = new string?[_unverified.Count];
        Parallel.For(
            0,
            wrong.Length,
            i => wrong[i] = HeadSignatures.Wrong(identity, origin, _unverified[i].Head, _unverified[i].Checkpoint)
        );
        var bad = Array.FindIndex(wrong, w => w is not null);
        var damage = bad < 0 ? null : At(_unverified[bad].Frame, wrong[bad]!);
        _unverified.Clear();
        return damage;
    }

    LogDamage At(FramePosition position, string what)
    {
        var (file, offset) = scan.Locate(position);
        return new LogDamage(file, offset, what, IsDerived: false);
    }
}
