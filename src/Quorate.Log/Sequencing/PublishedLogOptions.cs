using Quorate.Core;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>What a log does with a second, different value of a key.</summary>
public enum DivergencePolicy
{
    /// <summary>Append it, leave the map's first value, and report it: a builder that cannot say this hides that it is not reproducible.</summary>
    Append,

    /// <summary>Leave it out, as Trustix does, and report it to the submitter.</summary>
    Drop,
}

/// <summary>
/// Tells what a value means, where one meaning has several spellings: values of one key with equal meanings are duplicates.
/// </summary>
public interface IValueMeaning
{
    /// <summary>A digest of the meaning; null for a value that is to be compared byte by byte.</summary>
    Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);
}

/// <summary>How a published log is kept.</summary>
public sealed record PublishedLogOptions
{
    /// <summary>A tile entry has 16 bits for the length of key and fixed parts.</summary>
    public const int MaxKeyLimit = 65_502;

    public required LogIdentity Identity { get; init; }

    /// <summary>The log's own folder, see <see cref="StateDirectory.PublishedFolder"/>.</summary>
    public required string Folder { get; init; }

    /// <summary>A new segment of the write-ahead file begins once the last one is this long.</summary>
    public long SegmentBytes { get; init; } = Storage.WriteAheadStorage.DefaultSegmentBytes;

    /// <summary>
    /// Folder outside of all backups that remembers what was signed, so that an older copy of the log is refused; null: nothing remembers.
    /// </summary>
    public string? SignedState { get; init; }

    /// <summary>The origin of the log's checkpoints as configured; null takes what the log was created with. It can never be changed.</summary>
    public string? Origin { get; init; }

    /// <summary>What a log gets at its creation when <see cref="Origin"/> is null; null for <c>logs/&lt;log ID&gt;</c>.</summary>
    public string? DefaultOrigin { get; init; }

    public DivergencePolicy Divergence { get; init; } = DivergencePolicy.Append;

    /// <summary>Null: values are compared by digest.</summary>
    public IValueMeaning? Meaning { get; init; }

    /// <summary>Largest key in bytes, at most <see cref="MaxKeyLimit"/>.</summary>
    public int MaxKeyBytes { get; init; } = MaxKeyLimit;

    /// <summary>Largest value in bytes.</summary>
    public int MaxValueBytes { get; init; } = 16 << 20;

    /// <summary>Largest Submit, in bytes of keys and values: it must fit one frame.</summary>
    public int MaxSubmitBytes { get; init; } = 64 << 20;

    /// <summary>Submits that may wait for the sequencer.</summary>
    public int MaxQueuedSubmits { get; init; } = 10_000;

    /// <summary>Bytes of keys and values that may wait for the sequencer.</summary>
    public long MaxQueuedBytes { get; init; } = 128 << 20;

    /// <summary>A batch takes no further Submit once it has this many items or bytes.</summary>
    public int MaxBatchEntries { get; init; } = 10_000;

    /// <inheritdoc cref="MaxBatchEntries"/>
    public int MaxBatchBytes { get; init; } = 8 << 20;

    public HistoryWindow History { get; init; } = HistoryWindow.Default;

    /// <summary>
    /// Entries, or a quarter of the log where that is more, after which the state image is written again: as many are replayed, at most, when the
    /// log is opened after a kill. Replaying them takes about a second and a half; an image of a log of a million costs as much CPU time as adding 40,000 entries.
    /// </summary>
    public ulong ImageAfterEntries { get; init; } = 400_000;

    /// <summary>By what the log's own files reach the disk.</summary>
    public WriteAheadDisk Disk { get; init; } = WriteAheadDisk.Real;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxKeyBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxKeyBytes, MaxKeyLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxValueBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxSubmitBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxSubmitBytes, 128 << 20);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxQueuedSubmits);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxBatchEntries);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxBatchBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxBatchBytes, 64 << 20);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(History.Heads);
    }
}
