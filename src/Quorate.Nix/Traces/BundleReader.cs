using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core.Json;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;

namespace Quorate.Nix.Traces;

/// <summary>
/// Reads laut's Sigstore bundles (docs/formats/nix-traces.md). The statement names its signer by a fingerprint that must be that of the
/// verifying key, so the key is chosen by it: the bundle's hints may say anything, and no bundle costs more than one verification.
/// </summary>
static class BundleReader
{
    const int MaxLogEntries = 32;

    public static TraceRefusal? Read(ReadOnlyMemory<byte> json, TraceKeys keys, out TraceReading? reading)
    {
        reading = null;
        if (!StrictJson.TryParse(json, out var bundle, out var problem))
        {
            return Malformed(problem);
        }
        DsseEnvelope? envelope;
        using (bundle)
        {
            if (!TryEnvelope(bundle.RootElement, out envelope, out problem))
            {
                return Malformed(problem);
            }
        }
        if (!StrictJson.TryParse(envelope.Payload, out var statement, out problem))
        {
            return Malformed($"statement: {problem}");
        }
        using (statement)
        {
            if (!StatementReader.TryRead(statement.RootElement, out var content, out problem))
            {
                return Malformed($"statement: {problem}");
            }
            if (!keys.TryFind(content.Signer, out var key))
            {
                return new TraceRefusal(TraceFault.UnknownSigner, $"the key {content.Signer} was not asked for");
            }
            if (!IsSignedBy(envelope, key))
            {
                return new TraceRefusal(TraceFault.BadSignature, $"not signed by the key {content.Signer}");
            }
            reading = new TraceReading(
                key,
                TraceFormat.Bundle,
                content.Regime,
                content.Input,
                content.HasCriticalFeatures,
                content.Built,
                content.Outputs
            );
            return null;
        }
    }

    /// <summary>The envelope of a well-formed bundle: one signature, hints that agree, the right types.</summary>
    internal static bool TryEnvelope(JsonElement bundle, [NotNullWhen(true)] out DsseEnvelope? envelope, out string problem)
    {
        envelope = null;
        if (!HasOnly(bundle, "mediaType", "verificationMaterial", "dsseEnvelope"))
        {
            problem = "not an object of mediaType, verificationMaterial and dsseEnvelope";
            return false;
        }
        if (!bundle.Says("mediaType"u8, TraceStatementNames.BundleType) && !bundle.Says("mediaType"u8, TraceStatementNames.OlderBundleType))
        {
            problem = "mediaType: not a Sigstore bundle 0.3";
            return false;
        }
        if (
            !bundle.TryMember("verificationMaterial"u8, out var material)
            || !HasOnly(material, "publicKey", "tlogEntries")
            || !material.TryMember("publicKey"u8, out var publicKey)
            || !publicKey.TryText("hint"u8, out var hint)
        )
        {
            problem = "verificationMaterial: not an object of publicKey with a hint, and tlogEntries";
            return false;
        }
        if (
            material.TryMember("tlogEntries"u8, out var entries)
            && (entries.ValueKind != JsonValueKind.Array || entries.GetArrayLength() > MaxLogEntries)
        )
        {
            problem = $"tlogEntries: not an array of at most {MaxLogEntries}";
            return false;
        }
        if (
            !bundle.TryMember("dsseEnvelope"u8, out var dsse)
            || !DsseEnvelope.TryRead(dsse, TraceObject.MaxElementBytes, out envelope, out problem)
        )
        {
            problem = "dsseEnvelope: not a DSSE envelope";
            return false;
        }
        problem =
            envelope.PayloadType != TraceStatementNames.PayloadType ? $"payloadType: not {TraceStatementNames.PayloadType}"
            : envelope.Signatures.Count != 1 ? "signatures: not exactly one"
            : envelope.Signatures[0].Signature.Length != Ed25519PublicKey.SignatureSize ? "sig: not an Ed25519 signature"
            : envelope.Signatures[0].KeyId != hint ? "keyid is not the hint of the verification material"
            : "";
        return problem.Length == 0;
    }

    static bool IsSignedBy(DsseEnvelope envelope, Ed25519PublicKey key)
    {
        var head = DsseEnvelope.PreAuthenticationHead(envelope.PayloadType, envelope.Payload.Length);
        return key.VerifyPrehashed(head, envelope.Payload.Span, envelope.Signatures[0].Signature.Span);
    }

    static bool HasOnly(JsonElement value, params ReadOnlySpan<string> members)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return false;
        }
        foreach (var member in value.EnumerateObject())
        {
            var known = false;
            foreach (var name in members)
            {
                known |= member.NameEquals(name);
            }
            if (!known)
            {
                return false;
            }
        }
        return true;
    }

    static TraceRefusal Malformed(string detail) => new(TraceFault.Malformed, detail);
}
