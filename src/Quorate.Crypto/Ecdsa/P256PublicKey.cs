using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Quorate.Crypto;

/// <summary>
/// An ECDSA public key on P-256 (FIPS 186-5), for signatures over SHA-256 in DER. Only verified, never made here: transparency logs of others use it. The
/// platform's implementation does the arithmetic. Immutable and thread-safe.
/// </summary>
public sealed class P256PublicKey
{
    const int CoordinateSize = 32;

    // SubjectPublicKeyInfo of RFC 5480: SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING { uncompressed point } }, up to the coordinates.
    static ReadOnlySpan<byte> Head =>
        [
            0x30,
            0x59,
            0x30,
            0x13,
            0x06,
            0x07,
            0x2a,
            0x86,
            0x48,
            0xce,
            0x3d,
            0x02,
            0x01,
            0x06,
            0x08,
            0x2a,
            0x86,
            0x48,
            0xce,
            0x3d,
            0x03,
            0x01,
            0x07,
            0x03,
            0x42,
            0x00,
            0x04,
        ];

    readonly ECParameters _parameters;

    P256PublicKey(ECParameters parameters) => _parameters = parameters;

    /// <summary>False unless it is exactly the DER of a point on the curve, not compressed.</summary>
    public static bool TryReadInfo(ReadOnlySpan<byte> subjectPublicKeyInfo, [NotNullWhen(true)] out P256PublicKey? key)
    {
        key = null;
        if (subjectPublicKeyInfo.Length != Head.Length + 2 * CoordinateSize || !subjectPublicKeyInfo.StartsWith(Head))
        {
            return false;
        }
        var point = subjectPublicKeyInfo[Head.Length..];
        var parameters = new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = point[..CoordinateSize].ToArray(), Y = point[CoordinateSize..].ToArray() },
        };
        try
        {
            using var usable = ECDsa.Create(parameters);
        }
        catch (CryptographicException)
        {
            return false;
        }
        key = new P256PublicKey(parameters);
        return true;
    }

    /// <summary>True only for a DER signature that this key made over <paramref name="message"/>.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        // One for each call: the platform's objects are not for several threads.
        using var verifier = ECDsa.Create(_parameters);
        return verifier.VerifyData(message, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }
}
