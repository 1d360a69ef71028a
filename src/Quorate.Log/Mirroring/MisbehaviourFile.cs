using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Files;
using Quorate.Log.Storage;

namespace Quorate.Log.Mirroring;

/// <summary>A mirror's record of misbehaviour: <c>misbehaviour.json</c>, digests and signatures in lowercase hexadecimal.</summary>
static class MisbehaviourFile
{
    const int MaxBytes = 1 << 20;
    const int MaxProof = 256;

    internal static Misbehaviour? Read(string folder)
    {
        var path = PathIn(folder);
        if (!File.Exists(path))
        {
            return null;
        }
        if (new FileInfo(path).Length > MaxBytes)
        {
            throw new LogDamagedException($"{path} is too long to be a record of misbehaviour");
        }
        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (Exception e)
            when (e is JsonException or FormatException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new LogDamagedException($"{path}: {e.Message}");
        }
    }

    internal static void Write(string folder, Misbehaviour record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("kind", record.Kind.ToString());
            json.WriteString("found", record.Found.ToString("O", CultureInfo.InvariantCulture));
            json.WriteString("detail", record.Detail);
            WriteHead(json, "earlier", record.Earlier);
            WriteHead(json, "later", record.Later);
            json.WriteString("actual", record.Actual.ToString());
            json.WriteStartArray("proof");
            foreach (var node in record.Proof)
            {
                json.WriteStringValue(node.ToString());
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        DurableFile.Replace(PathIn(folder), buffer.WrittenSpan, DurableFile.Private);
    }

    static string PathIn(string folder) => Path.Combine(folder, "misbehaviour.json");

    static void WriteHead(Utf8JsonWriter json, string name, LogHead? head)
    {
        if (head is null)
        {
            return;
        }
        json.WriteStartObject(name);
        json.WriteString("logRoot", head.LogRoot.ToString());
        json.WriteNumber("treeSize", head.TreeSize);
        json.WriteString("mapRoot", head.MapRoot.ToString());
        json.WriteString("mhRoot", head.MhRoot.ToString());
        json.WriteNumber("mhTreeSize", head.MhTreeSize);
        json.WriteString("signature", Hex.Encode(head.Signature.Span));
        json.WriteEndObject();
    }

    static Misbehaviour Parse(byte[] bytes)
    {
        using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 4 });
        var root = document.RootElement;
        if (
            root.GetProperty("proof").GetArrayLength() > MaxProof
            || !Enum.TryParse<MisbehaviourKind>(root.GetProperty("kind").GetString(), out var kind)
        )
        {
            throw new MalformedException("unknown kind or oversized proof");
        }
        return new Misbehaviour(
            kind,
            root.TryGetProperty("earlier", out var earlier) ? ParseHead(earlier) : null,
            ParseHead(root.GetProperty("later")),
            Digest(root.GetProperty("actual")),
            [.. root.GetProperty("proof").EnumerateArray().Select(Digest)],
            root.GetProperty("found").GetDateTimeOffset()
        );
    }

    static LogHead ParseHead(JsonElement head) =>
        new(
            Digest(head.GetProperty("logRoot")),
            head.GetProperty("treeSize").GetUInt64(),
            Digest(head.GetProperty("mapRoot")),
            Digest(head.GetProperty("mhRoot")),
            head.GetProperty("mhTreeSize").GetUInt64(),
            Convert.FromHexString(head.GetProperty("signature").GetString()!)
        );

    static Sha256Digest Digest(JsonElement text) =>
        Sha256Digest.TryParseHex(text.GetString(), out var digest) ? digest : throw new MalformedException("not a digest");
}
