using System.Diagnostics.CodeAnalysis;
using Quorate.Crypto;
using Quorate.Crypto.Keys;

namespace Quorate.Nix.Traces;

/// <summary>
/// The claim keys whose signatures count, found by the names that traces give them. Keys that are the same bytes are one key. Immutable and
/// thread-safe.
/// </summary>
public sealed class TraceKeys
{
    /// <summary>Length of the fingerprint's head in a JWS <c>kid</c>.</summary>
    internal const int HeadLength = 16;

    readonly Dictionary<string, Ed25519PublicKey> _byThumbprint = new(StringComparer.Ordinal);
    readonly ILookup<string, Ed25519PublicKey> _byHead;

    public TraceKeys(IEnumerable<Ed25519PublicKey> keys)
    {
        foreach (var key in keys)
        {
            _byThumbprint[Thumbprint(key)] = key;
        }
        _byHead = _byThumbprint.ToLookup(pair => pair.Key[..HeadLength], pair => pair.Value, StringComparer.Ordinal);
    }

    public IReadOnlyCollection<Ed25519PublicKey> All => _byThumbprint.Values;

    /// <summary>How laut names a key: SHA-256 of its DER SubjectPublicKeyInfo in lowercase hexadecimal.</summary>
    public static string Thumbprint(Ed25519PublicKey key) => KeyFingerprints.SubjectPublicKeyInfo(key);

    internal bool TryFind(ReadOnlySpan<char> thumbprint, [NotNullWhen(true)] out Ed25519PublicKey? key) =>
        _byThumbprint.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(thumbprint, out key);

    /// <summary>More than one only if somebody made two keys collide on 64 bits; then any of them may have signed.</summary>
    internal IEnumerable<Ed25519PublicKey> WithHead(string head) => _byHead[head];
}
