using System.Buffers.Binary;
using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;

namespace Quorate.Nix.Transparency;

/// <summary>A transparency log whose checkpoints are believed. Immutable and thread-safe.</summary>
public sealed class TransparencyLog
{
    readonly Ed25519PublicKey? _ed25519;
    readonly P256PublicKey? _p256;

    TransparencyLog(string origin, Sha256Digest keyId, Ed25519PublicKey? ed25519, P256PublicKey? p256) =>
        (Origin, KeyId, _ed25519, _p256) = (origin, keyId, ed25519, p256);

    /// <summary>The first line of its checkpoints, and the name of its key.</summary>
    public string Origin { get; }

    /// <summary>By which entries name the log. Its first four bytes are the key ID in signature lines.</summary>
    public Sha256Digest KeyId { get; }

    /// <summary>Names its key as C2SP signed-note does.</summary>
    public static TransparencyLog WithEd25519(string origin, Ed25519PublicKey key) =>
        new(
            origin,
            Sha256Digest.HashData([.. Encoding.UTF8.GetBytes(origin), (byte)'\n', (byte)NoteKeyType.Ed25519, .. key.AsSpan()]),
            key,
            null
        );

    /// <summary>Names its key by the hash of the DER SubjectPublicKeyInfo, as Sigstore does for ECDSA.</summary>
    public static TransparencyLog WithP256(string origin, ReadOnlySpan<byte> subjectPublicKeyInfo, P256PublicKey key) =>
        new(origin, Sha256Digest.HashData(subjectPublicKeyInfo), null, key);

    /// <summary>Null, and what the log signed under its own name; or why it is no checkpoint of this log.</summary>
    internal string? Read(ReadOnlySpan<byte> note, out CheckpointText? checkpoint)
    {
        checkpoint = null;
        if (!SignedNote.TryParse(note, out var signed, out var problem))
        {
            return $"checkpoint: {problem}";
        }
        var hint = BinaryPrimitives.ReadUInt32BigEndian(KeyId.AsSpan());
        var own = signed.Signatures.Where(signature => signature.Name == Origin && signature.KeyId == hint).ToList();
        // Others may have cosigned it; they say nothing here, for or against.
        if (!own.Exists(signature => IsBy(signed.Text.Span, signature.Bytes.Span)))
        {
            return own.Count == 0 ? $"checkpoint: not signed by {Origin}" : $"checkpoint: the signature of {Origin} is not by its key";
        }
        if (!CheckpointText.TryParse(signed.Text.Span, out var text, out problem))
        {
            return $"checkpoint: {problem}";
        }
        if (text.Origin != Origin)
        {
            return $"checkpoint: of {text.Origin}, signed by {Origin}";
        }
        checkpoint = text;
        return null;
    }

    bool IsBy(ReadOnlySpan<byte> text, ReadOnlySpan<byte> signature) =>
        _ed25519 is not null ? _ed25519.Verify(text, signature) : _p256!.Verify(text, signature);

    /// <summary>Reads a log's key as Sigstore names its kind; null for a kind that is not known.</summary>
    internal static TransparencyLog? From(string origin, string keyDetails, ReadOnlySpan<byte> subjectPublicKeyInfo) =>
        keyDetails switch
        {
            "PKIX_ED25519" when PublicKeyInfo.TryRead(subjectPublicKeyInfo, out var key) => WithEd25519(origin, key),
            "PKIX_ECDSA_P256_SHA_256" when P256PublicKey.TryReadInfo(subjectPublicKeyInfo, out var key) => WithP256(
                origin,
                subjectPublicKeyInfo,
                key
            ),
            _ => null,
        };
}
