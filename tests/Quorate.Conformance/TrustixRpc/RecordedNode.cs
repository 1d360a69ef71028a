using System.Text.Json;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Testing;
using Quorate.Testing.Logs;
using Xunit;

namespace Quorate.Conformance.TrustixRpc;

/// <summary>The node that the vectors were recorded from: its keys, configuration and, in time, its log.</summary>
sealed class RecordedNode
{
    RecordedNode(JsonElement manifest)
    {
        Manifest = manifest;
        var key = Convert.FromBase64String(manifest.GetProperty("log").GetProperty("priv_b64").GetString()!);
        Key = Ed25519PrivateKey.FromSeed(key.AsSpan(0, Ed25519PrivateKey.SeedSize));
        var token = manifest.GetProperty("token_pub").GetString()!.Split(':', 2);
        Assert.True(Ed25519PublicKey.TryParse(token[1], out var tokenKey));
        Settings = new NodeSection
        {
            State = "/nonexistent",
            Control = "unix:///nonexistent/control.socket",
            Tokens = [new TokenSection(token[0], tokenKey, [])],
        };
    }

    public JsonElement Manifest { get; }

    public Ed25519PrivateKey Key { get; }

    public NodeSection Settings { get; }

    public string LogId => Manifest.GetProperty("log").GetProperty("id").GetString()!;

    public static RecordedNode Load()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Vectors.Find("trustix/patched/manifest.json")));
        return new RecordedNode(document.RootElement.Clone());
    }

    /// <summary>A fresh, empty log under the recorded key, which drops later values as Trustix does.</summary>
    public Task<TemporaryLog> CreateLogAsync() => TemporaryLog.OpenAsync(Protocol.Nix, Key, DivergencePolicy.Drop);

    public static LogRegistry Publish(TemporaryLog log)
    {
        var registry = new LogRegistry();
        registry.Replace([log.Entry("lab", new Dictionary<string, string> { ["upstream"] = "http://127.0.0.1:8999" })], []);
        return registry;
    }
}
