using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Tokens;

namespace Quorate.Fuzz.Targets;

/// <summary>Fixed keys for seeds; they protect nothing.</summary>
static class FuzzKeys
{
    public static Ed25519PrivateKey Key { get; } = Ed25519PrivateKey.FromSeed(new byte[Ed25519PrivateKey.SeedSize]);

    public static byte[] Named => [.. "default:"u8, .. KeyFiles.FormatPrivate(Key, PrivateKeyForm.Trustix).AsSpan()[..^1]];
}

sealed class PrivateKeyFileTarget : IFuzzTarget
{
    public string Name => "private-key-file";

    public IEnumerable<byte[]> Seeds =>
        [KeyFiles.FormatPrivate(FuzzKeys.Key, PrivateKeyForm.Trustix), KeyFiles.FormatPrivate(FuzzKeys.Key, PrivateKeyForm.Pkcs8)];

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            using var key = KeyFiles.ParsePrivate(input);
            using var again = KeyFiles.ParsePrivate(KeyFiles.FormatPrivate(key, PrivateKeyForm.Pkcs8));
            FuzzException.ThrowUnless(again.PublicKey.Equals(key.PublicKey), "a key changed when it was written and read");
        }
        catch (MalformedException)
        {
            // The documented answer.
        }
    }
}

sealed class PublicKeyFileTarget : IFuzzTarget
{
    public string Name => "public-key-file";

    public IEnumerable<byte[]> Seeds => [Encoding.ASCII.GetBytes(FuzzKeys.Key.PublicKey + "\n")];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (KeyFiles.TryParsePublic(input, out var key))
        {
            var text = Encoding
                .Latin1.GetString(input)
                .Replace("\n", "", StringComparison.Ordinal)
                .Replace("\r", "", StringComparison.Ordinal);
            FuzzException.ThrowUnless(key.ToString() == text, "an accepted public key is not canonical");
        }
    }
}

sealed class NixCacheKeyTarget : IFuzzTarget
{
    public string Name => "nix-cache-key";

    public IEnumerable<byte[]> Seeds => [FuzzKeys.Named, Encoding.ASCII.GetBytes($"cache.example-1:{FuzzKeys.Key.PublicKey}")];

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            using var key = NixCacheSecretKey.Parse(input);
            FuzzException.ThrowUnless(key.PublicKey.Verify("m"u8, key.Sign("m"u8)), "a key does not verify its own signature");
        }
        catch (MalformedException)
        {
            // The documented answer.
        }
        var text = Encoding.Latin1.GetString(input);
        if (NixCachePublicKey.TryParse(text, out var publicKey))
        {
            FuzzException.ThrowUnless(publicKey.ToString() == text, "an accepted public key is not canonical");
        }
    }
}

sealed class TrustixTokenTarget : IFuzzTarget
{
    public string Name => "trustix-token";

    public IEnumerable<byte[]> Seeds => [FuzzKeys.Named, Encoding.ASCII.GetBytes($"default:{FuzzKeys.Key.PublicKey}")];

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            using var token = TrustixToken.Parse(input);
            var result = TrustixPublicToken.Check(token.Header("/p"), "/p", [token.PublicToken], out _);
            FuzzException.ThrowUnless(result.IsVerified, "a token's own header is refused");
        }
        catch (MalformedException)
        {
            // The documented answer.
        }
        var text = Encoding.Latin1.GetString(input);
        if (TrustixPublicToken.TryParse(text, out var publicToken))
        {
            FuzzException.ThrowUnless(publicToken.ToString() == text, "an accepted public token is not canonical");
        }
    }
}

sealed class TrustixTokenHeaderTarget : IFuzzTarget
{
    static readonly TrustixToken s_token = new("default", FuzzKeys.Key);

    public string Name => "trustix-token-header";

    public IEnumerable<byte[]> Seeds =>
        [Encoding.ASCII.GetBytes(s_token.Header("/p")), Encoding.ASCII.GetBytes(s_token.Header("/q")), "{}"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        if (TrustixPublicToken.Check(text, "/p", [s_token.PublicToken], out var token).IsVerified)
        {
            FuzzException.ThrowUnless(TrustixTokenHeader.TryParse(text, out var header), "a verified header does not parse");
            FuzzException.ThrowUnless(header.Name == token!.Name, "a header was credited to another token");
        }
    }
}
