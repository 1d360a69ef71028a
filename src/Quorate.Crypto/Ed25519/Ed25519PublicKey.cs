using System.Diagnostics.CodeAnalysis;
using Quorate.Core.Encodings;

namespace Quorate.Crypto;

/// <summary>
/// An Ed25519 public key (RFC 8032), 32 bytes. Verification is libsodium's strict one: S must be canonical, A and R canonical and not of
/// small order. Immutable and thread-safe.
/// </summary>
public sealed class Ed25519PublicKey : IEquatable<Ed25519PublicKey>
{
    public const int Size = 32;
    public const int SignatureSize = 64;

    readonly byte[] _bytes;

    Ed25519PublicKey(byte[] bytes) => _bytes = bytes;

    public ReadOnlySpan<byte> AsSpan() => _bytes;

    /// <summary>False unless 32 bytes are given. Whether they are a usable point shows at the first verification.</summary>
    public static bool TryCreate(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out Ed25519PublicKey? key)
    {
        key = bytes.Length == Size ? new Ed25519PublicKey(bytes.ToArray()) : null;
        return key is not null;
    }

    /// <summary>Parses canonical padded base64 of 32 bytes, the form that configurations and Trustix use.</summary>
    public static bool TryParse(ReadOnlySpan<char> base64, [NotNullWhen(true)] out Ed25519PublicKey? key)
    {
        key = null;
        return StrictBase64.TryDecode(base64, Size, out var bytes) && TryCreate(bytes, out key);
    }

    /// <summary>True only for a 64-byte signature that this key made over <paramref name="message"/>.</summary>
    public unsafe bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureSize)
        {
            return false;
        }
        Sodium.EnsureInitialized();
        // Safe: the lengths were checked above, and libsodium reads exactly 64, message.Length and 32 bytes. An empty message points
        // somewhere, as in Sign.
        fixed (
            byte* s = signature,
                m = message.IsEmpty ? "\0"u8 : message,
                k = _bytes
        )
        {
            return Sodium.crypto_sign_verify_detached(s, m, (ulong)message.Length, k) == 0;
        }
    }

    /// <summary>
    /// True only for a 64-byte Ed25519ph signature (RFC 8032 §5.1 with SHA-512 as prehash and no context) that this key made over
    /// <paramref name="head"/> followed by <paramref name="rest"/>. As strict as <see cref="Verify"/>, and never true for a pure signature.
    /// </summary>
    public unsafe bool VerifyPrehashed(ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureSize)
        {
            return false;
        }
        Sodium.EnsureInitialized();
        var state = stackalloc ulong[Sodium.PrehashStateSize / sizeof(ulong)];
        Sodium.Prehash(state, head, rest);
        // Safe: 64-byte signature, checked above, 32-byte key, and the state that was just filled.
        fixed (
            byte* s = signature,
                k = _bytes
        )
        {
            return Sodium.crypto_sign_ed25519ph_final_verify(state, s, k) == 0;
        }
    }

    public bool Equals(Ed25519PublicKey? other) => other is not null && AsSpan().SequenceEqual(other.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as Ed25519PublicKey);

    public override int GetHashCode() => BitConverter.ToInt32(_bytes);

    /// <summary>Padded base64.</summary>
    public override string ToString() => StrictBase64.Encode(_bytes);
}
