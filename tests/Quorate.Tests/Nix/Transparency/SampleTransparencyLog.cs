using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Nix.Traces;
using Quorate.Nix.Transparency;

namespace Quorate.Tests.Nix.Transparency;

/// <summary>A transparency log as Rekor v2 is one, with what a bundle of one of its entries carries. Its other leaves are noise.</summary>
sealed class SampleTransparencyLog : IDisposable
{
    public const string Origin = "log.example.org/rekor";

    readonly Ed25519PrivateKey _ed25519 = Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)3, 32).ToArray());
    readonly ECDsa? _p256;

    public SampleTransparencyLog(bool isP256 = false) => _p256 = isP256 ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : null;

    public byte[] KeyInfo => _p256?.ExportSubjectPublicKeyInfo() ?? PublicKeyInfo.Of(_ed25519.PublicKey);

    public byte[] KeyId =>
        SHA256.HashData(_p256 is null ? [.. Encoding.ASCII.GetBytes(Origin), (byte)'\n', 1, .. _ed25519.PublicKey.AsSpan()] : KeyInfo);

    public RequiredLog Required => new(TrustedRoot.Parse(Encoding.ASCII.GetBytes(Root.ToJsonString())));

    public JsonObject Root =>
        new()
        {
            ["mediaType"] = "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            ["tlogs"] = new JsonArray(
                new JsonObject
                {
                    ["baseUrl"] = $"https://{Origin}/",
                    ["hashAlgorithm"] = "SHA2_256",
                    ["publicKey"] = new JsonObject
                    {
                        ["rawBytes"] = Convert.ToBase64String(KeyInfo),
                        ["keyDetails"] = _p256 is null ? "PKIX_ED25519" : "PKIX_ECDSA_P256_SHA_256",
                        ["validFor"] = new JsonObject { ["start"] = "2025-01-01T00:00:00Z" },
                    },
                    ["logId"] = new JsonObject { ["keyId"] = Convert.ToBase64String(KeyId) },
                }
            ),
        };

    public void Dispose()
    {
        _ed25519.Dispose();
        _p256?.Dispose();
    }

    /// <summary>What the log keeps of a bundle's signature.</summary>
    public static string Body(JsonObject bundle, Ed25519PublicKey signer)
    {
        var dsse = bundle["dsseEnvelope"]!;
        var payload = Convert.FromBase64String((string)dsse["payload"]!);
        var digest = SHA512.HashData(DsseEnvelope.PreAuthenticationEncoding((string)dsse["payloadType"]!, payload));
        return """
            {"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_512","digest":"DIGEST"},"signature":{"content":"SIGNATURE","verifier":{"keyDetails":"PKIX_ED25519_PH","publicKey":{"rawBytes":"KEY"}}}}}}
            """.Replace("DIGEST", Convert.ToBase64String(digest), StringComparison.Ordinal).Replace(
            "SIGNATURE",
            (string)dsse["signatures"]![0]!["sig"]!,
            StringComparison.Ordinal
        ).Replace("KEY", Convert.ToBase64String(PublicKeyInfo.Of(signer)), StringComparison.Ordinal);
    }

    /// <summary>The entry with this body at an index of the log when it had a size.</summary>
    /// <param name="extensions">Further lines of the checkpoint.</param>
    /// <param name="others">Signatures by others below it.</param>
    public JsonObject Entry(
        string body,
        ulong index = 2,
        ulong size = 7,
        string extensions = "",
        params IReadOnlyList<NoteSignature> others
    )
    {
        var tree = new MerkleTree();
        for (var i = 0UL; i < size; i++)
        {
            tree.Append(TreeHash.Leaf(i == index ? Encoding.UTF8.GetBytes(body) : [(byte)i, (byte)(i >> 8)]));
        }
        var text = Encoding.UTF8.GetBytes($"{Origin}\n{size}\n{Convert.ToBase64String(tree.Root(size).AsSpan())}\n{extensions}");
        return new JsonObject
        {
            ["logIndex"] = $"{index}",
            ["logId"] = new JsonObject { ["keyId"] = Convert.ToBase64String(KeyId) },
            ["kindVersion"] = new JsonObject { ["kind"] = "hashedrekord", ["version"] = "0.0.2" },
            ["inclusionProof"] = new JsonObject
            {
                ["hashes"] = new JsonArray([
                    .. tree.InclusionProof(index, size).Select(hash => (JsonNode)Convert.ToBase64String(hash.AsSpan())),
                ]),
                ["checkpoint"] = new JsonObject
                {
                    ["envelope"] = Encoding.UTF8.GetString(SignedNote.Create(text, [.. others, Sign(text)]).Bytes.Span),
                },
            },
            ["canonicalizedBody"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(body)),
        };
    }

    NoteSignature Sign(byte[] text) =>
        new(
            Origin,
            BinaryPrimitives.ReadUInt32BigEndian(KeyId),
            _p256?.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence) ?? _ed25519.Sign(text)
        );
}
