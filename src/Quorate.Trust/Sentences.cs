using System.Globalization;

namespace Quorate.Trust;

/// <summary>Wording that rules and engines share.</summary>
static class Sentences
{
    public static string Join(IReadOnlyList<string> names) =>
        names.Count switch
        {
            0 => "nobody",
            1 => names[0],
            _ => $"{string.Join(", ", names.Take(names.Count - 1))} and {names[^1]}",
        };

    /// <summary>What a builder that supports nothing has to say.</summary>
    public static string Absence(Testimony testimony) =>
        testimony switch
        {
            Testimony.Silent => $"{testimony.Builder} has not built it",
            Testimony.Unavailable unavailable => $"{testimony.Builder} is unavailable: {unavailable.Reason}",
            Testimony.Malformed malformed => $"{testimony.Builder}'s claim is malformed and no vote: {malformed.Reason}",
            _ => throw new ArgumentException("the builder has spoken", nameof(testimony)),
        };

    public static string? SelfDivergence(Testimony testimony) =>
        testimony is Testimony.Given { Evidence.SelfDivergences: { Count: > 0 } later }
            ? later.Count == 1
                ? $"{testimony.Builder} contradicts itself: a later claim differs from its first, which is its vote"
                : $"{testimony.Builder} contradicts itself: {later.Count} later claims differ from its first, which is its vote"
            : null;

    /// <summary>Enough of a value digest to tell candidates apart in a sentence.</summary>
    public static string Short(Evidence evidence) => evidence.Claim.Raw.Digest.ToString()[..12];

    public static string Instant(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
