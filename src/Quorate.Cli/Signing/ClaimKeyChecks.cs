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
    /// <summary>Reads a claim key, and says so where others may read it too.</summary>
    public static async Task<NixCacheSecretKey> ReadAsync(CliHost host, string file)
    {
        var key = NixCacheSecretKey.Read(file, out var readableByOthers);
        if (readableByOthers)
        {
            await host.Error.WriteLineAsync($"quorate: others may read {file}; run: chmod 600 {file}");
        }
        return key;
    }

    /// <summary>Refuses a key that is used for anything else, and a log that is none of claims about build steps.</summary>
    /// <exception cref="CliException"/>
    public static async Task RefuseOthersAsync(
        CliHost host,
        NixCachePublicKey key,
        ControlClient? client,
        string? log,
        CancellationToken cancellationToken
    )
    {
        var use = UsedByNix(key, host.Variable);
        if (client is not null)
        {
            var logs = (await client.LogsAsync(cancellationToken)).Value;
            var gates = (await client.StatusAsync(cancellationToken)).Value.Gates;
            use ??= UsedBy(key, logs, gates);
            var target =
                logs.Published.FirstOrDefault(l => l.Name == log || l.LogId == log)
                ?? throw new CliException($"the node publishes no log '{log}'");
            if (target.Protocol != "nix-trace")
            {
                throw new CliException(
                    $"log '{target.Name}' is one of protocol {target.Protocol}; claims about build steps go to one of nix-trace"
                );
            }
        }
        if (use is not null)
        {
            throw new CliException(
                $"the key '{key.Name}' must not sign claims: {use}. Make one with `nix-store --generate-binary-cache-key`."
            );
        }
    }

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
