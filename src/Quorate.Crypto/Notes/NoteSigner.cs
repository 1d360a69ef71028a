using Quorate.Core.Encodings;

namespace Quorate.Crypto.Notes;

/// <summary>Signs notes with an Ed25519 key (type 0x01). Thread-safe; does not own the key.</summary>
/// <exception cref="ArgumentException">No key can have the name.</exception>
public sealed class NoteSigner(string name, Ed25519PrivateKey key)
{
    public NoteVerifierKey VerifierKey { get; } = NoteVerifierKey.Ed25519(name, key.PublicKey);

    /// <param name="text">Ends with a newline.</param>
    public NoteSignature Sign(ReadOnlySpan<byte> text) => new(VerifierKey.Name, VerifierKey.Id, key.Sign(text));

    /// <summary>The signature line for a signature that was made before.</summary>
    public static NoteSignature Line(NoteVerifierKey key, ReadOnlyMemory<byte> signature) => new(key.Name, key.Id, signature);
}

/// <summary>
/// Cosigns checkpoints with an Ed25519 key (type 0x04). The message does not name the cosigner, so a key must serve one cosigner only. Thread-safe;
/// does not own the key.
/// </summary>
/// <exception cref="ArgumentException">No key can have the name.</exception>
public sealed class NoteCosigner(string name, Ed25519PrivateKey key)
{
    public NoteVerifierKey VerifierKey { get; } = NoteVerifierKey.Cosignature(name, key.PublicKey);

    /// <summary>
    /// States that <paramref name="text"/>, a checkpoint, is the largest consistent one of its log that the cosigner saw by <paramref name="time"/>.
    /// </summary>
    /// <param name="time">Seconds since 1970.</param>
    public NoteSignature Cosign(ReadOnlySpan<byte> text, ulong time)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(time, StrictDecimal.Max);
        var signature = key.Sign(CosignatureMessage.Of(time, text));
        return new(VerifierKey.Name, VerifierKey.Id, CosignatureMessage.Write(time, signature));
    }
}
