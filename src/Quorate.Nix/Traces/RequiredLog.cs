using System.Security.Cryptography;
using System.Text.Json;
using Quorate.Core.Json;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Crypto.Keys;
using Quorate.Nix.Transparency;

namespace Quorate.Nix.Traces;

/// <summary>
/// Demands of each claim that its bundle proves, without a network, that a trusted transparency log has it (Rekor v2, docs/formats/transparency.md). Thread-safe.
/// </summary>
public sealed class RequiredLog(TrustedRoot root)
{
    /// <summary>Null when one entry of the bundle proves it. The element's own signature has been verified, by that signer.</summary>
    internal TraceRefusal? Check(TraceElement element, Ed25519PublicKey signer)
    {
        if (element.IsJws)
        {
            return new TraceRefusal(TraceFault.NotLogged, "a JWS carries no proof that a log has it");
        }
        // What was read once reads again.
        if (!StrictJson.TryParse(element.Raw, out var bundle, out var problem))
        {
            return new TraceRefusal(TraceFault.Malformed, problem);
        }
        using (bundle)
        {
            if (!BundleReader.TryEnvelope(bundle.RootElement, out var envelope, out problem))
            {
                return new TraceRefusal(TraceFault.Malformed, problem);
            }
            if (
                !bundle.RootElement.GetProperty("verificationMaterial"u8).TryMember("tlogEntries"u8, out var entries)
                || entries.GetArrayLength() == 0
            )
            {
                return new TraceRefusal(TraceFault.NotLogged, "the bundle has no proof that a log has it");
            }
            using var expected = Expected(envelope, signer);
            problem = "";
            foreach (var entry in entries.EnumerateArray())
            {
                if (LogEntry.Problem(entry, expected.RootElement, root) is not { } found)
                {
                    return null;
                }
                problem = problem.Length == 0 ? found : problem;
            }
            return new TraceRefusal(TraceFault.BadLogProof, problem);
        }
    }

    /// <summary>What a log entry about this signature must say: this key signed the hash of these bytes, as Ed25519ph.</summary>
    static JsonDocument Expected(DsseEnvelope envelope, Ed25519PublicKey signer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        hash.AppendData(DsseEnvelope.PreAuthenticationHead(envelope.PayloadType, envelope.Payload.Length));
        hash.AppendData(envelope.Payload.Span);
        var digest = hash.GetHashAndReset();
        return JsonDocument.Parse(
            TraceWriter.Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("kind"u8, "hashedrekord"u8);
                writer.WriteString("apiVersion"u8, "0.0.2"u8);
                writer.WriteStartObject("spec"u8);
                writer.WriteStartObject("hashedRekordV002"u8);
                writer.WriteStartObject("data"u8);
                writer.WriteString("algorithm"u8, "SHA2_512"u8);
                writer.WriteBase64String("digest"u8, digest);
                writer.WriteEndObject();
                writer.WriteStartObject("signature"u8);
                writer.WriteBase64String("content"u8, envelope.Signatures[0].Signature.Span);
                writer.WriteStartObject("verifier"u8);
                writer.WriteString("keyDetails"u8, "PKIX_ED25519_PH"u8);
                writer.WriteStartObject("publicKey"u8);
                writer.WriteBase64String("rawBytes"u8, PublicKeyInfo.Of(signer));
                writer.WriteEndObject();
                writer.WriteEndObject();
                writer.WriteEndObject();
                writer.WriteEndObject();
                writer.WriteEndObject();
                writer.WriteEndObject();
            })
        );
    }
}
