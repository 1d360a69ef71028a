using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>What to audit, and how.</summary>
public sealed record AuditOptions
{
    /// <summary>The log's key. Its name must be the checkpoint's origin.</summary>
    public required Crypto.Notes.NoteVerifierKey Key { get; init; }

    /// <summary>Objects that are read and hashed at once.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// Also rebuild the map of a Quorate log by this rule, which is its protocol's, and compare its root with every head's; about 200 bytes of memory for each key.
    /// </summary>
    public MapRule? Map { get; init; }

    /// <summary>What an earlier audit of the same log reached; null to begin at the first entry.</summary>
    public AuditState? From { get; init; }

    /// <summary>Called with what was reached: at the beginning, from time to time, and at the end; the calls do not overlap.</summary>
    public Action<AuditState>? Reached { get; init; }

    /// <summary>Called with the entries checked and the entries altogether, after each tile; the calls do not overlap.</summary>
    public Action<ulong, ulong>? Progress { get; init; }
}

/// <summary>What an audit found.</summary>
public abstract record AuditOutcome
{
    /// <summary>Everything leads to the signed root.</summary>
    /// <param name="Checked">What was looked at: <c>tiles</c>, <c>entries</c>, and for Quorate logs <c>heads</c>, <c>values</c>, <c>map</c>.</param>
    /// <param name="From">Entries that an earlier audit had checked.</param>
    /// <param name="Heads">Signed heads checked.</param>
    /// <param name="MissingValues">Values that the log says it does not hold.</param>
    public sealed record Sound(Checkpoint Checkpoint, IReadOnlyList<string> Checked, ulong From, ulong Heads, ulong MissingValues)
        : AuditOutcome;

    /// <param name="Object">The first bad one, by its path.</param>
    public sealed record Bad(string Object, string Reason) : AuditOutcome;

    /// <summary>The log shows an older checkpoint than one audited before: a stale cache, or a log that went back.</summary>
    public sealed record Older(Checkpoint Checkpoint, ulong Audited) : AuditOutcome;
}

/// <summary>Ends an audit with the object that is bad.</summary>
class BadObjectException(string path, string reason) : Exception($"{path}: {reason}")
{
    internal string Path { get; } = path;
    internal string Reason { get; } = reason;
}

/// <summary>A bundle and its tile do not agree; which of the two is bad, the tree above them tells.</summary>
sealed class UnequalLeavesException(TileNumber number, string tilePath, string bundlePath, int first, Sha256Digest[] ofTile)
    : BadObjectException(tilePath, $"hash {first} is not that of the entries below it")
{
    internal TileNumber Number { get; } = number;
    internal IReadOnlyList<Sha256Digest> OfTile { get; } = ofTile;

    /// <summary>The same once it is known that the tile is right.</summary>
    internal BadObjectException OfBundleAlone() => new(bundlePath, $"entry {first} is not the one in the tree");
}
