using Quorate.Trust;

namespace Quorate.Node.Witness;

/// <summary>What others say of a log, as far as it agrees with what this node holds of it. Immutable.</summary>
/// <param name="WitnessedSizes">For each configured witness that cosigned a tree of ours the largest such tree.</param>
/// <param name="FreshAt">When what we hold was last known to be all of it; null for never.</param>
public sealed record LogStanding(IReadOnlyList<ulong> WitnessedSizes, DateTimeOffset? FreshAt)
{
    public static LogStanding None { get; } = new([], null);

    /// <summary>For a claim that stands at this index.</summary>
    public WitnessStatus Of(ulong index) => new(WitnessedSizes.Count(size => size > index), FreshAt);

    public bool Equals(LogStanding? other) =>
        other is not null && FreshAt == other.FreshAt && WitnessedSizes.SequenceEqual(other.WitnessedSizes);

    public override int GetHashCode() => HashCode.Combine(WitnessedSizes.Count, FreshAt);
}
