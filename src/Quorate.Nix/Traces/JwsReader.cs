using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;
using Quorate.Nix.Derivations;

namespace Quorate.Nix.Traces;

/// <summary>
/// Reads laut's JWS, versions 2 and 3. laut itself looks at nothing in the header but <c>kid</c>; here the header must state the algorithm
/// and the version that the payload is read as.
/// </summary>
static class JwsReader
{
    /// <summary>The payload is parsed only once its signature has verified.</summary>
    public static TraceRefusal? Read(ReadOnlyMemory<byte> text, TraceKeys keys, out TraceReading? reading)
    {
        reading = null;
        if (!CompactJws.TryRead(text, TraceObject.MaxElementBytes, out var jws, out var problem))
        {
            return Malformed(problem);
        }
        if (!TryHeader(jws.Header, out var format, out var keyHead, out problem))
        {
            return Malformed($"header: {problem}");
        }
        var known = false;
        foreach (var key in keys.WithHead(keyHead))
        {
            known = true;
            if (jws.Verify(key))
            {
                return Payload(jws.Payload, format, key, out reading);
            }
        }
        return known
            ? new TraceRefusal(TraceFault.BadSignature, $"not signed by the key {keyHead}")
            : new TraceRefusal(TraceFault.UnknownSigner, $"the key {keyHead} was not asked for");
    }

    static TraceRefusal? Payload(ReadOnlyMemory<byte> json, TraceFormat format, Crypto.Ed25519PublicKey signer, out TraceReading? reading)
    {
        reading = null;
        if (!StrictJson.TryParse(json, out var document, out var problem))
        {
            return Malformed($"payload: {problem}");
        }
        using (document)
        {
            if (!TryInput(document.RootElement, out var input, out var hash))
            {
                return Malformed(NoInput);
            }
            if (!TryRegime(input, format, out var regime))
            {
                return Malformed("payload: in.from_ia is not a boolean of version 3");
            }
            if (
                !document.RootElement.TryMember("out"u8, out var outputs)
                || !outputs.TryMember("nix"u8, out var nix)
                || !TryOutputs(nix, out var list, out problem)
            )
            {
                return Malformed($"payload: out.nix is not an output map{problem}");
            }
            reading = new TraceReading(signer, format, regime, hash, HasCriticalFeatures: false, Built: null, list);
            return null;
        }
    }

    internal const string NoInput = "payload: in.rdrv_aterm_ca is not a resolved input hash";

    /// <summary>The input that a payload names, with the object in which it stands.</summary>
    internal static bool TryInput(JsonElement payload, out JsonElement input, out ResolvedInputHash hash)
    {
        hash = default;
        return payload.TryMember("in"u8, out input)
            && input.TryText("rdrv_aterm_ca"u8, out var text)
            && ResolvedInputHash.TryParse(text, out hash);
    }

    static bool TryHeader(ReadOnlyMemory<byte> json, out TraceFormat format, out string keyHead, out string problem)
    {
        format = default;
        keyHead = "";
        if (!StrictJson.TryParse(json, out var document, out problem))
        {
            return false;
        }
        using (document)
        {
            var header = document.RootElement;
            // RFC 7515 §4.1.11: extensions that must be understood are listed in "crit"; none is.
            if (header.TryMember("crit"u8, out _))
            {
                problem = "has critical extensions";
            }
            else if (!header.Says("alg"u8, "EdDSA") || !header.Says("crv"u8, "Ed25519") || !header.Says("type"u8, "laut"))
            {
                problem = "not EdDSA with Ed25519 of type laut";
            }
            else if (!header.TryText("v"u8, out var version) || version is not ("2" or "3"))
            {
                problem = "neither version 2 nor 3";
            }
            else if (!header.TryText("kid"u8, out var kid) || kid.LastIndexOf(':') < 0)
            {
                problem = "kid is not name:fingerprint";
            }
            else
            {
                format = version == "2" ? TraceFormat.Jws2 : TraceFormat.Jws3;
                keyHead = kid[(kid.LastIndexOf(':') + 1)..];
            }
            return problem.Length == 0;
        }
    }

    static bool TryRegime(JsonElement input, TraceFormat format, out TraceRegime regime)
    {
        regime = TraceRegime.ContentAddressed;
        if (!input.TryMember("from_ia"u8, out var synthetic))
        {
            return true;
        }
        regime = synthetic.ValueKind == JsonValueKind.True ? TraceRegime.SyntheticContentAddressed : TraceRegime.ContentAddressed;
        return format == TraceFormat.Jws3 && synthetic.ValueKind is JsonValueKind.True or JsonValueKind.False;
    }

    static bool TryOutputs(JsonElement nix, [NotNullWhen(true)] out TraceReading.OutputText[]? outputs, out string problem)
    {
        outputs = null;
        problem = "";
        if (nix.ValueKind != JsonValueKind.Object || nix.GetPropertyCount() is 0 or > TraceReading.MaxOutputs)
        {
            return false;
        }
        var list = new TraceReading.OutputText[nix.GetPropertyCount()];
        var count = 0;
        foreach (var member in nix.EnumerateObject())
        {
            Sha256Digest? hash = null;
            if (!member.Value.TryText("path"u8, out var path))
            {
                problem = ": an output has no path";
                return false;
            }
            if (member.Value.TryMember("hash"u8, out var stated))
            {
                if (!stated.TryText(out var text) || !NarHash.TryParse(text, out var parsed))
                {
                    problem = ": an output's hash is not a SHA-256";
                    return false;
                }
                hash = parsed;
            }
            list[count++] = new TraceReading.OutputText(member.Name, path, hash);
        }
        outputs = list;
        return true;
    }

    static TraceRefusal Malformed(string detail) => new(TraceFault.Malformed, detail);
}
