using System.Globalization;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Encodings;

namespace Quorate.Log.Portable;

/// <summary>A head as <c>/logs/&lt;id&gt;/head</c> and <c>quorate log head --json</c> give it.</summary>
public static class HeadJson
{
    /// <summary>Longest document that is read.</summary>
    public const int MaxBytes = 4096;

    const int SignatureSize = 64;

    public static byte[] Write(LogHead head)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("logRoot", head.LogRoot.ToString());
            writer.WriteString("mapRoot", head.MapRoot.ToString());
            writer.WriteString("mhRoot", head.MhRoot.ToString());
            writer.WriteNumber("treeSize", head.TreeSize);
            writer.WriteNumber("mhTreeSize", head.MhTreeSize);
            writer.WriteString("signature", StrictBase64.Encode(head.Signature.Span));
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }

    /// <summary>Null unless all six members are there, once each, in their canonical form. The signature is not checked.</summary>
    public static LogHead? TryRead(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes)
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 2, AllowDuplicateProperties = false });
            var root = document.RootElement;
            return
                root.ValueKind == JsonValueKind.Object
                && TryDigest(root, "logRoot", out var log)
                && TryDigest(root, "mapRoot", out var map)
                && TryDigest(root, "mhRoot", out var history)
                && TryNumber(root, "treeSize", out var size)
                && TryNumber(root, "mhTreeSize", out var heads)
                && root.TryGetProperty("signature", out var text)
                && text.ValueKind == JsonValueKind.String
                && StrictBase64.TryDecode(text.GetString(), SignatureSize, out var signature)
                && signature.Length == SignatureSize
                ? new LogHead(log, size, map, history, heads, signature)
                : null;
        }
        // The second is how strings that are no Unicode show.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    static bool TryDigest(JsonElement root, string name, out Sha256Digest digest)
    {
        digest = default;
        return root.TryGetProperty(name, out var text)
            && text.ValueKind == JsonValueKind.String
            && Sha256Digest.TryParseHex(text.GetString()!, out digest);
    }

    static bool TryNumber(JsonElement root, string name, out ulong number)
    {
        number = 0;
        return root.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.Number
            && value.TryGetUInt64(out number)
            && value.GetRawText() == number.ToString(CultureInfo.InvariantCulture);
    }
}
