using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>When a set of cosignatures is enough, and since when it has been.</summary>
public static class WitnessPolicy
{
    /// <summary>Whether the cosigners meet the policy's quorum. What counts are distinct keys, and never <paramref name="own"/>.</summary>
    public static bool IsMetBy(this TlogPolicy policy, IEnumerable<NoteVerifierKey> cosigners, params IReadOnlyList<NoteVerifierKey> own)
    {
        var counting = cosigners.Where(key => !own.Any(key.IsSameKey)).ToList();
        return policy.IsMetBy(witness => counting.Exists(key => key.IsSameKey(witness.Key)));
    }

    /// <summary>
    /// The latest time for which the quorum vouches: each of its witnesses said then, or later, what it said. Null when the quorum is not met; without a quorum
    /// there is nobody to vouch.
    /// </summary>
    /// <param name="seen">When a witness last cosigned; null for never.</param>
    public static DateTimeOffset? VouchedUntil(this TlogPolicy policy, Func<PolicyWitness, DateTimeOffset?> seen)
    {
        if (policy.Quorum is null)
        {
            return null;
        }
        var times = policy.Witnesses.ToDictionary(w => w.Name, seen, StringComparer.Ordinal);
        foreach (var group in policy.Groups)
        {
            // With a threshold of k the k-th latest member is the one that was there last of all that are needed.
            var members = group.Members.Select(m => times[m]).OfType<DateTimeOffset>().OrderDescending().ToList();
            times[group.Name] = members.Count >= group.Threshold ? members[group.Threshold - 1] : null;
        }
        return times[policy.Quorum];
    }
}
