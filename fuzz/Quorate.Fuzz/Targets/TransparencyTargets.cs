using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quorate.Core.Encodings;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Nix.Traces;
using Quorate.Nix.Transparency;

namespace Quorate.Fuzz.Targets;

sealed class TrustedRootTarget : IFuzzTarget
{
    public string Name => "trusted-root";

    public IEnumerable<byte[]> Seeds => [TransparencyTargets.Root];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (TrustedRoot.TryParse(input.ToArray(), out var root, out var problem))
        {
            FuzzException.ThrowUnless(root.Logs.Count > 0 && problem.Length == 0, "a root without logs was accepted");
        }
    }
}

/// <summary>Entries of a transparency log in a good bundle: what is taken must prove the one body that the log signed.</summary>
sealed class LogEntryTarget : IFuzzTarget
{
    public string Name => "log-entry";

    public IEnumerable<byte[]> Seeds => [TransparencyTargets.Entry];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bundle = Encoding.ASCII.GetString(TransparencyTargets.Bundle);
        var at = bundle.IndexOf("{\"publicKey\"", StringComparison.Ordinal) + 1;
        byte[] element =
        [
            .. TransparencyTargets.Bundle.AsSpan(..at),
            .. "\"tlogEntries\":["u8,
            .. input,
            .. "],"u8,
            .. TransparencyTargets.Bundle.AsSpan(at..),
        ];
        var findings = new TraceFindings();
        var required = new RequiredLog(TrustedRoot.Parse(TransparencyTargets.Root));
        new TraceAdmission(new TraceKeys([TraceTargets.Key.PublicKey]), required).Admit(
            TraceElement.Of(element),
            TraceTargets.Question,
            findings
        );
        FuzzException.ThrowUnless(findings.Claims.Count + findings.Refused == 1, "an element is neither admitted nor refused");
        if (findings.Claims.Count == 1)
        {
            using var entries = JsonDocument.Parse($"[{Encoding.UTF8.GetString(input)}]");
            var proves = entries
                .RootElement.EnumerateArray()
                .Any(entry =>
                    DsseBase64.TryDecode(Encoding.UTF8.GetBytes(entry.GetProperty("canonicalizedBody").GetString()!), 1 << 16, out var body)
                    && body.AsSpan().SequenceEqual(TransparencyTargets.Body)
                );
            FuzzException.ThrowUnless(proves, "a body was taken that the log does not have");
        }
    }
}

/// <summary>A log of two entries, the second of which is the bundle.</summary>
static class TransparencyTargets
{
    const string Origin = "log.example.org";

    static readonly Ed25519PrivateKey s_key = Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)9, 32).ToArray());
    static readonly string s_keyId = StrictBase64.Encode(
        SHA256.HashData([.. Encoding.ASCII.GetBytes(Origin), (byte)'\n', 1, .. s_key.PublicKey.AsSpan()])
    );

    public static byte[] Bundle { get; } = TraceTargets.Sign(TraceFormat.Bundle);

    public static byte[] Root { get; } =
        Encoding.ASCII.GetBytes(
            $$"""
            {"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{
              "baseUrl":"https://{{Origin}}","hashAlgorithm":"SHA2_256",
              "publicKey":{"rawBytes":"{{StrictBase64.Encode(PublicKeyInfo.Of(s_key.PublicKey))}}","keyDetails":"PKIX_ED25519"},
              "logId":{"keyId":"{{s_keyId}}"} }]}
            """
        );

    public static byte[] Body { get; } = MakeBody();

    public static byte[] Entry { get; } = MakeEntry();

    static byte[] MakeBody()
    {
        using var bundle = JsonDocument.Parse(Bundle);
        var dsse = bundle.RootElement.GetProperty("dsseEnvelope");
        var payload = dsse.GetProperty("payload").GetBytesFromBase64();
        var digest = SHA512.HashData(DsseEnvelope.PreAuthenticationEncoding(dsse.GetProperty("payloadType").GetString()!, payload));
        var signature = dsse.GetProperty("signatures")[0].GetProperty("sig").GetString();
        return Encoding.ASCII.GetBytes(
            $$$$"""
            {"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_512","digest":"{{{{StrictBase64.Encode(
                digest
            )}}}}"},
              "signature":{"content":"{{{{signature}}}}","verifier":{"keyDetails":"PKIX_ED25519_PH",
                "publicKey":{"rawBytes":"{{{{StrictBase64.Encode(PublicKeyInfo.Of(TraceTargets.Key.PublicKey))}}}}"} } } } } }
            """
        );
    }

    static byte[] MakeEntry()
    {
        var tree = new MerkleTree();
        tree.Append(TreeHash.Leaf("other"u8));
        tree.Append(TreeHash.Leaf(Body));
        var text = Encoding.ASCII.GetBytes($"{Origin}\n2\n{StrictBase64.Encode(tree.Root(2).AsSpan())}\n");
        var note = SignedNote.Create(text, [new NoteSigner(Origin, s_key).Sign(text)]).ToString();
        return Encoding.UTF8.GetBytes(
            $$"""
            {"logIndex":"1","logId":{"keyId":"{{s_keyId}}"},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},
              "inclusionProof":{"hashes":["{{StrictBase64.Encode(tree.InclusionProof(1, 2)[0].AsSpan())}}"],
                "checkpoint":{"envelope":"{{JsonEncodedText.Encode(note)}}"} },
              "canonicalizedBody":"{{StrictBase64.Encode(Body)}}"}
            """
        );
    }
}
