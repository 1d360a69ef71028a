using Quorate.Cli.Hook;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Sources.Control;

namespace Quorate.Cli.Signing;

/// <summary>
/// A claim key signs claims and nothing else: whoever can have a head, a narinfo or a checkpoint signed by it could pass one off as the other. Keys
/// are compared by their bytes, as far as this machine knows other keys.
/// </summary>
static class ClaimKeyChecks
{
    /// <summary>What else the key is used for, as a sentence; null when nothing is known.</summary>
    public static string? UsedBy(NixCachePublicKey key, LogList logs, IReadOnlyList<GateInfo> gates)
    {
        foreach (var log in logs.All)
        {
            if (Ed25519PublicKey.TryParse(log.Key, out var other) && other.Equals(key.Key))
            {
                return $"it is the key of the log '{log.Name}'";
            }
        }
        return gates.Any(gate => gate.PublicKey is { } text && NixCachePublicKey.TryParse(text, out var other) && other.Key.Equals(key.Key))
            ? "it is the key of the node's gate"
            : null;
    }

    /// <summary>The same for the keys with which Nix itself signs what it builds (<c>secret-key-files</c> in <c>$NIX_CONFIG</c>).</summary>
    public static string? UsedByNix(NixCachePublicKey key, Func<string, string?> environment)
    {
        var files = BuildStore.Setting(environment("NIX_CONFIG"), "secret-key-files") ?? "";
        foreach (var file in files.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                using var other = NixCacheSecretKey.Read(file, out _);
                if (other.PublicKey.Key.Equals(key.Key))
                {
                    return $"Nix signs caches with it ({file})";
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or MalformedException)
            {
                // Not ours to read: then nothing is known of it.
            }
        }
        return null;
    }
}
