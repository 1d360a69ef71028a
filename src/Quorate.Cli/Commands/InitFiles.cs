using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;

namespace Quorate.Cli.Commands;

/// <summary>Public halves and identities of what <c>quorate init</c> made, as configurations write them.</summary>
/// <param name="ClaimKey">Null without build traces, as <paramref name="TraceLogId"/> is.</param>
sealed record InitKeys(string PublicKey, string LogId, string? TraceLogId, string? ClaimKey);

/// <summary>The key files of a first configuration.</summary>
sealed class InitFiles(string folder, string builder, bool withTraces)
{
    public string Key { get; } = Path.Combine(folder, builder + ".key");

    public string TraceKey { get; } = Path.Combine(folder, builder + "-traces.key");

    /// <summary>Signs claims. The hook has it, not the node.</summary>
    public string ClaimKey { get; } = Path.Combine(folder, builder + "-claims.secret");

    public string ClaimPublicKey { get; } = Path.Combine(folder, builder + "-claims.public");

    /// <summary>What the node must be able to read.</summary>
    public IEnumerable<string> Signers => withTraces ? [Key, TraceKey] : [Key];

    public IEnumerable<string> All => withTraces ? [Key, TraceKey, ClaimKey, ClaimPublicKey] : [Key];

    /// <exception cref="IOException">One of them exists.</exception>
    public InitKeys MakeKeys()
    {
        var key = MakeSigner(Key);
        var logId = LogId.Compute(Protocol.Nix, key).Text;
        if (!withTraces)
        {
            return new InitKeys(key.ToString(), logId, TraceLogId: null, ClaimKey: null);
        }
        var traceKey = MakeSigner(TraceKey);
        using var claimKey = NixCacheSecretKey.Generate(builder + "-claims-1");
        claimKey.Write(ClaimKey);
        DurableFile.Create(ClaimPublicKey, Encoding.ASCII.GetBytes(claimKey.PublicKey.ToString()));
        return new InitKeys(key.ToString(), logId, LogId.Compute(Protocol.NixTrace, traceKey).Text, claimKey.PublicKey.ToString());
    }

    static Ed25519PublicKey MakeSigner(string file)
    {
        using var key = Ed25519PrivateKey.Generate();
        KeyFiles.WritePrivate(file, key);
        return key.PublicKey;
    }
}
