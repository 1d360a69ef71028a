using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Trust.Rules;

namespace Quorate.Nix.Verification;

/// <summary>The keys by which a builder of a trust model is known.</summary>
/// <param name="ClaimKeys">They sign claims; all of them are one builder with one vote.</param>
/// <param name="LegacyKeys">Keys of binary caches: what Nix signed with them counts, of unresolved derivations too.</param>
public sealed record TraceBuilderKeys(IReadOnlyList<NixCachePublicKey> ClaimKeys, IReadOnlyList<NixCachePublicKey> LegacyKeys)
{
    /// <summary>The ID of the builder's log; null when it has none, or none is named. Only this log's standing counts for conditions.</summary>
    public string? LogId { get; init; }

    /// <summary>Who vouches for when that log was seen; null when nobody does.</summary>
    public WitnessQuorum? Witnesses { get; init; }

    /// <summary>
    /// Keys with which the builder's own Nix signs what it built. Nix does not say so in what it signs; that nothing else is signed with them, and that this Nix
    /// builds only what was evaluated (to 2.34 what it signs does not tell which of several derivations that was), is the word of whoever wrote the model.
    /// </summary>
    public IReadOnlyList<NixCachePublicKey> NixKeys { get; init; } = [];

    internal int Count => ClaimKeys.Count + LegacyKeys.Count + NixKeys.Count;
}

/// <summary>A builder of a trust model.</summary>
/// <param name="Bit">Its number in sets of builders.</param>
/// <param name="Conditions">What each of its claims must meet to count.</param>
public sealed record TraceBuilder(int Bit, string Name, TraceBuilderKeys Keys, IReadOnlyList<VoteCondition> Conditions)
{
    public ulong Set => 1UL << Bit;

    /// <summary>It vouches for results as a cache does, without saying how they were resolved.</summary>
    public bool IsLegacy => Keys.LegacyKeys.Count > 0;

    /// <summary>Why a claim of its does not count that fails the conditions.</summary>
    internal string Unmet => $"it does not meet 'where {string.Join(" where ", Conditions)}'";

    internal IEnumerable<Ed25519PublicKey> AllKeys => Keys.ClaimKeys.Concat(Keys.LegacyKeys).Concat(Keys.NixKeys).Select(key => key.Key);
}
