using System.Text;
using System.Text.Json.Nodes;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;

namespace Quorate.Tests.Nix.Traces;

/// <summary>Signs statements and payloads as they are given, well-formed or not: what a confused or malicious builder could publish.</summary>
static class SignedText
{
    const string PayloadType = "application/vnd.in-toto+json";

    public static JsonObject Parse(ReadOnlyMemory<byte> json) => JsonNode.Parse(json.Span)!.AsObject();

    /// <summary>The statement inside a bundle.</summary>
    public static JsonObject StatementOf(ReadOnlyMemory<byte> bundle) =>
        Parse(Convert.FromBase64String(Parse(bundle)["dsseEnvelope"]!["payload"]!.GetValue<string>()));

    public static byte[] Bundle(string statement, Ed25519PrivateKey key, string payloadType = PayloadType, bool pure = false)
    {
        var payload = Encoding.UTF8.GetBytes(statement);
        var message = DsseEnvelope.PreAuthenticationEncoding(payloadType, payload);
        var signature = pure ? key.Sign(message) : key.SignPrehashed(message, default);
        return Bundle(Convert.ToBase64String(payload), Convert.ToBase64String(signature), KeyFingerprints.Ssh(key.PublicKey), payloadType);
    }

    public static byte[] Bundle(string payload, string signature, string hint, string payloadType = PayloadType) =>
        Encoding.UTF8.GetBytes(
            new JsonObject
            {
                ["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json",
                ["verificationMaterial"] = new JsonObject { ["publicKey"] = new JsonObject { ["hint"] = hint } },
                ["dsseEnvelope"] = new JsonObject
                {
                    ["payloadType"] = payloadType,
                    ["payload"] = payload,
                    ["signatures"] = new JsonArray(new JsonObject { ["keyid"] = hint, ["sig"] = signature }),
                },
            }.ToJsonString()
        );

    public static byte[] Jws(string header, string payload, Ed25519PrivateKey key) =>
        CompactJws.Sign(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(payload), key);
}
