namespace Quorate.Log;

/// <summary>How one synchronisation ended. <paramref name="Faults"/> lists what remotes did wrong on the way, whatever the end.</summary>
public abstract record SyncOutcome(IReadOnlyList<RemoteFault> Faults)
{
    /// <summary>A remote shows the head that the mirror has.</summary>
    public sealed record UpToDate(LogHead Head, IReadOnlyList<RemoteFault> Faults) : SyncOutcome(Faults);

    /// <summary>The mirror verified and keeps a newer head.</summary>
    public sealed record Advanced(LogHead Head, IReadOnlyList<RemoteFault> Faults) : SyncOutcome(Faults);

    /// <summary>No remote gave what could be verified. Says nothing about the log; what was verified before keeps counting.</summary>
    public sealed record Failed(IReadOnlyList<RemoteFault> Faults) : SyncOutcome(Faults);

    /// <summary>The log contradicts itself under its own signatures. What was verified before keeps counting; nothing later is taken.</summary>
    public sealed record Misbehaving(Misbehaviour Evidence, IReadOnlyList<RemoteFault> Faults) : SyncOutcome(Faults);
}

/// <summary>What one remote did wrong: a place failed, not the log.</summary>
/// <param name="Code">Stable: <c>unreachable</c>, <c>bad-signature</c>, <c>stale</c>, <c>bad-consistency-proof</c>, <c>wrong-entries</c>,
/// <c>wrong-map</c>, <c>withheld-map</c>, <c>wrong-map-history</c>, <c>bad-value</c>, <c>short-answer</c>, <c>limit</c>, <c>slow</c>, <c>invalid-head</c>.</param>
public sealed record RemoteFault(string Remote, string Code, string Detail)
{
    public override string ToString() => $"{Remote}: {Code}: {Detail}";
}

/// <summary>Most that one followed log may make this node fetch and keep.</summary>
/// <param name="MaxEntries">Entries of the log.</param>
/// <param name="MaxBytes">Keys and values of the log, decompressed.</param>
/// <param name="MaxHeads">Leaves of the map-history log.</param>
/// <param name="MaxValueBytes">One value; a larger one counts as withheld.</param>
public sealed record MirrorLimits(ulong MaxEntries, ulong MaxBytes, ulong MaxHeads, int MaxValueBytes = 16 << 20)
{
    /// <summary>An entry needs about 110 bytes of memory, so a log at its limit about 1.1 GB.</summary>
    public static MirrorLimits Default { get; } = new(10_000_000, 64UL << 30, 10_000_000);
}

/// <summary>How far a synchronisation has come. Entries count from the log's beginning.</summary>
public readonly record struct SyncProgress(ulong Entries, ulong TargetEntries, ulong Bytes);

/// <summary>How a mirror is kept.</summary>
public sealed record MirroredLogOptions
{
    public required LogIdentity Identity { get; init; }

    /// <summary>The mirror's own folder, see <see cref="StateDirectory.MirrorFolder"/>.</summary>
    public required string Folder { get; init; }

    /// <summary>A new segment of the write-ahead file begins once the last one is this long.</summary>
    public long SegmentBytes { get; init; } = Storage.WriteAheadStorage.DefaultSegmentBytes;

    public HistoryWindow History { get; init; } = HistoryWindow.Default;

    /// <inheritdoc cref="PublishedLogOptions.ImageAfterEntries"/>
    public ulong ImageAfterEntries { get; init; } = 400_000;

    /// <summary>Values fetched at a time.</summary>
    public int ValueConcurrency { get; init; } = 16;

    /// <summary>By what the mirror's own files reach the disk.</summary>
    public Storage.WriteAheadDisk Disk { get; init; } = Storage.WriteAheadDisk.Real;

    /// <summary>Entries asked for in one call; less where a remote does not answer that many.</summary>
    public int EntriesPerCall { get; init; } = 1000;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
