using System.Buffers;
using System.Security.Cryptography;
using Quorate.Core;

namespace Quorate.Crypto.Keys;

/// <summary>
/// The 64-byte private key of Go and libsodium, seed ‖ public key, as base64. Trustix key files, Trustix tokens and Nix cache keys use it.
/// The public half is redundant, so it is checked: signing under a wrong one can reveal the key.
/// </summary>
static class SeedAndPublic
{
    public const int Size = Ed25519PrivateKey.SeedSize + Ed25519PublicKey.Size;

    /// <exception cref="MalformedException">Not 64 bytes of canonical base64, or the halves do not belong together.</exception>
    public static Ed25519PrivateKey Parse(ReadOnlySpan<byte> base64, string what)
    {
        Span<byte> bytes = stackalloc byte[Size];
        try
        {
            if (!SecretBase64.TryDecode(base64, bytes))
            {
                throw new MalformedException($"{what} is not the base64 of a 64-byte Ed25519 private key");
            }
            var key = Ed25519PrivateKey.FromSeed(bytes[..Ed25519PrivateKey.SeedSize]);
            if (!key.PublicKey.AsSpan().SequenceEqual(bytes[Ed25519PrivateKey.SeedSize..]))
            {
                key.Dispose();
                throw new MalformedException($"the public half of {what} does not belong to its seed");
            }
            return key;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    public static void Write(Ed25519PrivateKey key, ArrayBufferWriter<byte> writer)
    {
        Span<byte> bytes = stackalloc byte[Size];
        key.CopySeed(bytes);
        key.PublicKey.AsSpan().CopyTo(bytes[Ed25519PrivateKey.SeedSize..]);
        SecretBase64.Encode(bytes, writer);
        CryptographicOperations.ZeroMemory(bytes);
    }
}
