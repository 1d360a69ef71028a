using Quorate.Core;

namespace Quorate.Trust;

/// <summary>What was built: a protocol and the key by which that protocol names the build input.</summary>
public sealed record BuildInput(Protocol Protocol, ReadOnlyMemory<byte> Key)
{
    public bool Equals(BuildInput? other) => other is not null && Protocol == other.Protocol && Key.Span.SequenceEqual(other.Key.Span);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Protocol.Id, StringComparer.Ordinal);
        hash.AddBytes(Key.Span);
        return hash.ToHashCode();
    }
}

/// <summary>One output of a build, compared by meaning and never by the text that a builder printed.</summary>
/// <param name="ContentHash">SHA-256 of the content: the NAR hash for Nix, the value's digest for opaque protocols.</param>
/// <param name="Size">Length in bytes of what <paramref name="ContentHash"/> covers, where the protocol states it.</param>
/// <param name="References">Names of other outputs that this one needs, bytewise sorted, without duplicates; null where the protocol has none.</param>
public sealed record Output(Sha256Digest ContentHash, ulong? Size = null, IReadOnlyList<string>? References = null)
{
    public bool Equals(Output? other) =>
        other is not null
        && ContentHash == other.ContentHash
        && Size == other.Size
        && (References is null) == (other.References is null)
        && (References is null || References.SequenceEqual(other.References!, StringComparer.Ordinal));

    public override int GetHashCode() => ContentHash.GetHashCode();
}

/// <summary>All outputs of one build, name → output. One claim covers them together.</summary>
public sealed record OutputMap(IReadOnlyDictionary<string, Output> Outputs)
{
    public static OutputMap Single(string name, Output output) =>
        new(new Dictionary<string, Output>(StringComparer.Ordinal) { [name] = output });

    public bool Equals(OutputMap? other) =>
        other is not null
        && Outputs.Count == other.Outputs.Count
        && Outputs.All(pair => other.Outputs.TryGetValue(pair.Key, out var output) && pair.Value == output);

    public override int GetHashCode() =>
        Outputs.Aggregate(
            0,
            (hash, pair) => hash ^ HashCode.Combine(StringComparer.Ordinal.GetHashCode(pair.Key), pair.Value.GetHashCode())
        );
}

/// <summary>The bytes that a builder published, kept as they were: signatures and digests cover bytes.</summary>
public sealed record RawEvidence(ReadOnlyMemory<byte> Bytes)
{
    public Sha256Digest Digest { get; } = Sha256Digest.HashData(Bytes.Span);
}

/// <summary>How a claim reached us; the <c>logged</c> and <c>built</c> conditions read it.</summary>
public enum ClaimOrigin
{
    /// <summary>The builder's own log of things that its own machines executed.</summary>
    LoggedBuilt,

    /// <summary>The builder's log of things that it fetched from elsewhere.</summary>
    LoggedRelayed,

    /// <summary>A signed binary cache: neither logged nor built.</summary>
    SignedCache,
}

/// <summary>Builder says: this input built to these outputs.</summary>
public sealed record Claim(BuildInput Input, OutputMap Outputs, string Builder, ClaimOrigin Origin, RawEvidence Raw);

/// <summary>Where a claim stands in its log. The head with <paramref name="TreeSize"/> entries commits to it.</summary>
public sealed record LogPosition(string LogId, ulong Index, ulong TreeSize);

/// <summary>A claim that was checked, with what makes it believable.</summary>
/// <param name="Position">Null for claims that no log holds.</param>
/// <param name="FirstSeen">When this node first saw a head that covers the claim (or the signature, for caches); never what the builder says.</param>
/// <param name="SelfDivergences">Later, different claims by the same builder for the same input. They support nothing.</param>
public sealed record Evidence(Claim Claim, LogPosition? Position, DateTimeOffset FirstSeen, IReadOnlyList<Claim> SelfDivergences)
{
    /// <summary>What others than the builder say of its log; null for claims that no log holds.</summary>
    public WitnessStatus? Witnessing { get; init; }
}

/// <summary>What is known of a log's standing with others than its builder.</summary>
/// <param name="Witnesses">Distinct configured witnesses that cosigned a tree of the log which covers the claim, and which is the one that we verified.</param>
/// <param name="FreshAt">When what we verified of the log was last known to be all of it: by its quorum of witnesses where it has one, otherwise by its
/// remotes. Null for never.</param>
public sealed record WitnessStatus(int Witnesses, DateTimeOffset? FreshAt);

/// <summary>What one builder has to say about one input.</summary>
public abstract record Testimony(string Builder)
{
    /// <summary>The builder made a well-formed claim.</summary>
    public sealed record Given(string Builder, Evidence Evidence) : Testimony(Builder);

    /// <summary>The builder provably made no claim: its log, as far as we verified it, has no entry for the input.</summary>
    public sealed record Silent(string Builder) : Testimony(Builder);

    /// <summary>We cannot know: never synchronised, remote down, value withheld, time limit.</summary>
    public sealed record Unavailable(string Builder, string Reason) : Testimony(Builder);

    /// <summary>The builder made a claim that is not canonical or does not match its key: no vote, reported.</summary>
    public sealed record Malformed(string Builder, string Reason) : Testimony(Builder);
}
