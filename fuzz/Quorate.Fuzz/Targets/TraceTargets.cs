using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Json;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Fuzz.Targets;

sealed class StrictJsonTarget : IFuzzTarget
{
    public string Name => "strict-json";

    public IEnumerable<byte[]> Seeds =>
        ["""{"a":[1,-2.5e3,null,true],"b":{"\u0061":"\ud83d\ude00\/"}}"""u8.ToArray(), """[{"x":1,"x":2}]"""u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (StrictJson.TryParse(input.ToArray(), out var document, out _))
        {
            using (document)
            {
                var printed = Encoding.UTF8.GetBytes(document.RootElement.ToString());
                FuzzException.ThrowUnless(
                    document.RootElement.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)
                        || StrictJson.TryParse(printed, out _, out _),
                    "accepted JSON does not read back"
                );
            }
        }
    }
}

sealed class CompactJwsTarget : IFuzzTarget
{
    public string Name => "compact-jws";

    public IEnumerable<byte[]> Seeds => [CompactJws.Sign("{}"u8, "payload"u8, TraceTargets.Key)];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (CompactJws.TryRead(input.ToArray(), 1 << 16, out var jws, out _) && jws.Verify(TraceTargets.Key.PublicKey))
        {
            FuzzException.ThrowUnless(
                CompactJws.Sign(jws.Header.Span, jws.Payload.Span, TraceTargets.Key).AsSpan().SequenceEqual(input),
                "a verified JWS is not the one that its key makes"
            );
        }
    }
}

sealed class DsseEnvelopeTarget : IFuzzTarget
{
    public string Name => "dsse-envelope";

    public IEnumerable<byte[]> Seeds => ["""{"payloadType":"t","payload":"aGk","signatures":[{"keyid":"k","sig":"-_8="}]}"""u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (StrictJson.TryParse(input.ToArray(), out var document, out _))
        {
            using (document)
            {
                DsseEnvelope.TryRead(document.RootElement, 1 << 16, out _, out _);
            }
        }
    }
}

/// <summary>Objects of both layouts and single elements; what is admitted must be what the key signed.</summary>
sealed class TraceObjectTarget : IFuzzTarget
{
    public string Name => "nix-trace";

    public IEnumerable<byte[]> Seeds =>
        [
            .. Enum.GetValues<TraceFormat>().Select(TraceTargets.Sign),
            [.. TraceTargets.Sign(TraceFormat.Bundle), (byte)'\n', .. TraceTargets.Sign(TraceFormat.Bundle)],
            Encoding.ASCII.GetBytes($"{{\"signatures\":[\"{Encoding.ASCII.GetString(TraceTargets.Sign(TraceFormat.Jws2))}\",7]}}"),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        Admit(TraceObject.OfElements([bytes]));
        if (TraceObject.TryRead(bytes, out var traces, out _))
        {
            Admit(traces);
        }
    }

    static void Admit(TraceObject traces)
    {
        var findings = new TraceFindings();
        new TraceAdmission(new TraceKeys([TraceTargets.Key.PublicKey])).Admit(traces, TraceTargets.Question, findings);
        foreach (var claim in findings.Claims)
        {
            FuzzException.ThrowUnless(
                claim.Outputs.Count == 1 && claim.Outputs[0].Path == TraceTargets.Output.Path,
                "a claim was admitted that nobody signed"
            );
            foreach (var evidence in claim.Evidence)
            {
                TraceProvenance.Read(evidence);
            }
        }
    }
}

/// <summary>Files of traces by themselves: what is admitted must have been filed under its input.</summary>
sealed class LooseTracesTarget : IFuzzTarget
{
    public string Name => "nix-trace-loose";

    public IEnumerable<byte[]> Seeds =>
        [
            TraceTargets.Sign(TraceFormat.Bundle),
            [.. TraceTargets.Sign(TraceFormat.Bundle), (byte)'\n', .. TraceTargets.Sign(TraceFormat.Bundle)],
            Encoding.ASCII.GetBytes($"{{\"signatures\":[\"{Encoding.ASCII.GetString(TraceTargets.Sign(TraceFormat.Jws3))}\"]}}"),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (!LooseTraces.TryRead(input.ToArray(), out var traces, out _))
        {
            return;
        }
        var admission = new TraceAdmission(new TraceKeys([TraceTargets.Key.PublicKey]));
        foreach (var element in traces.Elements)
        {
            var findings = new TraceFindings();
            admission.Admit(element, TraceTargets.Question, findings);
            var refusal = LooseTraces.TryFile(element, out var named);
            FuzzException.ThrowUnless(refusal is null == named.HasValue, "a trace is neither filed nor left out");
            FuzzException.ThrowUnless(
                findings.Claims.Count == 0 || named == TraceTargets.Question.Input,
                "a good claim would not be found"
            );
        }
    }
}

/// <summary>Statements and JWS payloads that are signed as they are: what a hostile but trusted signer could send.</summary>
sealed class SignedTraceTarget : IFuzzTarget
{
    public string Name => "nix-trace-signed";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            yield return Jws(TraceTargets.Sign(TraceFormat.Jws3)).Payload.ToArray();
            using var bundle = JsonDocument.Parse(TraceTargets.Sign(TraceFormat.Bundle));
            yield return bundle.RootElement.GetProperty("dsseEnvelope").GetProperty("payload").GetBytesFromBase64();
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        var header = Jws(TraceTargets.Sign(TraceFormat.Jws3)).Header;
        var signature = TraceTargets.Key.SignPrehashed(
            DsseEnvelope.PreAuthenticationEncoding("application/vnd.in-toto+json", input),
            default
        );
        var bundle = $$"""
            {
              "dsseEnvelope": {
                "payload": "{{StrictBase64.Encode(input)}}",
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{ "keyid": "", "sig": "{{StrictBase64.Encode(signature)}}" }]
              },
              "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
              "verificationMaterial": { "publicKey": { "hint": "" } }
            }
            """;
        foreach (var element in (byte[][])[CompactJws.Sign(header.Span, input, TraceTargets.Key), Encoding.ASCII.GetBytes(bundle)])
        {
            var findings = new TraceFindings();
            var admission = new TraceAdmission(new TraceKeys([TraceTargets.Key.PublicKey]));
            admission.Admit(TraceElement.Of(element), TraceTargets.Question, findings);
            FuzzException.ThrowUnless(findings.Claims.Count + findings.Refused == 1, "an element is neither admitted nor refused");
            FuzzException.ThrowUnless(findings.Count(TraceFault.BadSignature) == 0, "a good signature was refused");
            foreach (var claim in findings.Claims)
            {
                TraceProvenance.Read(claim.Evidence[0]);
            }
        }
    }

    static CompactJws Jws(byte[] text) =>
        CompactJws.TryRead(text, 1 << 16, out var jws, out var problem) ? jws : throw new FuzzException(problem);
}

static class TraceTargets
{
    public static Ed25519PrivateKey Key { get; } = Ed25519PrivateKey.FromSeed(new byte[32]);

    public static SignedOutput Output { get; } =
        new("out", StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a"), Sha256Digest.Zero, "sha256", "nar");

    public static TraceQuestion Question { get; } =
        new(
            ResolvedInputHash.Parse("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r"),
            TraceRegime.ContentAddressed,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["out"] = "a" }
        );

    public static byte[] Sign(TraceFormat format) =>
        TraceWriter.Sign(
            new TraceStatement(
                Question.Input,
                Question.Regime,
                [Output],
                Built: true,
                AttemptId: 1,
                TraceProvenance.None with
                {
                    Metadata =
                    [
                        new TraceResource(
                            "m",
                            "https://example.com",
                            new Dictionary<string, string>(StringComparer.Ordinal) { ["sha256"] = "00" }
                        ),
                    ],
                }
            ),
            format,
            Key,
            "k"
        );
}
