using System.Text.Json;
using Quorate.Core;

namespace Quorate.Nix.Verification;

/// <summary>
/// The verified graph as a software bill of materials, CycloneDX 1.6 JSON. Every output that a step used is a component: built ones with the builders who vouch for
/// them, fixed ones as what they state. Equal graphs give equal documents but for the time.
/// </summary>
public static class CycloneDx
{
    public static void Write(Stream stream, TraceVerification result, DateTimeOffset now)
    {
        var outputs = VerifiedOutputs.Of(result).ToList();
        var byDerivation = outputs.ToLookup(output => output.Position.Derivation);
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteString("bomFormat"u8, "CycloneDX"u8);
        writer.WriteString("specVersion"u8, "1.6"u8);
        writer.WriteString("serialNumber"u8, $"urn:uuid:{SerialNumber(outputs)}");
        writer.WriteNumber("version"u8, 1);
        writer.WriteStartObject("metadata"u8);
        writer.WriteString("timestamp"u8, now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
        var target = byDerivation[result.Target].ToList();
        writer.WriteStartObject("component"u8);
        writer.WriteString("type"u8, "application"u8);
        writer.WriteString("bom-ref"u8, result.Target.ToString());
        Named(writer, result.Target.Name[..^Derivations.DerivationPaths.Extension.Length]);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteStartArray("components"u8);
        // Several derivations may give one path.
        var byPath = outputs.GroupBy(output => output.Path).ToList();
        foreach (var component in byPath)
        {
            Component(writer, component.Key, [.. component]);
        }
        writer.WriteEndArray();
        writer.WriteStartArray("dependencies"u8);
        Dependencies(writer, result.Target.ToString(), target.Select(output => output.Path));
        foreach (var component in byPath)
        {
            Dependencies(
                writer,
                component.Key.ToString(),
                component
                    .SelectMany(output => output.Position.Inputs)
                    .SelectMany(input => byDerivation[input])
                    .Select(used => used.Path)
                    .Where(path => path != component.Key)
            );
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    static void Component(Utf8JsonWriter writer, StorePath path, IReadOnlyList<VerifiedOutput> outputs)
    {
        writer.WriteStartObject();
        writer.WriteString("type"u8, outputs.All(output => output.Position.IsFixed) ? "file"u8 : "library"u8);
        writer.WriteString("bom-ref"u8, path.ToString());
        Named(writer, path.Name);
        if (outputs.Select(output => output.NarHash).OfType<Sha256Digest>().Distinct().ToList() is [var hash])
        {
            writer.WriteStartArray("hashes"u8);
            writer.WriteStartObject();
            writer.WriteString("alg"u8, "SHA-256"u8);
            writer.WriteString("content"u8, hash.ToString());
            writer.WriteEndObject();
            writer.WriteEndArray();
        }
        writer.WriteStartArray("properties"u8);
        Property(writer, "nix:store-path", path.ToString());
        foreach (var output in outputs)
        {
            Property(writer, "nix:derivation", output.Position.Derivation.ToString());
            Property(writer, "nix:output", output.Output);
            if (output.Position.Resolved is { } resolved)
            {
                Property(writer, "nix:resolved-input-hash", resolved.ToString());
            }
        }
        foreach (var signer in outputs.SelectMany(output => output.Position.Signers).Distinct(StringComparer.Ordinal))
        {
            Property(writer, "quorate:builder", signer);
        }
        if (outputs.Any(output => output.Position.RestsOnLegacy))
        {
            Property(writer, "quorate:rests-on", "legacy-signature");
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    static void Named(Utf8JsonWriter writer, string full)
    {
        var (name, version) = VerifiedOutputs.Split(full);
        writer.WriteString("name"u8, name);
        if (version is not null)
        {
            writer.WriteString("version"u8, version);
        }
    }

    static void Property(Utf8JsonWriter writer, string name, string value)
    {
        writer.WriteStartObject();
        writer.WriteString("name"u8, name);
        writer.WriteString("value"u8, value);
        writer.WriteEndObject();
    }

    static void Dependencies(Utf8JsonWriter writer, string of, IEnumerable<StorePath> on)
    {
        writer.WriteStartObject();
        writer.WriteString("ref"u8, of);
        writer.WriteStartArray("dependsOn"u8);
        foreach (var path in on.Distinct().Order())
        {
            writer.WriteStringValue(path.ToString());
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>RFC 9562 §5.8: a UUID of our own making, from a hash of what the document lists.</summary>
    static Guid SerialNumber(IEnumerable<VerifiedOutput> outputs)
    {
        var text = string.Join('\n', outputs.Select(output => $"{output.Path} {output.Position.Resolved}"));
        Span<byte> bytes = stackalloc byte[16];
        Sha256Digest.HashData(System.Text.Encoding.ASCII.GetBytes(text)).AsSpan()[..16].CopyTo(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
