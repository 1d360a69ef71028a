using System.Text.Json;
using Quorate.Crypto;

namespace Quorate.Nix.Traces;

/// <summary>Writes the in-toto statement of a bundle. Every object's members are in ascending order.</summary>
static class StatementWriter
{
    public static byte[] Payload(TraceStatement statement, Ed25519PublicKey signer) =>
        TraceWriter.Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("_type"u8, TraceStatementNames.StatementType);
            writer.WriteStartObject("predicate"u8);
            Definition(writer, statement);
            Run(writer, statement, signer);
            writer.WriteEndObject();
            writer.WriteString("predicateType"u8, TraceStatementNames.PredicateType);
            Subjects(writer, statement);
            writer.WriteEndObject();
        });

    static void Definition(Utf8JsonWriter writer, TraceStatement statement)
    {
        writer.WriteStartObject("buildDefinition"u8);
        writer.WriteString(
            "buildType"u8,
            statement.Regime == TraceRegime.ContentAddressed
                ? TraceStatementNames.ContentAddressedBuild
                : TraceStatementNames.SyntheticBuild
        );
        writer.WriteStartObject("externalParameters"u8);
        writer.WriteStartArray("criticalFeatures"u8);
        writer.WriteEndArray();
        writer.WriteStartObject("resolvedInput"u8);
        writer.WriteStartObject("digest"u8);
        writer.WriteString(TraceStatementNames.InputScheme, statement.Input.ToString());
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
        Resources(writer, "resolvedDependencies", statement.Provenance.Dependencies);
        writer.WriteEndObject();
    }

    static void Run(Utf8JsonWriter writer, TraceStatement statement, Ed25519PublicKey signer)
    {
        var provenance = statement.Provenance;
        writer.WriteStartObject("runDetails"u8);
        writer.WriteStartObject("builder"u8);
        if (provenance.Software is { } software)
        {
            Resources(writer, "builderDependencies", [software with { Name = TraceStatementNames.SoftwareName }]);
        }
        writer.WriteString("id"u8, TraceStatementNames.BuilderPrefix + TraceKeys.Thumbprint(signer));
        if (provenance.Versions.Count > 0)
        {
            Texts(writer, "version", provenance.Versions);
        }
        writer.WriteEndObject();
        Byproducts(writer, statement);
        writer.WriteStartObject("metadata"u8);
        writer.WriteString("invocationId"u8, statement.AttemptId.ToString("x32"));
        // The build type says that the build was executed; only the opposite has to be said.
        if (!statement.Built)
        {
            writer.WriteBoolean(TraceStatementNames.BuiltField, false);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    static void Byproducts(Utf8JsonWriter writer, TraceStatement statement)
    {
        var provenance = statement.Provenance;
        if (statement.DebugPreimage is null && provenance.Attestation is null && provenance.Metadata.Count == 0)
        {
            return;
        }
        writer.WriteStartArray("byproducts"u8);
        if (statement.DebugPreimage is { } preimage)
        {
            Byproduct(writer, TraceStatementNames.DebugByproduct, "application/json", preimage.Span);
        }
        if (provenance.Attestation is { } attestation)
        {
            Byproduct(writer, TraceStatementNames.AttestationByproduct, attestation.MediaType, attestation.Content.Span);
        }
        foreach (var metadata in provenance.Metadata)
        {
            Resource(writer, metadata with { Name = TraceStatementNames.MetadataByproduct });
        }
        writer.WriteEndArray();
    }

    static void Subjects(Utf8JsonWriter writer, TraceStatement statement)
    {
        writer.WriteStartArray("subject"u8);
        foreach (var output in statement.Outputs.OrderBy(output => output.Name, StringComparer.Ordinal))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("annotations"u8);
            writer.WriteStartObject(TraceStatementNames.OutputAnnotation);
            Optional(writer, "hashAlgo", output.HashAlgorithm);
            Optional(writer, "method", output.Method);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteStartObject("digest"u8);
            writer.WriteString(TraceStatementNames.PathScheme, output.Path.ToString());
            writer.WriteString(TraceStatementNames.NarScheme, output.NarHash.ToString());
            if (output.CastoreEntry is { } entry)
            {
                writer.WriteBase64String(TraceStatementNames.CastoreScheme, entry.Span);
            }
            writer.WriteEndObject();
            writer.WriteString("name"u8, output.Name);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    static void Resources(Utf8JsonWriter writer, string member, IReadOnlyList<TraceResource> resources)
    {
        if (resources.Count == 0)
        {
            return;
        }
        writer.WriteStartArray(member);
        foreach (var resource in resources)
        {
            Resource(writer, resource);
        }
        writer.WriteEndArray();
    }

    static void Resource(Utf8JsonWriter writer, TraceResource resource)
    {
        writer.WriteStartObject();
        if (resource.Digests.Count > 0)
        {
            Texts(writer, "digest", resource.Digests);
        }
        Optional(writer, "name", resource.Name);
        Optional(writer, "uri", resource.Uri);
        writer.WriteEndObject();
    }

    static void Byproduct(Utf8JsonWriter writer, string name, string? mediaType, ReadOnlySpan<byte> content)
    {
        writer.WriteStartObject();
        writer.WriteBase64String("content"u8, content);
        Optional(writer, "mediaType", mediaType);
        writer.WriteString("name"u8, name);
        writer.WriteEndObject();
    }

    static void Texts(Utf8JsonWriter writer, string member, IReadOnlyDictionary<string, string> texts)
    {
        writer.WriteStartObject(member);
        foreach (var (name, text) in texts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.WriteString(name, text);
        }
        writer.WriteEndObject();
    }

    static void Optional(Utf8JsonWriter writer, string member, string? text)
    {
        if (text is not null)
        {
            writer.WriteString(member, text);
        }
    }
}
