using System.Globalization;
using System.Text.Json;
using Quorate.Core.Json;
using Quorate.Crypto.Envelopes;

namespace Quorate.Nix.Traces;

/// <summary>Reads <see cref="TraceProvenance"/> out of a claim's signed bytes, which some reader has accepted before.</summary>
static class ProvenanceReader
{
    public static TraceProvenance Read(TraceEvidence evidence)
    {
        if (Payload(evidence) is not { } payload || !StrictJson.TryParse(payload, out var document, out _))
        {
            return TraceProvenance.None;
        }
        using (document)
        {
            return evidence.Format == TraceFormat.Bundle ? OfStatement(document.RootElement) : OfJws(document.RootElement);
        }
    }

    static ReadOnlyMemory<byte>? Payload(TraceEvidence evidence)
    {
        if (evidence.Format != TraceFormat.Bundle)
        {
            return CompactJws.TryRead(evidence.Raw, TraceObject.MaxElementBytes, out var jws, out _) ? jws.Payload : null;
        }
        if (!StrictJson.TryParse(evidence.Raw, out var document, out _))
        {
            return null;
        }
        using (document)
        {
            return BundleReader.TryEnvelope(document.RootElement, out var envelope, out _) ? envelope.Payload : null;
        }
    }

    static TraceProvenance OfJws(JsonElement payload)
    {
        if (!payload.TryMember("builder"u8, out var builder))
        {
            return TraceProvenance.None;
        }
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (builder.TryText("nix_flavor"u8, out var flavor))
        {
            versions[TraceProvenance.FlavorComponent] = flavor;
        }
        if (builder.TryText("nix_version"u8, out var version))
        {
            versions[TraceProvenance.VersionComponent] = version;
        }
        var attempt =
            builder.TryMember("rebuild_id"u8, out var id) && id.ValueKind == JsonValueKind.Number && id.TryGetUInt32(out var number)
                ? number.ToString(CultureInfo.InvariantCulture)
                : null;
        return TraceProvenance.None with { AttemptId = attempt, Versions = versions };
    }

    static TraceProvenance OfStatement(JsonElement statement)
    {
        if (
            !statement.TryMember("predicate"u8, out var predicate)
            || !predicate.TryMember("buildDefinition"u8, out var definition)
            || !predicate.TryMember("runDetails"u8, out var run)
            || !run.TryMember("builder"u8, out var builder)
            || !run.TryMember("metadata"u8, out var metadata)
        )
        {
            return TraceProvenance.None;
        }
        return new TraceProvenance(
            metadata.TryText("invocationId"u8, out var attempt) ? attempt : null,
            builder.TryMember("version"u8, out var versions) ? Texts(versions) : TraceProvenance.None.Versions,
            Resources(definition, "resolvedDependencies"u8),
            Resources(builder, "builderDependencies"u8).FirstOrDefault(resource => resource.Name == TraceStatementNames.SoftwareName),
            Byproduct(run, TraceStatementNames.AttestationByproduct),
            [
                .. Resources(run, "byproducts"u8)
                    .Where(resource => resource.Name == TraceStatementNames.MetadataByproduct && resource.Digests.Count > 0),
            ]
        );
    }

    static List<TraceResource> Resources(JsonElement parent, ReadOnlySpan<byte> member)
    {
        var resources = new List<TraceResource>();
        if (!parent.TryMember(member, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return resources;
        }
        foreach (var item in list.EnumerateArray().Take(TraceProvenance.MaxResources))
        {
            if (item.ValueKind == JsonValueKind.Object)
            {
                resources.Add(
                    new TraceResource(
                        item.TryText("name"u8, out var name) ? name : null,
                        item.TryText("uri"u8, out var uri) ? uri : null,
                        item.TryMember("digest"u8, out var digest) ? Texts(digest) : TraceProvenance.None.Versions
                    )
                );
            }
        }
        return resources;
    }

    static TraceByproduct? Byproduct(JsonElement run, string name)
    {
        if (!run.TryMember("byproducts"u8, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }
        foreach (var item in list.EnumerateArray())
        {
            if (
                item.Says("name"u8, name)
                && item.TryMember("content"u8, out var text)
                && text.TryUtf8(out var base64)
                && DsseBase64.TryDecode(base64, TraceObject.MaxElementBytes, out var content)
            )
            {
                return new TraceByproduct(name, item.TryText("mediaType"u8, out var type) ? type : null, content);
            }
        }
        return null;
    }

    static SortedDictionary<string, string> Texts(JsonElement value)
    {
        var texts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in value.EnumerateObject())
            {
                if (member.Value.TryText(out var text))
                {
                    texts[member.Name] = text;
                }
            }
        }
        return texts;
    }
}
