using System.Security.Cryptography;

namespace Quorate.Nix.Nar;

/// <summary>
/// A hash under any algorithm that content addresses name, of bytes that come in pieces. MD5 and SHA-1 are computed because paths exist that are
/// made of them, not because anything is trusted for them. Not thread-safe.
/// </summary>
abstract class ContentHasher : IByteSink, IDisposable
{
    /// <param name="algorithm">One that <see cref="ContentAlgorithm"/> knows.</param>
    public static ContentHasher Create(string algorithm) =>
        algorithm switch
        {
            "md5" => new OfThePlatform(HashAlgorithmName.MD5),
            "sha1" => new OfThePlatform(HashAlgorithmName.SHA1),
            "sha256" => new OfThePlatform(HashAlgorithmName.SHA256),
            "sha512" => new OfThePlatform(HashAlgorithmName.SHA512),
            "blake3" => new Blake3Hasher(),
            _ => throw new ArgumentException($"there is no algorithm {algorithm}", nameof(algorithm)),
        };

    public abstract void Write(ReadOnlySpan<byte> bytes);

    /// <summary>The hash of what was written since the beginning, or since this was asked last.</summary>
    public abstract byte[] Finish();

    public abstract void Dispose();

    sealed class OfThePlatform(HashAlgorithmName name) : ContentHasher
    {
        readonly IncrementalHash _hash = IncrementalHash.CreateHash(name);

        public override void Write(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override byte[] Finish() => _hash.GetHashAndReset();

        public override void Dispose() => _hash.Dispose();
    }

    sealed class Blake3Hasher : ContentHasher
    {
        readonly Blake3.Hasher _hash = Blake3.Hasher.New();

        public override void Write(ReadOnlySpan<byte> bytes) => _hash.Update(bytes);

        public override byte[] Finish()
        {
            var hash = new byte[Blake3.Hash.Size];
            _hash.Finalize(hash);
            _hash.Reset();
            return hash;
        }

        public override void Dispose() => _hash.Dispose();
    }
}
