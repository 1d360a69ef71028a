using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Quorate.Core.Encodings;
using Quorate.Trust;

namespace Quorate.Node.Decisions;

/// <summary>The control API's <c>Decision</c> document.</summary>
public static class DecisionJson
{
    // The document is never embedded in HTML, and sentences with apostrophes should stay readable.
    static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Serialize(BuildInput input, Decision decision)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            Write(json, input, decision);
        }
        return buffer.WrittenSpan.ToArray();
    }

    public static void Write(Utf8JsonWriter json, BuildInput input, Decision decision)
    {
        json.WriteStartObject();
        json.WriteString("verdict"u8, VerdictText(decision.Verdict));
        json.WriteString("protocol"u8, input.Protocol.Name);
        if (PrintableKey(input.Key.Span) is { } key)
        {
            json.WriteString("key"u8, key);
        }
        else
        {
            json.WriteNull("key"u8);
        }
        json.WriteString("keyHex"u8, Hex.Encode(input.Key.Span));
        json.WriteString("engine"u8, decision.Engine);
        json.WriteNumber("confidence"u8, decision.Confidence);
        WriteAccepted(json, decision.Accepted);
        Strings(json, "supporters", decision.Supporters);
        json.WriteStartArray("testimonies"u8);
        var reference = decision.Accepted ?? Leading(decision.Testimonies);
        foreach (var testimony in decision.Testimonies)
        {
            WriteTestimony(json, testimony, decision, reference);
        }
        json.WriteEndArray();
        Strings(json, "reasons", decision.Reasons);
        json.WriteEndObject();
    }

    public static string VerdictText(Verdict verdict) =>
        verdict switch
        {
            Verdict.Accepted => "accepted",
            Verdict.Rejected => "rejected",
            _ => "inconclusive",
        };

    static void WriteAccepted(Utf8JsonWriter json, Evidence? accepted)
    {
        if (accepted is null)
        {
            json.WriteNull("accepted"u8);
            return;
        }
        json.WriteStartObject("accepted"u8);
        json.WriteString("digest"u8, accepted.Claim.Raw.Digest.ToString());
        WriteOutputs(json, accepted.Claim.Outputs);
        json.WriteBase64String("value"u8, accepted.Claim.Raw.Bytes.Span);
        json.WriteEndObject();
    }

    static void WriteOutputs(Utf8JsonWriter json, OutputMap outputs)
    {
        json.WriteStartObject("outputs"u8);
        foreach (var (name, output) in outputs.Outputs.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject(name);
            json.WriteString("hash"u8, $"sha256-{StrictBase64.Encode(output.ContentHash.AsSpan())}");
            if (output.Size is { } size)
            {
                json.WriteNumber("size"u8, size);
            }
            else
            {
                json.WriteNull("size"u8);
            }
            if (output.References is { } references)
            {
                Strings(json, "references", references);
            }
            else
            {
                json.WriteNull("references"u8);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void WriteTestimony(Utf8JsonWriter json, Testimony testimony, Decision decision, Evidence? reference)
    {
        json.WriteStartObject();
        json.WriteString("builder"u8, testimony.Builder);
        switch (testimony)
        {
            case Testimony.Given given:
                var agrees = reference is not null && Candidates.SameMeaning(given.Evidence.Claim, reference.Claim);
                json.WriteString("status"u8, agrees ? "supports"u8 : "dissents"u8);
                var counts = !agrees || decision.Accepted is null || decision.Supporters.Contains(given.Builder, StringComparer.Ordinal);
                WriteEvidence(json, given.Evidence, counts ? null : "agrees, but its vote does not count");
                break;
            case Testimony.Silent:
                json.WriteString("status"u8, "silent"u8);
                WriteEvidence(json, null, null);
                break;
            case Testimony.Unavailable unavailable:
                json.WriteString("status"u8, "unavailable"u8);
                WriteEvidence(json, null, unavailable.Reason);
                break;
            case Testimony.Malformed malformed:
                json.WriteString("status"u8, "malformed"u8);
                WriteEvidence(json, null, malformed.Reason);
                break;
        }
        json.WriteEndObject();
    }

    static void WriteEvidence(Utf8JsonWriter json, Evidence? evidence, string? reason)
    {
        json.WriteString("origin"u8, evidence is null ? null : OriginText(evidence.Claim.Origin));
        json.WriteString("logId"u8, evidence?.Position?.LogId);
        Number(json, "index", evidence?.Position?.Index);
        Number(json, "treeSize", evidence?.Position?.TreeSize);
        if (evidence is null)
        {
            json.WriteNull("firstSeen"u8);
            json.WriteNull("digest"u8);
            json.WriteNull("outputs"u8);
        }
        else
        {
            json.WriteString("firstSeen"u8, evidence.FirstSeen.UtcDateTime);
            json.WriteString("digest"u8, evidence.Claim.Raw.Digest.ToString());
            WriteOutputs(json, evidence.Claim.Outputs);
        }
        json.WriteString("reason"u8, reason);
        json.WriteStartArray("selfDivergences"u8);
        foreach (var later in evidence?.SelfDivergences ?? [])
        {
            json.WriteStartObject();
            json.WriteString("digest"u8, later.Raw.Digest.ToString());
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static string OriginText(ClaimOrigin origin) =>
        origin switch
        {
            ClaimOrigin.LoggedBuilt => "built",
            ClaimOrigin.LoggedRelayed => "relayed",
            _ => "cache",
        };

    // Without an accepted claim builders are shown for or against what most of them say.
    static Evidence? Leading(IReadOnlyList<Testimony> testimonies)
    {
        var groups = Candidates.Group(testimonies, out var candidates);
        var counts = new int[candidates];
        foreach (var group in groups)
        {
            if (group != Candidates.None)
            {
                counts[group]++;
            }
        }
        var best = Array.IndexOf(counts, counts.DefaultIfEmpty().Max());
        return best < 0 ? null : ((Testimony.Given)testimonies[Array.IndexOf(groups, best)]).Evidence;
    }

    static string? PrintableKey(ReadOnlySpan<byte> key)
    {
        if (!Utf8.IsValid(key))
        {
            return null;
        }
        var text = Encoding.UTF8.GetString(key);
        return text.Any(char.IsControl) ? null : text;
    }

    static void Number(Utf8JsonWriter json, string name, ulong? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    static void Strings(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }
}
