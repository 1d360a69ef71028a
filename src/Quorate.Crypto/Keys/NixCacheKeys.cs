using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Crypto.Keys;

/// <summary>A Nix binary cache's public key, <c>name:base64</c> of 32 bytes, as in <c>trusted-public-keys</c>.</summary>
public sealed record NixCachePublicKey(string Name, Ed25519PublicKey Key)
{
    /// <summary>Whether a key can be called this: printable ASCII that no text around it has to escape.</summary>
    public static bool IsName(ReadOnlySpan<char> name) => NamedKeyText.IsName(name);

    public static bool TryParse(string text, [NotNullWhen(true)] out NixCachePublicKey? key)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        key =
            colon > 0 && NamedKeyText.IsName(text.AsSpan(0, colon)) && Ed25519PublicKey.TryParse(text.AsSpan(colon + 1), out var bytes)
                ? new NixCachePublicKey(text[..colon], bytes)
                : null;
        return key is not null;
    }

    /// <summary>Whether <paramref name="signature"/>, <c>name:base64</c>, names this key and is its signature over <paramref name="message"/>.</summary>
    public bool Verify(ReadOnlySpan<byte> message, string signature)
    {
        var colon = signature.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            && signature.AsSpan(0, colon).SequenceEqual(Name)
            && StrictBase64.TryDecode(signature.AsSpan(colon + 1), Ed25519PublicKey.SignatureSize, out var bytes)
            && Key.Verify(message, bytes);
    }

    public override string ToString() => $"{Name}:{Key}";
}

/// <summary>
/// A Nix binary cache's secret key, <c>name:base64</c> of seed ‖ public key, as <c>nix-store --generate-binary-cache-key</c> and
/// <c>nix key generate-secret</c> write it. Thread-safe until disposed.
/// </summary>
public sealed class NixCacheSecretKey(string name, Ed25519PrivateKey key) : IDisposable
{
    public string Name { get; } = name;

    public NixCachePublicKey PublicKey { get; } = new(name, key.PublicKey);

    /// <summary>The key itself, for signatures of other forms than a cache's. Lives as long as this.</summary>
    public Ed25519PrivateKey Key { get; } = key;

    /// <param name="readableByOthers">Whether the file's group or everybody may read it.</param>
    /// <exception cref="MalformedException"/>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static NixCacheSecretKey Read(string path, out bool readableByOthers) =>
        SecretFile.Read(path, text => Parse(text, $"the Nix cache key {path}"), out readableByOthers);

    /// <exception cref="MalformedException"/>
    public static NixCacheSecretKey Parse(ReadOnlySpan<byte> text) => Parse(text, "the Nix cache key");

    /// <exception cref="ArgumentException">The name is empty or would have to be escaped.</exception>
    public static NixCacheSecretKey Generate(string name) =>
        NamedKeyText.IsName(name)
            ? new NixCacheSecretKey(name, Ed25519PrivateKey.Generate())
            : throw new ArgumentException($"'{name}' cannot be the name of a Nix cache key", nameof(name));

    /// <summary><c>name:base64</c> of the signature over <paramref name="message"/>: the value of a narinfo's <c>Sig</c>.</summary>
    public string Sign(ReadOnlySpan<byte> message) => $"{Name}:{StrictBase64.Encode(Key.Sign(message))}";

    /// <summary>Writes a new file of mode 0600.</summary>
    /// <exception cref="IOException">The file exists already; a key is never overwritten.</exception>
    public void Write(string path)
    {
        // Large enough never to grow, which would leave a copy behind.
        var writer = new ArrayBufferWriter<byte>(512);
        writer.Write(Encoding.ASCII.GetBytes($"{Name}:"));
        SeedAndPublic.Write(Key, writer);
        try
        {
            SecretFile.Create(path, writer.WrittenSpan);
        }
        finally
        {
            writer.Clear();
        }
    }

    public void Dispose() => Key.Dispose();

    static NixCacheSecretKey Parse(ReadOnlySpan<byte> text, string what)
    {
        var name = NamedKeyText.Split(text, what, out var base64);
        return new NixCacheSecretKey(name, SeedAndPublic.Parse(base64, what));
    }
}
