using System.Text;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;

namespace Quorate.Node.Control;

/// <summary>Turns what the node holds into the messages of the control API.</summary>
static class ControlViews
{
    public static LogMessage Of(PublishedLogEntry entry)
    {
        var section = entry.Section;
        var shared = entry.Log as SharedLog;
        var divergences = entry.Log is PublishedLog log ? (long?)log.SelfDivergences : (long?)shared?.SelfDivergences;
        return new LogMessage(
            section.Name,
            section.Builder,
            entry.Log.Identity.Id.Text,
            section.Protocol.Name,
            entry.Log.Identity.Key.ToString(),
            "published",
            Of(section.Claims),
            entry.Log.Head.TreeSize,
            Of(entry.Log.Head),
            divergences,
            Status: null,
            new FilterMessage(section.Filter.Allow, section.Filter.Deny, section.Filter.DenyDeriver, section.Filter.DenyReferences),
            shared is null ? null : new SharedMessage(shared.IsSequencer, shared.Sequencer, shared.Fault ?? shared.Failure?.Message),
            new CheckpointMessage(
                entry.VerifierKey?.Name,
                entry.Checkpoints?.Current?.Checkpoint.Size,
                entry.Standing().WitnessedSizes.Count,
                entry.WitnessFaults()
            )
        );
    }

    public static LogMessage Of(IFollowedLog followed)
    {
        var section = followed.Section;
        var status = followed.Status;
        return new LogMessage(
            section.Name,
            section.Builder,
            followed.Identity.Id.Text,
            section.Protocol.Name,
            followed.Identity.Key.ToString(),
            section.Mode == FollowMode.Query ? "query" : "mirror",
            Of(section.Claims),
            followed.Head?.TreeSize,
            followed.Head is { } head ? Of(head) : null,
            SelfDivergences: null,
            new FollowStatusMessage(
                status.LastSuccess,
                status.LastAttempt,
                status.Fault,
                status.Misbehaviour,
                status.MissingValues,
                followed.IsStale,
                followed.Standing.FreshAt,
                followed.Standing.WitnessedSizes,
                followed.WitnessFaults
            ),
            Filter: null
        );
    }

    /// <summary>A signed cache has no log and so no ID, head or status.</summary>
    public static LogMessage OfCache(FollowSection section) =>
        new(
            section.Name,
            section.Builder,
            LogId: null,
            section.Protocol.Name,
            $"{section.Cache!.KeyName}:{section.Cache.Key}",
            "cache",
            Of(ClaimsKind.Relayed),
            TreeSize: null,
            Head: null,
            SelfDivergences: null,
            Status: null,
            Filter: null
        );

    public static HeadMessage Of(LogHead head) =>
        new(
            head.LogRoot.ToString(),
            head.MapRoot.ToString(),
            head.MhRoot.ToString(),
            head.TreeSize,
            head.MhTreeSize,
            Convert.ToBase64String(head.Signature.Span)
        );

    public static EntryMessage Of(LogEntry entry) =>
        new(entry.Index, Hex(entry.Key), Text(entry.Key), entry.ValueDigest.ToString(), entry.LeafHash.ToString());

    public static ValueMessage Of(LogEntry entry, ReadOnlyMemory<byte>? value, string proof) =>
        new(entry.Index, Hex(entry.Key), Text(entry.Key), entry.ValueDigest.ToString(), entry.LeafHash.ToString(), value?.ToArray(), proof);

    public static SubmitMessage Of(PublishOutcome outcome)
    {
        var result = outcome.Result;
        return new SubmitMessage(
            result.Added,
            result.Duplicates,
            outcome.Filtered,
            [.. result.Divergences.Select(d => new DivergenceMessage(Hex(d.Key), d.First.ToString(), d.Later.ToString(), d.Index))],
            result.Head.TreeSize,
            result.Head.LogRoot.ToString()
        );
    }

    static string Of(ClaimsKind claims) => claims == ClaimsKind.Built ? "built" : "relayed";

    public static string Hex(ReadOnlyMemory<byte> bytes) => Convert.ToHexStringLower(bytes.Span);

    /// <summary>Null for keys that are not printable ASCII: those have only a hexadecimal form.</summary>
    public static string? Text(ReadOnlyMemory<byte> key) =>
        key.Length > 0 && key.Span.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0 ? Encoding.ASCII.GetString(key.Span) : null;
}
