using System.Security.Cryptography;

namespace Quorate.Crypto;

/// <summary>
/// An Ed25519 private key. Kept as the 32-byte seed and libsodium's 64-byte form (seed ‖ public key), both wiped on disposal. Thread-safe
/// until disposed.
/// </summary>
public sealed class Ed25519PrivateKey : IDisposable
{
    public const int SeedSize = 32;

    readonly byte[] _secret = GC.AllocateArray<byte>(64, pinned: true);
    bool _disposed;

    unsafe Ed25519PrivateKey(ReadOnlySpan<byte> seed)
    {
        Sodium.EnsureInitialized();
        var publicKey = new byte[Ed25519PublicKey.Size];
        // Safe: 32-byte seed (checked by the callers), 32-byte public and 64-byte secret buffers.
        fixed (
            byte* s = seed,
                k = _secret,
                p = publicKey
        )
        {
            _ = Sodium.crypto_sign_seed_keypair(p, k, s);
        }
        Ed25519PublicKey.TryCreate(publicKey, out var created);
        PublicKey = created!;
    }

    public Ed25519PublicKey PublicKey { get; }

    /// <exception cref="ArgumentException">The seed is not 32 bytes long.</exception>
    public static Ed25519PrivateKey FromSeed(ReadOnlySpan<byte> seed) =>
        seed.Length == SeedSize
            ? new Ed25519PrivateKey(seed)
            : throw new ArgumentException($"an Ed25519 seed has {SeedSize} bytes", nameof(seed));

    public static Ed25519PrivateKey Generate()
    {
        Span<byte> seed = stackalloc byte[SeedSize];
        RandomNumberGenerator.Fill(seed);
        var key = new Ed25519PrivateKey(seed);
        CryptographicOperations.ZeroMemory(seed);
        return key;
    }

    /// <summary>The 64-byte deterministic signature over <paramref name="message"/>.</summary>
    public unsafe byte[] Sign(ReadOnlySpan<byte> message)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var signature = new byte[Ed25519PublicKey.SignatureSize];
        // Safe: 64-byte signature and secret buffers; the message length is passed as is. An empty span has no address, and C does not
        // promise that a null pointer of length zero may be read, so an empty message points somewhere else.
        fixed (
            byte* s = signature,
                m = message.IsEmpty ? "\0"u8 : message,
                k = _secret
        )
        {
            _ = Sodium.crypto_sign_detached(s, 0, m, (ulong)message.Length, k);
        }
        return signature;
    }

    /// <summary>The 64-byte Ed25519ph signature over <paramref name="head"/> followed by <paramref name="rest"/>, see <see cref="Ed25519PublicKey.VerifyPrehashed"/>.</summary>
    public unsafe byte[] SignPrehashed(ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var signature = new byte[Ed25519PublicKey.SignatureSize];
        var state = stackalloc ulong[Sodium.PrehashStateSize / sizeof(ulong)];
        Sodium.Prehash(state, head, rest);
        // Safe: 64-byte signature and secret buffers, and the state that was just filled.
        fixed (
            byte* s = signature,
                k = _secret
        )
        {
            _ = Sodium.crypto_sign_ed25519ph_final_create(state, s, 0, k);
        }
        return signature;
    }

    /// <summary>Copies the 32-byte seed, for writing key files.</summary>
    public void CopySeed(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _secret.AsSpan(0, SeedSize).CopyTo(destination);
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_secret);
        _disposed = true;
    }
}
