using System.Text.Json;

namespace Quorate.Sources.Control;

/// <summary>A node's answer: what this program understood of it, and the document as it came, for <c>--json</c>.</summary>
public sealed record Answer<T>(T Value, JsonElement Document);

public sealed record NodeStatus(
    string Version,
    string State,
    string? StartedAt,
    string? PublicUrl,
    IReadOnlyList<string> Listen,
    IReadOnlyList<GateInfo> Gates,
    int PublishedLogs,
    int FollowedLogs,
    string? ConfigFile
);

/// <param name="PublicKey"><c>name:base64</c>; null from a node that does not tell.</param>
public sealed record GateInfo(string Protocol, string Listen, string Mode, string? PublicKey);

public sealed record LogList(IReadOnlyList<LogInfo> Published, IReadOnlyList<LogInfo> Followed)
{
    public IEnumerable<LogInfo> All => Published.Concat(Followed);
}

/// <param name="Role"><c>published</c>, <c>mirror</c>, <c>query</c> or <c>cache</c>.</param>
/// <param name="Claims"><c>built</c> or <c>relayed</c>.</param>
public sealed record LogInfo(
    string Name,
    string Builder,
    string LogId,
    string Protocol,
    string Key,
    string Role,
    string Claims,
    ulong? TreeSize,
    HeadInfo? Head,
    long? SelfDivergences,
    FollowStatus? Status,
    FilterInfo? Filter
);

/// <summary>Roots as lowercase hex, the signature as base64.</summary>
public sealed record HeadInfo(string LogRoot, string MapRoot, string MhRoot, ulong TreeSize, ulong MhTreeSize, string Signature);

/// <param name="IsStale">False also from a node that does not tell.</param>
public sealed record FollowStatus(
    string? LastSuccess,
    string? LastAttempt,
    string? Fault,
    string? Misbehaviour,
    ulong MissingValues,
    bool IsStale = false,
    string? FreshAt = null
);

/// <param name="Proof">The file, docs/formats/misbehaviour.md.</param>
public sealed record MisbehaviourInfo(string Kind, string Detail, string? Found, byte[] Proof);

/// <summary><c>publish.filter</c> of a log, as configured at the node.</summary>
public sealed record FilterInfo(
    IReadOnlyList<string> Allow,
    IReadOnlyList<string> Deny,
    IReadOnlyList<string> DenyDeriver,
    IReadOnlyList<string> DenyReferences
)
{
    /// <exception cref="FormatException">A member has the wrong type.</exception>
    public static FilterInfo Read(JsonElement e) => ControlReader.Filter(e);
}

/// <param name="Key">The key as text where it is printable; null otherwise.</param>
/// <param name="Value">Null where the value is not held, or was not asked for.</param>
public sealed record EntryInfo(ulong Index, string KeyHex, string? Key, string ValueDigest, string? LeafHash, byte[]? Value, string? Proof);

/// <param name="Filtered">Items that the log's <c>publish.filter</c> held back at the node.</param>
public sealed record SubmitOutcome(
    int Added,
    int Duplicates,
    int Filtered,
    IReadOnlyList<DivergenceInfo> Divergences,
    ulong TreeSize,
    string? LogRoot
);

public sealed record DivergenceInfo(string KeyHex, string First, string Later, ulong? Index);

/// <param name="Verdict"><c>accepted</c>, <c>rejected</c> or <c>inconclusive</c>.</param>
public sealed record DecisionInfo(
    string Verdict,
    string Protocol,
    string? Key,
    string KeyHex,
    string Engine,
    int Confidence,
    AcceptedInfo? Accepted,
    IReadOnlyList<string> Supporters,
    IReadOnlyList<TestimonyInfo> Testimonies,
    IReadOnlyList<string> Reasons
);

public sealed record AcceptedInfo(string Digest, IReadOnlyDictionary<string, OutputInfo> Outputs, byte[]? Value);

/// <param name="Hash"><c>sha256-&lt;base64&gt;</c>.</param>
public sealed record OutputInfo(string Hash, ulong? Size, IReadOnlyList<string> References);

/// <param name="Status"><c>supports</c>, <c>dissents</c>, <c>silent</c>, <c>unavailable</c> or <c>malformed</c>.</param>
/// <param name="Origin"><c>built</c>, <c>relayed</c> or <c>cache</c>; null without a claim.</param>
public sealed record TestimonyInfo(
    string Builder,
    string Status,
    string? Origin,
    string? LogId,
    ulong? Index,
    ulong? TreeSize,
    string? FirstSeen,
    string? Digest,
    IReadOnlyDictionary<string, OutputInfo> Outputs,
    string? Reason,
    IReadOnlyList<string> SelfDivergences
);
