using Quorate.Core;

namespace Quorate.Crypto.Keys;

/// <summary>Short names of an Ed25519 public key that other tools compute.</summary>
public static class KeyFingerprints
{
    // RFC 8709 §4: two length-prefixed strings, the second of which is the key.
    static ReadOnlySpan<byte> SshHead => "\0\0\0\u000bssh-ed25519\0\0\0\u0020"u8;

    /// <summary>SHA-256 of the key's DER SubjectPublicKeyInfo, in lowercase hexadecimal.</summary>
    public static string SubjectPublicKeyInfo(Ed25519PublicKey key) => Sha256Digest.HashData(PublicKeyInfo.Of(key)).ToString();

    /// <summary><c>SHA256:</c> and base64 without padding, as <c>ssh-keygen -l</c> and DSSE tools print it.</summary>
    public static string Ssh(Ed25519PublicKey key) =>
        "SHA256:" + Convert.ToBase64String(Sha256Digest.HashData([.. SshHead, .. key.AsSpan()]).AsSpan()).TrimEnd('=');
}
