using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Node.Configuration;

/// <summary>One entry of <c>witnesses:</c>: a witness that this node asks for cosignatures, or whose cosignatures it believes.</summary>
/// <param name="Key">Of <c>cosignature/v1</c>.</param>
/// <param name="Url">Where it takes checkpoints; null for one that is never asked.</param>
/// <param name="Monitor">Where it shows what it cosigned; null where it does not.</param>
public sealed record WitnessSection(string Name, NoteVerifierKey Key, Uri? Url, Uri? Monitor);

/// <summary><c>witness:</c>, this node's own witness.</summary>
/// <param name="Name">Of its key, as cosignatures show it.</param>
/// <param name="Logs">The keys of the logs that it cosigns for, each named by its origin.</param>
public sealed record WitnessRoleSection(string Name, SignerSection Signer, IReadOnlyList<NoteVerifierKey> Logs);

/// <summary><c>witnesses:</c> of a log: which of them must have cosigned.</summary>
/// <param name="Witnesses">All that the policy names, in its order.</param>
/// <param name="Policy">The policy names them by their names here.</param>
/// <param name="OnFailure">Of our own logs: what is shown while the policy is not met.</param>
public sealed record WitnessPolicySection(IReadOnlyList<WitnessSection> Witnesses, TlogPolicy Policy, UnwitnessedMode OnFailure)
{
    public bool Equals(WitnessPolicySection? other) =>
        other is not null
        && OnFailure == other.OnFailure
        && Witnesses.SequenceEqual(other.Witnesses)
        && Policy.Quorum == other.Policy.Quorum
        && Policy.Groups.Select(Text).SequenceEqual(other.Policy.Groups.Select(Text), StringComparer.Ordinal);

    public override int GetHashCode() => HashCode.Combine(Witnesses.Count, OnFailure);

    static string Text(PolicyGroup group) => $"{group.Name}: {group.Threshold} of {string.Join(", ", group.Members)}";
}
