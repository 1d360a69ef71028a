using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log;

/// <summary>What a log's key signed about its tree: the one thing that can contradict another of its kind.</summary>
public abstract record SignedTree
{
    SignedTree() { }

    public abstract ulong TreeSize { get; }

    public abstract Sha256Digest LogRoot { get; }

    /// <summary>Whether the log with this key signed it.</summary>
    public abstract Verification Verify(Ed25519PublicKey key);

    public static implicit operator SignedTree(LogHead head) => new OfHead(head);

    /// <summary>A Trustix head, which also commits to map and map history.</summary>
    public sealed record OfHead(LogHead Head) : SignedTree
    {
        public override ulong TreeSize => Head.TreeSize;

        public override Sha256Digest LogRoot => Head.LogRoot;

        public override Verification Verify(Ed25519PublicKey key) => Head.Verify(key);
    }

    /// <summary>A checkpoint with one signature, which is by the key of the name that the checkpoint begins with.</summary>
    public sealed record OfCheckpoint : SignedTree
    {
        OfCheckpoint(SignedNote note, Checkpoint checkpoint) => (Note, Checkpoint) = (note, checkpoint);

        public SignedNote Note { get; }

        public Checkpoint Checkpoint { get; }

        public override ulong TreeSize => Checkpoint.Size;

        public override Sha256Digest LogRoot => Checkpoint.Root;

        /// <summary>Keeps of a checkpoint what a log's key signed; null when it signed nothing of it under the checkpoint's own name.</summary>
        public static OfCheckpoint? From(SignedNote note, Ed25519PublicKey key)
        {
            if (!Checkpoint.TryParse(note.Text.Span, out var checkpoint, out _) || !Checkpoint.IsOrigin(checkpoint.Origin))
            {
                return null;
            }
            var named = NoteVerifierKey.Ed25519(checkpoint.Origin, key);
            return note.Signatures.FirstOrDefault(s => named.Verify(note.Text.Span, s, out _)) is { } signature
                ? new OfCheckpoint(SignedNote.Create(note.Text.Span, [signature]), checkpoint)
                : null;
        }

        /// <summary>Reads what <see cref="Note"/> holds; the signature is not verified.</summary>
        /// <exception cref="MalformedException">Not a checkpoint with one signature.</exception>
        public static OfCheckpoint Parse(ReadOnlySpan<byte> bytes)
        {
            var note = SignedNote.Parse(bytes);
            return note.Signatures.Count == 1
                ? new OfCheckpoint(note, Checkpoint.Parse(note.Text.Span))
                : throw new MalformedException("a checkpoint in a proof has one signature, the log's");
        }

        public override Verification Verify(Ed25519PublicKey key) =>
            Checkpoint.IsOrigin(Checkpoint.Origin)
            && NoteVerifierKey.Ed25519(Checkpoint.Origin, key).Verify(Note.Text.Span, Note.Signatures[0], out _)
                ? Verification.Ok
                : Verification.Reject(
                    "bad-signature",
                    $"the checkpoint of size {TreeSize} is not signed by the log's key under its own name"
                );

        public bool Equals(OfCheckpoint? other) => other is not null && Note.Bytes.Span.SequenceEqual(other.Note.Bytes.Span);

        public override int GetHashCode() => Checkpoint.GetHashCode();
    }
}
