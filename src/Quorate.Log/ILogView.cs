using Quorate.Core;
using Quorate.Core.Map;

namespace Quorate.Log;

/// <summary>One entry of the log. The leaf hash is H(0x00 ‖ key ‖ ":" ‖ value digest).</summary>
public sealed record LogEntry(ulong Index, ReadOnlyMemory<byte> Key, Sha256Digest ValueDigest, Sha256Digest LeafHash);

/// <summary>What the map under one head says of one key. <paramref name="Value"/> is what <see cref="MapRule"/> writes, empty when the key is absent.</summary>
public sealed record MapAnswer(ReadOnlyMemory<byte> Value, MapProof Proof);

/// <summary>
/// The read side of a log that this node holds whole: a published one, or a verified mirror of a foreign one. All members are safe for
/// concurrent readers and answer from the last durable head or an older one; nothing beyond it is ever visible.
/// </summary>
public interface ILogView
{
    LogIdentity Identity { get; }

    /// <summary>The newest durable (for mirrors: newest verified) head. Null for a mirror that never synchronised.</summary>
    LogHead? Head { get; }

    /// <summary>When this node made or first verified the head that first covered entry <paramref name="index"/>.</summary>
    DateTimeOffset FirstSeen(ulong index);

    /// <summary>Entries <paramref name="start"/> to <paramref name="finish"/>, both inclusive. Throws <see cref="ArgumentOutOfRangeException"/> beyond the head.</summary>
    IReadOnlyList<LogEntry> Entries(ulong start, ulong finish);

    /// <summary>RFC 6962 PATH(index, D[treeSize]). Throws <see cref="ArgumentOutOfRangeException"/> unless index &lt; treeSize ≤ head size.</summary>
    IReadOnlyList<Sha256Digest> InclusionProof(ulong index, ulong treeSize);

    /// <summary>RFC 6962 PROOF(first, D[second]); empty when first is 0 or first ≥ second (as Trustix answers). Throws beyond the head.</summary>
    IReadOnlyList<Sha256Digest> ConsistencyProof(ulong first, ulong second);

    /// <summary>Leaf hashes of the map-history log, both ends inclusive.</summary>
    IReadOnlyList<Sha256Digest> MapHistoryLeaves(ulong start, ulong finish);

    IReadOnlyList<Sha256Digest> MapHistoryInclusionProof(ulong index, ulong treeSize);

    IReadOnlyList<Sha256Digest> MapHistoryConsistencyProof(ulong first, ulong second);

    /// <summary>Looks a key up under one of the heads of the history window. Null when the map root is unknown or has left the window.</summary>
    MapAnswer? MapValue(ReadOnlySpan<byte> key, Sha256Digest mapRoot);

    /// <summary>
    /// All entries under a key in log order. Where the protocol lets the first value count it is the builder's vote, and later ones are self-divergences; else these are the
    /// entries that count. Empty when there is none.
    /// </summary>
    IReadOnlyList<LogEntry> EntriesOf(ReadOnlySpan<byte> key);

    /// <summary>Keys of protocol <c>nix</c> whose store path begins with this 32-character hash part. Empty for other protocols.</summary>
    IReadOnlyList<ReadOnlyMemory<byte>> KeysByStoreHash(string storeHash);

    /// <summary>The value with this digest, or null where it is not held. Bytes are checked against the digest before they are returned.</summary>
    ValueTask<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken);

    /// <summary>Raised after <see cref="Head"/> advanced, on an arbitrary thread.</summary>
    event Action<ILogView>? Advanced;
}

/// <summary>One item to append.</summary>
public readonly record struct SubmitItem(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);

/// <summary>What became of a Submit. Everything new in it is covered by <paramref name="Head"/>.</summary>
/// <param name="Added">Entries appended.</param>
/// <param name="Duplicates">Items that the log already held, and were left out.</param>
/// <param name="Divergences">Items whose key already had a different value, where only the first one counts.</param>
public sealed record SubmitResult(LogHead Head, int Added, int Duplicates, IReadOnlyList<SelfDivergence> Divergences);

/// <summary>A builder gave a second, different value for a key.</summary>
/// <param name="Index">Where the later value was appended; null when the log drops such entries.</param>
public sealed record SelfDivergence(ReadOnlyMemory<byte> Key, Sha256Digest First, Sha256Digest Later, ulong? Index);

/// <summary>A log of which this node is the only writer.</summary>
public interface IPublishedLog : ILogView
{
    /// <summary>The newest durable head; never null, the empty head is signed at creation.</summary>
    new LogHead Head { get; }

    /// <summary>
    /// Appends items as one unit: all of them are in the same head. Completes when that head is durable.
    /// </summary>
    /// <exception cref="LogInputException">A key or value is over its limit.</exception>
    /// <exception cref="LogOverloadedException">Too much is queued; try again later.</exception>
    Task<SubmitResult> SubmitAsync(IReadOnlyList<SubmitItem> items, CancellationToken cancellationToken);

    /// <summary>Completes when everything submitted before the call is in a durable signed head, which it returns.</summary>
    Task<LogHead> FlushAsync(CancellationToken cancellationToken);

    /// <summary>Why the log takes no more submits until it is opened again; null while it does.</summary>
    Storage.LogStorageException? Failure => null;

    /// <summary>Why submits have to wait for now; null while they do not.</summary>
    string? Fault => null;
}

/// <summary>An item cannot be logged: key or value over the limit.</summary>
public class LogInputException(string message) : ArgumentException(message);

/// <summary>A key has as many claims as its protocol's map can name. Nothing of the submit was logged.</summary>
public sealed class LogKeyFullException(string message) : LogInputException(message);

/// <summary>Nothing can be logged just now: too much waits, or the disk is nearly full. Nothing was taken.</summary>
public sealed class LogOverloadedException(string message) : InvalidOperationException(message);
