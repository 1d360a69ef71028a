using Quorate.Crypto.Notes;

namespace Quorate.Nix.Verification;

/// <summary>The witnesses of a builder's log that a trust model names, and how many of them vouch together.</summary>
/// <param name="Required">1 to the number of witnesses.</param>
/// <param name="Witnesses">Different public keys.</param>
public sealed record WitnessQuorum(int Required, IReadOnlyList<NoteVerifierKey> Witnesses)
{
    /// <summary>The time by which enough of them had seen something, where these are the times at which each did; null when too few did.</summary>
    public DateTimeOffset? Since(IEnumerable<DateTimeOffset> seen) =>
        seen.Order().Skip(Required - 1).Cast<DateTimeOffset?>().FirstOrDefault();

    /// <summary>The time until which enough of them vouch, where each vouches until one of these; null when too few do.</summary>
    public DateTimeOffset? Until(IEnumerable<DateTimeOffset> seen) =>
        seen.OrderDescending().Skip(Required - 1).Cast<DateTimeOffset?>().FirstOrDefault();
}
