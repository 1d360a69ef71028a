using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;
using Quorate.Trust;

namespace Quorate.Nix.Verification;

/// <summary>
/// What a verifier found, signed so that others who believe this verifier need not redo it: SLSA's verification summary (VSA 1.0) as in-toto statement in a DSSE
/// envelope with one Ed25519 signature.
/// </summary>
/// <param name="VerifierId">A URI that names the verifier.</param>
/// <param name="PolicyUri">Where the trust model is from.</param>
/// <param name="PolicyDigest">SHA-256 of its bytes.</param>
public sealed record VerificationSummary(string VerifierId, string PolicyUri, Sha256Digest PolicyDigest)
{
    public const string PayloadType = "application/vnd.in-toto+json";
    public const string PredicateType = "https://slsa.dev/verification_summary/v1";

    static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The envelope as JSON.</summary>
    /// <exception cref="ArgumentException">Nothing was found, so that there is nothing to sign.</exception>
    public byte[] Sign(TraceVerification result, Ed25519PrivateKey key, DateTimeOffset now)
    {
        if (result.Verdict == Verdict.Inconclusive)
        {
            throw new ArgumentException("an inconclusive verification has no summary", nameof(result));
        }
        var payload = Write(writer => Statement(writer, result, now));
        var signature = key.Sign(DsseEnvelope.PreAuthenticationEncoding(PayloadType, payload));
        return Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteBase64String("payload"u8, payload);
            writer.WriteString("payloadType"u8, PayloadType);
            writer.WriteStartArray("signatures"u8);
            writer.WriteStartObject();
            writer.WriteString("keyid"u8, KeyFingerprints.Ssh(key.PublicKey));
            writer.WriteBase64String("sig"u8, signature);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    void Statement(Utf8JsonWriter writer, TraceVerification result, DateTimeOffset now)
    {
        writer.WriteStartObject();
        writer.WriteString("_type"u8, "https://in-toto.io/Statement/v1"u8);
        writer.WriteString("predicateType"u8, PredicateType);
        writer.WriteStartArray("subject"u8);
        // An output that failed only because other bytes are at its path is not what failed.
        var target =
            result.Verdict == Verdict.Accepted
                ? VerifiedOutputs.Of(result).Where(output => output.Position.Derivation == result.Target).ToList()
                : [];
        foreach (var output in target)
        {
            writer.WriteStartObject();
            writer.WriteString("name"u8, output.Output);
            writer.WriteStartObject("digest"u8);
            writer.WriteString("nix-ca-store-path"u8, output.Path.ToString());
            if (output.NarHash is { } hash)
            {
                writer.WriteString("nix-nar-sha256"u8, hash.ToString());
            }
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        if (target.Count == 0)
        {
            // Nothing was verified; the summary is about the derivation.
            writer.WriteStartObject();
            writer.WriteString("name"u8, result.Target.BaseName);
            writer.WriteStartObject("digest"u8);
            writer.WriteString("nix-ca-store-path"u8, result.Target.ToString());
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartObject("predicate"u8);
        writer.WriteStartObject("verifier"u8);
        writer.WriteString("id"u8, VerifierId);
        writer.WriteEndObject();
        writer.WriteString("timeVerified"u8, now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
        writer.WriteString("resourceUri"u8, $"nix-derivation:{result.Target}");
        writer.WriteStartObject("policy"u8);
        writer.WriteString("uri"u8, PolicyUri);
        writer.WriteStartObject("digest"u8);
        writer.WriteString("sha256"u8, PolicyDigest.ToString());
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteString("verificationResult"u8, result.Verdict == Verdict.Accepted ? "PASSED"u8 : "FAILED"u8);
        writer.WriteStartArray("verifiedLevels"u8);
        if (result.Verdict == Verdict.Accepted)
        {
            // A level of its own, so that who asks for the other does not get a cache's word instead.
            var legacy = result.Legacy.Count > 0 ? "_LEGACY" : "";
            writer.WriteStringValue($"QUORATE_NIX_{VerificationJson.Word(result.Mode).ToUpperInvariant()}{legacy}");
        }
        writer.WriteEndArray();
        writer.WriteString("slsaVersion"u8, "1.0"u8);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var writer = new Utf8JsonWriter(buffer, s_options))
        {
            write(writer);
        }
        return buffer.WrittenSpan.ToArray();
    }
}
