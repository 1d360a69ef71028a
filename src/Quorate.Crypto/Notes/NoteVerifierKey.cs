using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Crypto.Notes;

/// <summary>Signature types of C2SP signed-note that mean something here. Others are carried and never match.</summary>
public enum NoteKeyType : byte
{
    /// <summary>Ed25519 over the note's text.</summary>
    Ed25519 = 0x01,

    /// <summary>Ed25519 over a time and the note's text: <c>cosignature/v1</c>.</summary>
    Cosignature = 0x04,

    /// <summary>ML-DSA-44 over a subtree. Recognised, but no platform library verifies it yet: such a signature counts as one by an unknown key.</summary>
    MlDsa44Cosignature = 0x06,
}

/// <summary>
/// A public key as notes name it: <c>name+hash+base64(type ‖ key)</c>. Immutable; equal when the text is. Whether two of them are one
/// <em>key</em> under two names is <see cref="IsSameKey"/>.
/// </summary>
public sealed class NoteVerifierKey : IEquatable<NoteVerifierKey>
{
    const int MaxKeyBytes = 4 << 10;
    const int MlDsa44KeySize = 1312;

    readonly string _text;
    readonly byte[] _encoded;

    NoteVerifierKey(string name, uint id, byte[] encoded)
    {
        (Name, Id, _encoded) = (name, id, encoded);
        _text = $"{name}+{id:x8}+{StrictBase64.Encode(encoded)}";
        if (Type is NoteKeyType.Ed25519 or NoteKeyType.Cosignature)
        {
            Ed25519PublicKey.TryCreate(PublicKey, out var key);
            Key = key;
        }
    }

    public string Name { get; }

    /// <summary>First four bytes of SHA-256(name ‖ LF ‖ type ‖ key).</summary>
    public uint Id { get; }

    public NoteKeyType Type => (NoteKeyType)_encoded[0];

    /// <summary>The key's bytes, without the type.</summary>
    public ReadOnlySpan<byte> PublicKey => _encoded.AsSpan(1);

    /// <summary>The key where its signatures can be verified here; otherwise null.</summary>
    public Ed25519PublicKey? Key { get; }

    /// <exception cref="ArgumentException">No key can have this name.</exception>
    public static NoteVerifierKey Ed25519(string name, Ed25519PublicKey key) => Create(name, NoteKeyType.Ed25519, key);

    /// <inheritdoc cref="Ed25519"/>
    public static NoteVerifierKey Cosignature(string name, Ed25519PublicKey key) => Create(name, NoteKeyType.Cosignature, key);

    /// <summary>The only accepted text is what <see cref="ToString"/> gives; the hash must be right for the types of <see cref="NoteKeyType"/>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out NoteVerifierKey? key, out string error)
    {
        key = null;
        error = "a verifier key is written name+hash+base64";
        var plus = text.IndexOf('+');
        if (plus <= 0 || text.Length < plus + 10 || text[plus + 9] != '+')
        {
            return false;
        }
        var name = text[..plus];
        Span<byte> hash = stackalloc byte[4];
        if (!NoteName.IsKeyName(name) || !Hex.TryDecode(text.Slice(plus + 1, 8), hash))
        {
            error = "the verifier key's name or hash is not in its canonical form";
            return false;
        }
        if (!StrictBase64.TryDecode(text[(plus + 10)..], MaxKeyBytes, out var encoded) || encoded.Length < 2)
        {
            error = $"the verifier key of {name} is not the base64 of a type and a key";
            return false;
        }
        var id = BinaryPrimitives.ReadUInt32BigEndian(hash);
        if (ExpectedSize((NoteKeyType)encoded[0]) is { } size)
        {
            if (encoded.Length != 1 + size)
            {
                error = $"the verifier key of {name} has {encoded.Length - 1} bytes where its type has {size}";
                return false;
            }
            if (ComputeId(name, encoded) != id)
            {
                error = $"the hash in the verifier key of {name} does not belong to name and key";
                return false;
            }
        }
        error = "";
        key = new NoteVerifierKey(name.ToString(), id, encoded);
        return true;
    }

    /// <exception cref="MalformedException"/>
    public static NoteVerifierKey Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var key, out var error) ? key : throw new MalformedException(error);

    /// <summary>Whether the signature says that this key made it.</summary>
    public bool IsNamedBy(NoteSignature signature) => signature.KeyId == Id && signature.Name == Name;

    /// <summary>Whether both wrap the same public key, whatever they are called and used for.</summary>
    public bool IsSameKey(NoteVerifierKey other) => Key is null == other.Key is null && PublicKey.SequenceEqual(other.PublicKey);

    /// <summary>Verifies a signature that names this key.</summary>
    /// <param name="time">Of a cosignature, seconds since 1970; otherwise null.</param>
    public bool Verify(ReadOnlySpan<byte> text, NoteSignature signature, out ulong? time)
    {
        time = null;
        if (Key is null || !IsNamedBy(signature))
        {
            return false;
        }
        if (Type == NoteKeyType.Ed25519)
        {
            return Key.Verify(text, signature.Bytes.Span);
        }
        if (!CosignatureMessage.TryRead(signature.Bytes.Span, out var seconds, out var bytes))
        {
            return false;
        }
        time = seconds;
        return Key.Verify(CosignatureMessage.Of(seconds, text), bytes);
    }

    public bool Equals(NoteVerifierKey? other) => other is not null && _text == other._text;

    public override bool Equals(object? obj) => Equals(obj as NoteVerifierKey);

    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    /// <summary>The canonical text.</summary>
    public override string ToString() => _text;

    static NoteVerifierKey Create(string name, NoteKeyType type, Ed25519PublicKey key)
    {
        if (!NoteName.IsKeyName(name))
        {
            throw new ArgumentException($"'{name}' cannot be the name of a key: no spaces, no plus sign, at most 255 bytes", nameof(name));
        }
        byte[] encoded = [(byte)type, .. key.AsSpan()];
        return new NoteVerifierKey(name, ComputeId(name, encoded), encoded);
    }

    static int? ExpectedSize(NoteKeyType type) =>
        type switch
        {
            NoteKeyType.Ed25519 or NoteKeyType.Cosignature => Ed25519PublicKey.Size,
            NoteKeyType.MlDsa44Cosignature => MlDsa44KeySize,
            _ => null,
        };

    static uint ComputeId(ReadOnlySpan<char> name, byte[] encoded)
    {
        byte[] preimage = [.. Encoding.UTF8.GetBytes(name.ToArray()), (byte)'\n', .. encoded];
        return BinaryPrimitives.ReadUInt32BigEndian(Sha256Digest.HashData(preimage).AsSpan());
    }
}
