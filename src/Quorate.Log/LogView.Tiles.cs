using System.Buffers;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Storage;
using Quorate.Log.Tiles;

namespace Quorate.Log;

/// <summary>The view as tiles and bundles (docs/formats/tiles.md). Everything is checked against the tree before it is given away.</summary>
public abstract partial class LogView
{
    /// <summary>The head with this number, from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such head.</exception>
    /// <exception cref="LogDamagedException">What is stored is not the head that was signed.</exception>
    public LogHead HeadAt(ulong number) => HeadAt(number, out _);

    /// <summary>The number of the head that covers exactly this many entries; null when there is none. In a published log there is at most one.</summary>
    public ulong? HeadNumberOf(ulong size)
    {
        var (low, high) = (0UL, HeadCount);
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            (low, high) = State.Heads[middle].TreeSize < size ? (middle + 1, high) : (low, middle);
        }
        return low < HeadCount && State.Heads[low].TreeSize == size ? low : null;
    }

    /// <summary>A tile of hashes, of a log of <paramref name="size"/> entries: 32 bytes for each.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A log of that size has no such tile, or the log is smaller.</exception>
    /// <exception cref="LogDamagedException">The hashes do not lead to the tree's.</exception>
    public ReadOnlyMemory<byte> HashTile(int level, TileNumber number, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Head?.TreeSize ?? 0);
        RequireTile(level, number, size);
        try
        {
            return TreeTile.Read(State.Tree, level, number, size);
        }
        catch (TreeTileException e)
        {
            throw new LogDamagedException($"log {Identity.Id}: {e.Message}", Storage.Folder);
        }
    }

    /// <summary>The data of up to 256 entries, each behind its length.</summary>
    /// <inheritdoc cref="HashTile"/>
    public ReadOnlyMemory<byte> EntryBundle(TileNumber number, ulong size)
    {
        var bundle = new ArrayBufferWriter<byte>(32 << 10);
        foreach (var entry in BundleEntries(number, size))
        {
            Tiles.EntryBundle.Append(bundle, entry);
        }
        return bundle.WrittenMemory;
    }

    /// <summary>The values of an entry bundle, those that are not large.</summary>
    /// <inheritdoc cref="HashTile"/>
    public async ValueTask<ReadOnlyMemory<byte>> ValueBundleAsync(TileNumber number, ulong size, CancellationToken cancellationToken)
    {
        var bundle = new ArrayBufferWriter<byte>(64 << 10);
        foreach (var entry in BundleEntries(number, size))
        {
            ValueBundle.Append(bundle, await State.ValueAsync(entry.ValueDigest, size, cancellationToken));
        }
        return bundle.WrittenMemory;
    }

    /// <summary>Heads 256·N and following, as they were signed. <paramref name="count"/> is how many heads may be shown.</summary>
    /// <inheritdoc cref="HashTile"/>
    public ReadOnlyMemory<byte> HeadBundle(TileNumber number, ulong count)
    {
        RequireTile(0, number, count);
        var bundle = new byte[number.Width * HeadRecordBundle.RecordSize];
        for (var i = 0; i < number.Width; i++)
        {
            HeadRecordBundle.Write(bundle.AsSpan(i * HeadRecordBundle.RecordSize), HeadAt(number.Index * TileNumber.FullWidth + (ulong)i));
        }
        return bundle;
    }

    /// <summary>The value with this digest, if one of the first <paramref name="size"/> entries has it; null where it is not held.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, ulong size, CancellationToken cancellationToken) =>
        State.ValueAsync(digest, Math.Min(size, Head?.TreeSize ?? 0), cancellationToken);

    private protected LogHead HeadAt(ulong number, out ReadOnlyMemory<byte> checkpointSignature)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(number, HeadCount);
        var record = State.Heads[number];
        Span<byte> payload = stackalloc byte[LogFrame.HeadPrefixSize];
        var length = Storage.Read(record.Frame, payload);
        return
            LogFrame.TryReadHead(payload[..length], out var head, out checkpointSignature)
            && (head!.TreeSize, head.MhTreeSize, head.MapRoot) == (record.TreeSize, record.MhTreeSize, record.MapRoot)
            && head.Verify(Identity.Key).IsVerified
            ? head
            : throw new LogDamagedException(
                $"{Storage.Describe(record.Frame)}: head {number} is not the one that was signed",
                Storage.Folder
            );
    }

    /// <summary>The checkpoint of a head's tree, as it was signed together with the head.</summary>
    private protected PublishedCheckpoint CheckpointAt(ulong number, NoteVerifierKey verifier, Ed25519PrivateKey key)
    {
        var head = HeadAt(number, out var signature);
        var checkpoint = Checkpoint.Of(verifier.Name, head);
        var text = checkpoint.ToText();
        if (signature.IsEmpty)
        {
            // A frame from before there were checkpoints. Ed25519 signatures are a function of key and text, so this is the one there can be.
            signature = key.Sign(text);
        }
        var note = SignedNote.Create(text, [NoteSigner.Line(verifier, signature)]);
        return NoteCheck.Of(note, [verifier]).Result.IsVerified
            ? new PublishedCheckpoint(note, checkpoint)
            : throw new LogDamagedException(
                $"{Storage.Describe(State.Heads[number].Frame)}: the signature of the checkpoint of size {head.TreeSize} is not by the log's key",
                Storage.Folder
            );
    }

    /// <summary>The newest checkpoint's signature tells whether the origin is still the one that the log signs for.</summary>
    /// <exception cref="LogOriginException">It is not.</exception>
    private protected void CheckOrigin(NoteVerifierKey verifier)
    {
        var head = HeadAt(HeadCount - 1, out var signature);
        if (!signature.IsEmpty && !Identity.Key.Verify(Checkpoint.Of(verifier.Name, head).ToText(), signature.Span))
        {
            throw new LogOriginException(
                $"log {Identity.Id}: its newest checkpoint is not signed for the origin '{verifier.Name}'; state the origin that the log was created with"
            );
        }
    }

    IReadOnlyList<LogEntry> BundleEntries(TileNumber number, ulong size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Head?.TreeSize ?? 0);
        RequireTile(0, number, size);
        var first = number.Index * TileNumber.FullWidth;
        return Entries(first, first + (ulong)number.Width - 1);
    }

    static void RequireTile(int level, TileNumber number, ulong size)
    {
        if (number.Width < 1 || !TileLayout.Has(level, number, size))
        {
            throw new ArgumentOutOfRangeException(nameof(number), number, $"level {level} of {size} entries has no such tile");
        }
    }
}
