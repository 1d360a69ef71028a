using Quorate.Core;

namespace Quorate.Crypto.Notes;

/// <summary>A signature of a note that was verified.</summary>
/// <param name="Time">Of a cosignature, seconds since 1970; otherwise null.</param>
public sealed record VerifiedNoteSignature(NoteVerifierKey Key, NoteSignature Signature, ulong? Time);

/// <summary>What known keys say of a note.</summary>
/// <param name="Signatures">In the order of the note; empty unless the note is verified.</param>
public sealed record NoteCheck(Verification Result, IReadOnlyList<VerifiedNoteSignature> Signatures)
{
    /// <summary>
    /// Signatures by unknown keys are passed over. One that names a known key and does not verify rejects the whole note, and so does it when none
    /// is left.
    /// </summary>
    public static NoteCheck Of(SignedNote note, IEnumerable<NoteVerifierKey> keys)
    {
        // Keys of types that cannot be verified here are like unknown ones: neither for the note nor against it.
        NoteVerifierKey[] usable = [.. keys.Where(k => k.Key is not null)];
        var verified = new List<VerifiedNoteSignature>();
        foreach (var signature in note.Signatures)
        {
            var named = false;
            VerifiedNoteSignature? found = null;
            foreach (var key in usable)
            {
                if (!key.IsNamedBy(signature))
                {
                    continue;
                }
                named = true;
                if (key.Verify(note.Text.Span, signature, out var time))
                {
                    found = new VerifiedNoteSignature(key, signature, time);
                    break;
                }
            }
            if (found is not null)
            {
                verified.Add(found);
            }
            else if (named)
            {
                return new(Verification.Reject("bad-signature", $"the signature that names {signature.Name} is not by its key"), []);
            }
        }
        return verified.Count > 0
            ? new(Verification.Ok, verified)
            : new(Verification.Reject("no-known-signature", "no signature of the note is by a known key"), []);
    }
}
