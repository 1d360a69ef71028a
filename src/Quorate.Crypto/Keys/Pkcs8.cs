using System.Buffers.Text;
using System.Formats.Asn1;
using System.Security.Cryptography;
using Quorate.Core;

namespace Quorate.Crypto.Keys;

/// <summary>
/// Unencrypted PKCS#8 PEM of an Ed25519 private key (RFC 8410 §7, RFC 5958), strict DER:
/// <code>
/// SEQUENCE {
///   INTEGER 0 | 1
///   SEQUENCE { OBJECT IDENTIFIER 1.3.101.112 }
///   OCTET STRING { OCTET STRING (32 bytes) }
///   [1] BIT STRING (32 bytes)   -- the public key; present exactly in version 1
/// }
/// </code>
/// </summary>
static class Pkcs8
{
    const string Ed25519Oid = "1.3.101.112";
    const int MaxDerLength = 256;

    static ReadOnlySpan<byte> PemLabel => "PRIVATE KEY"u8;

    static readonly Asn1Tag s_publicKeyTag = new(TagClass.ContextSpecific, 1);

    public static bool LooksLikePem(ReadOnlySpan<byte> text) => text.IndexOf("-----BEGIN "u8) >= 0;

    /// <exception cref="MalformedException">Not one PEM block of an unencrypted Ed25519 key.</exception>
    public static Ed25519PrivateKey ParsePem(ReadOnlySpan<byte> text, string what)
    {
        if (!PemEncoding.TryFindUtf8(text, out var fields))
        {
            throw new MalformedException($"{what} is not well-formed PEM");
        }
        var label = text[fields.Label];
        if (label.SequenceEqual("ENCRYPTED PRIVATE KEY"u8))
        {
            throw new MalformedException($"{what} is encrypted; an unencrypted PKCS#8 key is needed");
        }
        if (!label.SequenceEqual(PemLabel))
        {
            throw new MalformedException($"{what} is a PEM block of another kind than PRIVATE KEY (PKCS#8)");
        }
        if (!IsBlank(text[..fields.Location.Start.Value]) || !IsBlank(text[fields.Location.End.Value..]))
        {
            throw new MalformedException($"{what} has text around its PEM block");
        }
        Span<byte> der = stackalloc byte[MaxDerLength];
        try
        {
            if (
                fields.DecodedDataLength > MaxDerLength
                || Base64.DecodeFromUtf8(text[fields.Base64Data], der, out _, out var length) != System.Buffers.OperationStatus.Done
            )
            {
                throw new MalformedException($"{what} is not an Ed25519 key");
            }
            return ParseDer(der[..length], what);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    public static byte[] WritePem(Ed25519PrivateKey key)
    {
        Span<byte> seed = stackalloc byte[Ed25519PrivateKey.SeedSize];
        key.CopySeed(seed);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        Span<byte> der = stackalloc byte[MaxDerLength];
        try
        {
            using (writer.PushSequence())
            {
                writer.WriteInteger(0);
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(Ed25519Oid);
                }
                using (writer.PushOctetString())
                {
                    writer.WriteOctetString(seed);
                }
            }
            var length = writer.Encode(der);
            var pem = new byte[PemEncoding.GetEncodedSize(PemLabel.Length, length) + 1];
            if (!PemEncoding.TryWriteUtf8(PemLabel, der[..length], pem, out var written) || written != pem.Length - 1)
            {
                throw new InvalidOperationException("the PEM block has not its computed size");
            }
            pem[^1] = (byte)'\n';
            return pem;
        }
        finally
        {
            // Resetting also clears the writer's own buffer.
            writer.Reset();
            CryptographicOperations.ZeroMemory(seed);
            CryptographicOperations.ZeroMemory(der);
        }
    }

    static Ed25519PrivateKey ParseDer(ReadOnlySpan<byte> der, string what)
    {
        Span<byte> seed = stackalloc byte[Ed25519PrivateKey.SeedSize];
        try
        {
            AsnDecoder.ReadSequence(der, AsnEncodingRules.DER, out var start, out var length, out var consumed);
            Ensure(consumed == der.Length, "bytes after its end", what);
            var rest = der.Slice(start, length);

            Ensure(AsnDecoder.TryReadInt32(rest, AsnEncodingRules.DER, out var version, out consumed), "an unknown version", what);
            Ensure(version is 0 or 1, "an unknown version", what);
            rest = rest[consumed..];

            AsnDecoder.ReadSequence(rest, AsnEncodingRules.DER, out start, out length, out consumed);
            var algorithm = rest.Slice(start, length);
            var oid = AsnDecoder.ReadObjectIdentifier(algorithm, AsnEncodingRules.DER, out var oidLength);
            Ensure(oid == Ed25519Oid, $"the algorithm {oid}, not Ed25519", what);
            Ensure(oidLength == algorithm.Length, "parameters, which Ed25519 forbids", what);
            rest = rest[consumed..];

            Span<byte> wrapped = stackalloc byte[Ed25519PrivateKey.SeedSize + 2];
            Ensure(
                AsnDecoder.TryReadOctetString(rest, wrapped, AsnEncodingRules.DER, out consumed, out var written)
                    && written == wrapped.Length,
                "a private key of another length",
                what
            );
            rest = rest[consumed..];
            var inner = AsnDecoder.TryReadOctetString(wrapped, seed, AsnEncodingRules.DER, out var innerConsumed, out var seedLength);
            CryptographicOperations.ZeroMemory(wrapped);
            Ensure(inner && innerConsumed == wrapped.Length && seedLength == seed.Length, "a private key of another length", what);

            var key = Ed25519PrivateKey.FromSeed(seed);
            if (!PublicKeyAgrees(rest, version, key.PublicKey))
            {
                key.Dispose();
                throw new MalformedException($"{what} has attributes, or a public key that does not belong to its private key");
            }
            return key;
        }
        catch (AsnContentException fault)
        {
            throw new MalformedException($"{what} is not the DER of a PKCS#8 key", fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(seed);
        }
    }

    static bool PublicKeyAgrees(ReadOnlySpan<byte> rest, int version, Ed25519PublicKey key)
    {
        if (version == 0)
        {
            return rest.IsEmpty;
        }
        var bits = AsnDecoder.ReadBitString(rest, AsnEncodingRules.DER, out var unused, out var consumed, s_publicKeyTag);
        return unused == 0 && consumed == rest.Length && key.AsSpan().SequenceEqual(bits);
    }

    static void Ensure(bool holds, string fault, string what)
    {
        if (!holds)
        {
            throw new MalformedException($"{what} has {fault}");
        }
    }

    static bool IsBlank(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(" \t\r\n"u8) < 0;
}
