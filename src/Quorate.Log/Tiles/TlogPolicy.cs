using Quorate.Core;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Tiles;

/// <summary>A log that a policy knows.</summary>
/// <param name="Url">What the policy's author wants it to mean; null when absent.</param>
public sealed record PolicyLog(NoteVerifierKey Key, string? Url);

/// <summary>A witness that a policy knows, by the name that the policy uses for it.</summary>
/// <inheritdoc cref="PolicyLog"/>
public sealed record PolicyWitness(string Name, NoteVerifierKey Key, string? Url);

/// <summary>A group counts as having witnessed when <paramref name="Threshold"/> of its members have.</summary>
/// <param name="Members">Names of witnesses and groups that were defined before.</param>
public sealed record PolicyGroup(string Name, int Threshold, IReadOnlyList<string> Members);

/// <summary>
/// Which logs are known, and which witnesses must have cosigned a checkpoint (C2SP tlog-policy). Immutable.
/// </summary>
/// <param name="Groups">In the order of definition: a group names only what was defined before it.</param>
/// <param name="Quorum">A witness or group; null for <c>none</c>.</param>
public sealed partial record TlogPolicy(
    IReadOnlyList<PolicyLog> Logs,
    IReadOnlyList<PolicyWitness> Witnesses,
    IReadOnlyList<PolicyGroup> Groups,
    string? Quorum
)
{
    /// <summary>
    /// Whether a checkpoint is signed by one of the policy's logs under the log's own name, and cosigned by the quorum. What counts are distinct public
    /// keys, and never the log's own.
    /// </summary>
    public PolicyCheck Check(SignedNote note) => Check(note, []);

    /// <summary>The same, with logs that are known from elsewhere.</summary>
    public PolicyCheck Check(SignedNote note, IEnumerable<NoteVerifierKey> furtherLogs)
    {
        NoteVerifierKey[] logs = [.. Logs.Select(l => l.Key), .. furtherLogs];
        var notes = NoteCheck.Of(note, logs.Concat(Witnesses.Select(w => w.Key)));
        if (!notes.Result.IsVerified)
        {
            return PolicyCheck.Rejected(notes.Result);
        }
        if (!Checkpoint.TryParse(note.Text.Span, out var checkpoint, out var error))
        {
            return PolicyCheck.Rejected(Verification.Reject("bad-checkpoint", error));
        }
        // The key's name is the log's identity: a known log must not speak for another one.
        var log = notes.Signatures.FirstOrDefault(s => s.Key.Name == checkpoint.Origin && logs.Contains(s.Key))?.Key;
        if (log is null)
        {
            return PolicyCheck.Rejected(
                Verification.Reject("unknown-log", $"no known log of the name {checkpoint.Origin} signed the checkpoint")
            );
        }
        VerifiedNoteSignature[] cosignatures =
        [
            .. notes.Signatures.Where(s => s.Time is not null && !s.Key.IsSameKey(log) && Witnesses.Any(w => w.Key.Equals(s.Key))),
        ];
        return IsMetBy(w => cosignatures.Any(s => s.Key.IsSameKey(w.Key)))
            ? new PolicyCheck(Verification.Ok, checkpoint, log, cosignatures)
            : PolicyCheck.Rejected(
                Verification.Reject(
                    "no-quorum",
                    $"the cosignatures of {Listed(cosignatures)} do not meet the quorum '{Quorum}' of the policy"
                )
            );
    }

    /// <summary>Whether the quorum is reached when exactly the witnesses that <paramref name="hasWitnessed"/> names have cosigned.</summary>
    public bool IsMetBy(Func<PolicyWitness, bool> hasWitnessed)
    {
        if (Quorum is null)
        {
            return true;
        }
        var met = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var witness in Witnesses)
        {
            met[witness.Name] = hasWitnessed(witness);
        }
        foreach (var group in Groups)
        {
            met[group.Name] = group.Members.Count(m => met[m]) >= group.Threshold;
        }
        return met[Quorum];
    }

    static string Listed(VerifiedNoteSignature[] cosignatures) =>
        cosignatures.Length == 0 ? "nobody" : string.Join(", ", cosignatures.Select(s => s.Key.Name));
}

/// <summary>What a policy says of a checkpoint.</summary>
/// <param name="Log">The log's key; null unless accepted, like <paramref name="Checkpoint"/>.</param>
/// <param name="Cosignatures">Those of the policy's witnesses; empty unless accepted.</param>
public sealed record PolicyCheck(
    Verification Result,
    Checkpoint? Checkpoint,
    NoteVerifierKey? Log,
    IReadOnlyList<VerifiedNoteSignature> Cosignatures
)
{
    internal static PolicyCheck Rejected(Verification result) => new(result, null, null, []);
}
