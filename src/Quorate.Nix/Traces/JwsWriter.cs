using System.Text.Json;
using Quorate.Crypto;
using Quorate.Crypto.Envelopes;

namespace Quorate.Nix.Traces;

/// <summary>
/// Writes laut's JWS. It has no place for dependencies, builder software, attestation or further metadata, nor for saying that nothing was
/// built: what it cannot say is left out, and what it would get wrong is refused.
/// </summary>
static class JwsWriter
{
    public static byte[] Sign(TraceStatement statement, TraceFormat format, Ed25519PrivateKey key, string keyName)
    {
        if (!statement.Built)
        {
            throw new ArgumentException("a JWS cannot say that the signer did not build", nameof(statement));
        }
        if (format == TraceFormat.Jws2 && statement.Regime != TraceRegime.ContentAddressed)
        {
            throw new ArgumentException("JWS version 2 knows content-addressed builds only", nameof(statement));
        }
        return CompactJws.Sign(Header(format, key.PublicKey, keyName), Payload(statement), key);
    }

    static byte[] Header(TraceFormat format, Ed25519PublicKey key, string keyName) =>
        TraceWriter.Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("alg"u8, "EdDSA"u8);
            writer.WriteString("crv"u8, "Ed25519"u8);
            writer.WriteString("detachHash"u8, "nix-ca-path"u8);
            writer.WriteString("kid"u8, $"{keyName}:{TraceKeys.Thumbprint(key)[..TraceKeys.HeadLength]}");
            writer.WriteString("type"u8, "laut"u8);
            writer.WriteString("v"u8, format == TraceFormat.Jws2 ? "2"u8 : "3"u8);
            writer.WriteEndObject();
        });

    static byte[] Payload(TraceStatement statement) =>
        TraceWriter.Write(writer =>
        {
            writer.WriteStartObject();
            Builder(writer, statement);
            writer.WriteStartObject("in"u8);
            if (statement.DebugPreimage is { } preimage)
            {
                writer.WritePropertyName("debug"u8);
                writer.WriteRawValue(preimage.Span);
            }
            if (statement.Regime == TraceRegime.SyntheticContentAddressed)
            {
                writer.WriteBoolean("from_ia"u8, true);
            }
            writer.WriteString("rdrv_aterm_ca"u8, statement.Input.ToString());
            writer.WriteEndObject();
            writer.WriteStartObject("out"u8);
            writer.WriteStartObject("nix"u8);
            foreach (var output in statement.Outputs.OrderBy(output => output.Name, StringComparer.Ordinal))
            {
                Output(writer, output);
            }
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });

    static void Builder(Utf8JsonWriter writer, TraceStatement statement)
    {
        writer.WriteStartObject("builder"u8);
        if (statement.Provenance.Versions.TryGetValue(TraceProvenance.FlavorComponent, out var flavor))
        {
            writer.WriteString("nix_flavor"u8, flavor);
        }
        if (statement.Provenance.Versions.TryGetValue(TraceProvenance.VersionComponent, out var version))
        {
            writer.WriteString("nix_version"u8, version);
        }
        writer.WriteNumber("rebuild_id"u8, (uint)(statement.AttemptId & uint.MaxValue));
        writer.WriteString("store_root"u8, statement.Outputs[0].Path.StoreDir);
        writer.WriteEndObject();
    }

    static void Output(Utf8JsonWriter writer, SignedOutput output)
    {
        writer.WriteStartObject(output.Name);
        writer.WriteString("hash"u8, NarHash.ToNix32(output.NarHash));
        if (output.HashAlgorithm is not null)
        {
            writer.WriteString("hashAlgo"u8, output.HashAlgorithm);
        }
        if (output.Method is not null)
        {
            writer.WriteString("method"u8, output.Method);
        }
        writer.WriteString("path"u8, output.Path.ToString());
        writer.WriteEndObject();
    }
}
