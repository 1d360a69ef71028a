using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>Names a log: lowercase hex of SHA-256 over protocol, mode, key type and raw public key (specs: Trustix log ID).</summary>
public readonly record struct LogId
{
    LogId(string text) => Text = text;

    /// <summary>64 lowercase hexadecimal characters.</summary>
    public string Text { get; }

    public static LogId Compute(Protocol protocol, Ed25519PublicKey key)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"protocol:{protocol.Id};mode:0;keyType:ed25519;pubKey:"));
        hash.AppendData(key.AsSpan());
        hash.AppendData(";"u8);
        return new LogId(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>False unless <paramref name="text"/> is 64 lowercase hexadecimal characters.</summary>
    public static bool TryParse(string text, out LogId id)
    {
        var ok = Sha256Digest.TryParseHex(text, out _);
        id = ok ? new LogId(text) : default;
        return ok;
    }

    /// <summary>The 32 bytes.</summary>
    public Sha256Digest ToDigest() =>
        Sha256Digest.TryParseHex(Text, out var digest) ? digest : throw new InvalidOperationException("the default value is no log's ID");

    public override string ToString() => Text;
}

/// <summary>What identifies a log and lets anyone check its heads.</summary>
public sealed record LogIdentity(Protocol Protocol, Ed25519PublicKey Key)
{
    public LogId Id { get; } = LogId.Compute(Protocol, Key);
}
