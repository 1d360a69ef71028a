using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Node.Configuration;

/// <summary>The whole configuration file after strict reading and checking: every cross-reference resolved, every path absolute.</summary>
public sealed record NodeConfiguration
{
    public required NodeSection Node { get; init; }

    public IReadOnlyDictionary<string, SignerSection> Signers { get; init; } = new Dictionary<string, SignerSection>();

    public IReadOnlyList<PublishSection> Publish { get; init; } = [];

    public IReadOnlyList<FollowSection> Follow { get; init; } = [];

    /// <summary>Trust model per protocol name.</summary>
    public IReadOnlyDictionary<string, TrustSection> Trust { get; init; } = new Dictionary<string, TrustSection>();

    public GateSection? NixGate { get; init; }

    /// <summary>Builders with claim keys, by name.</summary>
    public IReadOnlyDictionary<string, BuilderSection> Builders { get; init; } = new Dictionary<string, BuilderSection>();

    public TracesSection Traces { get; init; } = new();

    /// <summary>Witnesses by name.</summary>
    public IReadOnlyDictionary<string, WitnessSection> Witnesses { get; init; } = new Dictionary<string, WitnessSection>();

    /// <summary>This node's own witness; null when it is none.</summary>
    public WitnessRoleSection? Witness { get; init; }

    public string? SourceFile { get; init; }
}

/// <summary><c>node:</c></summary>
public sealed record NodeSection
{
    public required string State { get; init; }

    /// <summary><c>http://host:port</c>, <c>https://host:port</c> (with <see cref="Tls"/>) or <c>unix:///path.socket</c>.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];

    /// <summary>Default: <c>control.socket</c> in the state directory.</summary>
    public required string Control { get; init; }

    public IReadOnlyList<TokenSection> Tokens { get; init; } = [];

    /// <summary>Write tokens are bearer strings; refused over cleartext to a non-loopback address unless this is set.</summary>
    public bool AllowCleartextTokens { get; init; }

    public string? PublicUrl { get; init; }

    public TlsSection? Tls { get; init; }

    public HistorySection History { get; init; } = new();

    /// <summary>Folder outside of all backups that remembers what each published log signed; null: nothing remembers.</summary>
    public string? SignedState { get; init; }

    /// <summary>How often all stored data is read and checked; zero: never.</summary>
    public TimeSpan Scrub { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Bytes of one request body after decompression.</summary>
    public long MaxBody { get; init; } = 16 << 20;

    public int MaxEntriesPerCall { get; init; } = 10_000;

    public int MaxConcurrentRequests { get; init; } = 256;

    public long MaxValue { get; init; } = 16 << 20;

    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where published logs are kept that say nothing else; null: in files of this node.</summary>
    public StorageSection? Storage { get; init; }

    /// <summary>Where operators are told of misbehaviour and the like; null tells the log alone.</summary>
    public Uri? Webhook { get; init; }
}

/// <summary><c>storage: { type: postgres, … }</c>: a log that several nodes share.</summary>
/// <param name="Connection">An Npgsql connection string without a password.</param>
/// <param name="PasswordFile">A file with nothing but the password.</param>
/// <param name="Lease">How long a node sequences the log without saying that it is still there.</param>
public sealed record StorageSection(string Connection, string? PasswordFile, TimeSpan Lease);

public sealed record TlsSection(string Certificate, string Key);

/// <summary>How long heads stay provable: all of <see cref="Age"/>, and at least <see cref="Heads"/> of them.</summary>
public sealed record HistorySection(TimeSpan Age, int Heads)
{
    public HistorySection()
        : this(TimeSpan.FromHours(24), 1000) { }
}

/// <param name="Logs">Names of published logs that the token may write to; empty means all.</param>
public sealed record TokenSection(string Name, Ed25519PublicKey Key, IReadOnlyList<string> Logs);

public sealed record SignerSection(string Name, string Path);

public enum DivergenceMode
{
    /// <summary>A later, different value is appended, kept out of the first-wins map and reported.</summary>
    Append,

    /// <summary>Exactly what Trustix does: the later value is dropped.</summary>
    Drop,
}

public enum ClaimsKind
{
    /// <summary>What this builder's own machines executed.</summary>
    Built,

    /// <summary>What was fetched from elsewhere.</summary>
    Relayed,
}

/// <summary>One <c>publish:</c> entry: a log of our own.</summary>
public sealed record PublishSection
{
    public required string Name { get; init; }

    public required string Builder { get; init; }

    public required Protocol Protocol { get; init; }

    public required SignerSection Signer { get; init; }

    /// <summary>Checked against the private key at start when given.</summary>
    public Ed25519PublicKey? Key { get; init; }

    public IReadOnlyDictionary<string, string> Meta { get; init; } = new Dictionary<string, string>();

    public DivergenceMode Divergence { get; init; }

    public ClaimsKind Claims { get; init; }

    /// <summary>Of the log's checkpoints; null takes what the log was created with. Fixed at creation.</summary>
    public string? Origin { get; init; }

    public PublishFilterSection Filter { get; init; } = new();

    /// <summary>Null: a file of this node.</summary>
    public StorageSection? Storage { get; init; }

    /// <summary>The builder's, from <c>builders:</c>.</summary>
    public IReadOnlyList<ClaimKeySection> ClaimKeys { get; init; } = [];

    /// <summary>Who must cosign before a checkpoint is shown; null shows it at once.</summary>
    public WitnessPolicySection? Witnesses { get; init; }
}

/// <summary>What may be published at all; applied before anything is queued. Globs match store path names (without the hash part).</summary>
/// <param name="Allow">If not empty, only matching names are published.</param>
/// <param name="Deny">Never published; wins over <paramref name="Allow"/>.</param>
/// <param name="DenyDeriver">Globs on the deriver's name.</param>
/// <param name="DenyReferences">A path that references a matching name is not published either.</param>
public sealed record PublishFilterSection(
    IReadOnlyList<string> Allow,
    IReadOnlyList<string> Deny,
    IReadOnlyList<string> DenyDeriver,
    IReadOnlyList<string> DenyReferences
)
{
    public PublishFilterSection()
        : this([], [], [], []) { }
}

public enum FollowMode
{
    Mirror,
    Query,
}

/// <summary>One <c>follow:</c> entry: a foreign log, or a signed binary cache when <see cref="Cache"/> is set.</summary>
public sealed record FollowSection
{
    /// <summary>Name for messages and the CLI; defaults to the builder.</summary>
    public required string Name { get; init; }

    public required string Builder { get; init; }

    public required Protocol Protocol { get; init; }

    /// <summary>The log's key; null for caches.</summary>
    public Ed25519PublicKey? Key { get; init; }

    public IReadOnlyList<Uri> Remotes { get; init; } = [];

    public FollowMode Mode { get; init; }

    public ClaimsKind Claims { get; init; }

    public CacheSection? Cache { get; init; }

    public ulong MaxEntries { get; init; } = MirrorLimits.Default.MaxEntries;

    public long MaxBytes { get; init; } = (long)MirrorLimits.Default.MaxBytes;

    public ulong MaxHeads { get; init; } = MirrorLimits.Default.MaxHeads;

    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Let the gate fetch from the log's self-declared <c>meta.upstream</c>, which its operator chooses.</summary>
    public bool UseUpstream { get; init; }

    /// <summary>Whose cosignatures count; null asks nobody.</summary>
    public WitnessPolicySection? Witnesses { get; init; }

    /// <summary>The first line of the log's checkpoints; null takes what its remotes show.</summary>
    public string? Origin { get; init; }

    /// <summary>Since when without news the log counts as stale in status and metrics.</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The builder's, from <c>builders:</c>.</summary>
    public IReadOnlyList<ClaimKeySection> ClaimKeys { get; init; } = [];

    public LogIdentity? Identity => Key is null ? null : new LogIdentity(Protocol, Key);
}

/// <summary>A signed binary cache as a witness of what its signer published.</summary>
/// <param name="KeyName">The part of the key before the colon; narinfo signatures must carry it.</param>
public sealed record CacheSection(Uri Url, string KeyName, Ed25519PublicKey Key);

/// <summary><c>trust.PROTOCOL</c>: either a native rule or a chain of Trustix engines.</summary>
public sealed record TrustSection
{
    public RuleText? Rule { get; init; }

    public IReadOnlyList<EngineSection> Engines { get; init; } = [];

    /// <summary>On more than one accepted candidate take the one with more supporters instead of refusing.</summary>
    public bool ContestedByMajority { get; init; }
}

/// <summary>A rule as written, with its place in the file for errors.</summary>
public sealed record RuleText(string Text, int Line, int Column)
{
    /// <summary>Written without quotes and not as a block, so that the text begins at <see cref="Column"/> itself.</summary>
    public bool Plain { get; init; } = true;
}

public abstract record EngineSection
{
    /// <param name="Minimum">0 to 100.</param>
    public sealed record Percentage(int Minimum) : EngineSection;

    public sealed record LogIdMatch(string Id) : EngineSection;

    public sealed record JavaScript(string Function) : EngineSection;
}

public enum GateMode
{
    Enforce,

    /// <summary>Serve the upstream's answer and record would-be refusals.</summary>
    Report,
}

/// <summary><c>gate.nix</c></summary>
public sealed record GateSection
{
    public required Uri Listen { get; init; }

    /// <summary>Path of a key file as made by <c>nix-store --generate-binary-cache-key</c>.</summary>
    public required string SigningKey { get; init; }

    public IReadOnlyList<Uri> Upstreams { get; init; } = [];

    public GateMode Mode { get; init; }

    public bool AcceptContentAddressed { get; init; }

    public string StoreDir { get; init; } = "/nix/store";

    public int Priority { get; init; } = 40;

    /// <summary>Null: the gate serves no realisations and no build-trace entries.</summary>
    public GateTraceSection? Traces { get; init; }
}

/// <summary><c>gate.nix.traces</c></summary>
/// <param name="Trust">Path of a trust model for traces, as <c>quorate nix verify --trust</c> reads it.</param>
/// <param name="Sources">Addresses of trace caches.</param>
/// <param name="Derivations">Folder with the unresolved derivations that consumers build, named as in a store.</param>
public sealed record GateTraceSection(string Trust, IReadOnlyList<string> Sources, string? Derivations)
{
    public bool Equals(GateTraceSection? other) =>
        other is not null
        && Trust == other.Trust
        && Derivations == other.Derivations
        && Sources.SequenceEqual(other.Sources, StringComparer.Ordinal);

    public override int GetHashCode() => HashCode.Combine(Trust, Derivations, Sources.Count);
}
