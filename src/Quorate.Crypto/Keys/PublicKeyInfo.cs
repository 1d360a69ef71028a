using System.Diagnostics.CodeAnalysis;

namespace Quorate.Crypto.Keys;

/// <summary>Ed25519 keys as DER SubjectPublicKeyInfo (RFC 8410).</summary>
public static class PublicKeyInfo
{
    // SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING { 32 bytes } }, up to the key.
    static ReadOnlySpan<byte> Head => [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

    public static byte[] Of(Ed25519PublicKey key) => [.. Head, .. key.AsSpan()];

    /// <summary>False unless it is exactly what <see cref="Of"/> gives.</summary>
    public static bool TryRead(ReadOnlySpan<byte> der, [NotNullWhen(true)] out Ed25519PublicKey? key)
    {
        key = null;
        return der.StartsWith(Head) && Ed25519PublicKey.TryCreate(der[Head.Length..], out key);
    }
}
