using System.Text.Json.Serialization;

namespace Quorate.Node.Control;

// The shapes of docs/control-api.md. Digests are lowercase hex, keys and signatures base64, times RFC 3339.

public sealed record ErrorMessage(string Code, string Message);

public sealed record StatusMessage(
    string Version,
    string State,
    DateTimeOffset StartedAt,
    string? PublicUrl,
    IReadOnlyList<string> Listen,
    IReadOnlyList<GateMessage> Gates,
    int PublishedLogs,
    int FollowedLogs,
    string? ConfigFile
);

/// <param name="PublicKey">What the gate signs with, <c>name:base64</c>.</param>
public sealed record GateMessage(string Protocol, string Listen, string Mode, string PublicKey);

public sealed record LogsMessage(IReadOnlyList<LogMessage> Published, IReadOnlyList<LogMessage> Followed);

public sealed record LogMessage(
    string Name,
    string Builder,
    string? LogId,
    string Protocol,
    string Key,
    string Role,
    string Claims,
    ulong? TreeSize,
    HeadMessage? Head,
    long? SelfDivergences,
    FollowStatusMessage? Status,
    FilterMessage? Filter,
    SharedMessage? Shared = null,
    CheckpointMessage? Checkpoint = null
);

/// <param name="Sequencer">Host and process ID of the node that sequences the log; null when none does.</param>
/// <param name="Fault">Why the database cannot be used for now.</param>
public sealed record SharedMessage(bool IsSequencer, string? Sequencer, string? Fault);

public sealed record HeadMessage(string LogRoot, string MapRoot, string MhRoot, ulong TreeSize, ulong MhTreeSize, string Signature);

public sealed record FollowStatusMessage(
    DateTimeOffset? LastSuccess,
    DateTimeOffset? LastAttempt,
    string? Fault,
    string? Misbehaviour,
    ulong MissingValues,
    bool Stale,
    DateTimeOffset? FreshAt,
    IReadOnlyList<ulong> WitnessedSizes,
    IReadOnlyList<string> WitnessFaults
);

/// <summary>What a published log shows to tile tools, and how its witnesses do.</summary>
/// <param name="TreeSize">Null before the first checkpoint.</param>
/// <param name="Witnesses">Configured ones whose cosignature it has.</param>
public sealed record CheckpointMessage(string? Origin, ulong? TreeSize, int Witnesses, IReadOnlyList<string> Faults);

/// <param name="Proof">A file as docs/formats/misbehaviour.md says.</param>
public sealed record MisbehaviourMessage(string Kind, string Detail, DateTimeOffset Found, byte[] Proof);

public sealed record FilterMessage(
    IReadOnlyList<string> Allow,
    IReadOnlyList<string> Deny,
    IReadOnlyList<string> DenyDeriver,
    IReadOnlyList<string> DenyReferences
);

public sealed record EntriesMessage(IReadOnlyList<EntryMessage> Entries);

/// <param name="Key">Where it is printable ASCII.</param>
public sealed record EntryMessage(ulong Index, string KeyHex, string? Key, string ValueDigest, string LeafHash);

public sealed record LookupMessage(IReadOnlyList<ValueMessage> Entries, ulong? TreeSize, string Proof);

/// <param name="Value">Null where it is not held.</param>
public sealed record ValueMessage(
    ulong Index,
    string KeyHex,
    string? Key,
    string ValueDigest,
    string LeafHash,
    byte[]? Value,
    string Proof
);

public sealed record SubmitRequest(IReadOnlyList<SubmitItemMessage> Items, bool Relayed = false);

public sealed record SubmitItemMessage(byte[] Key, byte[] Value);

/// <param name="Filtered">Items that <c>publish.filter</c> held back; they are nowhere in the log.</param>
public sealed record SubmitMessage(
    int Added,
    int Duplicates,
    int Filtered,
    IReadOnlyList<DivergenceMessage> Divergences,
    ulong TreeSize,
    string LogRoot
);

public sealed record DivergenceMessage(string KeyHex, string First, string Later, ulong? Index);

public sealed record DecideRequest(string Protocol, string? Key = null, string? KeyHex = null);

public sealed record ReloadMessage(bool Ok, IReadOnlyList<string> Notes);

public sealed record ReloadErrorMessage(string Code, string Message, IReadOnlyList<string> Errors);

public sealed record ReadyMessage(bool Ready, IReadOnlyList<string> Reasons);

/// <summary>Strict both ways: unknown and repeated members are refused, as a client that sends them expects something we do not do.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    MaxDepth = 16
)]
[JsonSerializable(typeof(ErrorMessage))]
[JsonSerializable(typeof(StatusMessage))]
[JsonSerializable(typeof(LogsMessage))]
[JsonSerializable(typeof(HeadMessage))]
[JsonSerializable(typeof(EntriesMessage))]
[JsonSerializable(typeof(LookupMessage))]
[JsonSerializable(typeof(SubmitRequest))]
[JsonSerializable(typeof(SubmitMessage))]
[JsonSerializable(typeof(DecideRequest))]
[JsonSerializable(typeof(ReloadMessage))]
[JsonSerializable(typeof(ReloadErrorMessage))]
[JsonSerializable(typeof(ReadyMessage))]
[JsonSerializable(typeof(LogMessage))]
[JsonSerializable(typeof(MisbehaviourMessage))]
sealed partial class ControlJson : JsonSerializerContext;
