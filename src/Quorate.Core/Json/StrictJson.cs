using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Quorate.Core.Json;

/// <summary>
/// JSON (RFC 8259) that every reader understands the same way: one value of valid UTF-8, no comments, no trailing commas, no byte order mark,
/// no object with two members of one name at any depth, and no text that is half a surrogate pair. Signed documents are read with this.
/// </summary>
public static class StrictJson
{
    /// <summary>Deepest nesting that is accepted.</summary>
    public const int MaxDepth = 64;

    static readonly JsonDocumentOptions s_options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>The document keeps the memory; dispose of it before the bytes change.</summary>
    /// <param name="problem">One sentence for people; empty on success.</param>
    public static bool TryParse(ReadOnlyMemory<byte> utf8, [NotNullWhen(true)] out JsonDocument? document, out string problem)
    {
        document = null;
        // System.Text.Json looks at a string's bytes only when somebody asks for the string.
        if (!Utf8.IsValid(utf8.Span))
        {
            problem = "not valid UTF-8";
            return false;
        }
        try
        {
            document = JsonDocument.Parse(utf8, s_options);
            if (MayHoldSurrogates(utf8.Span))
            {
                ReadAllTexts(document.RootElement);
            }
            problem = "";
            return true;
        }
        // The second is how an escape that is half a surrogate pair shows.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            document?.Dispose();
            document = null;
            problem = $"not strict JSON: {e.Message}";
            return false;
        }
    }

    /// <summary>False unless the value is a string.</summary>
    public static bool TryText(this JsonElement value, [NotNullWhen(true)] out string? text)
    {
        text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return text is not null;
    }

    /// <summary>False unless the value is an object with such a member, and that is a string.</summary>
    public static bool TryText(this JsonElement value, ReadOnlySpan<byte> member, [NotNullWhen(true)] out string? text)
    {
        text = null;
        return TryMember(value, member, out var found) && TryText(found, out text);
    }

    /// <summary>False unless the value is an object with such a member.</summary>
    public static bool TryMember(this JsonElement value, ReadOnlySpan<byte> member, out JsonElement found)
    {
        found = default;
        return value.ValueKind == JsonValueKind.Object && value.TryGetProperty(member, out found);
    }

    /// <summary>Whether the value is an object with such a member, and that is exactly this string.</summary>
    public static bool Says(this JsonElement value, ReadOnlySpan<byte> member, string text) =>
        TryMember(value, member, out var found) && found.ValueKind == JsonValueKind.String && found.ValueEquals(text);

    /// <summary>
    /// The UTF-8 bytes of a string; no copy is made unless a character is escaped. For long texts such as base64, which never are in practice.
    /// </summary>
    public static bool TryUtf8(this JsonElement value, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (value.ValueKind != JsonValueKind.String)
        {
            return false;
        }
        var raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        text = raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(value.GetString()!) : raw;
        return true;
    }

    /// <summary>Whether there is an escape from D800 to DFFF, or something that looks like one.</summary>
    static bool MayHoldSurrogates(ReadOnlySpan<byte> utf8)
    {
        for (var at = utf8.IndexOf("\\u"u8); at >= 0; at = utf8.IndexOf("\\u"u8))
        {
            utf8 = utf8[(at + 2)..];
            if (utf8.Length > 0 && utf8[0] is (byte)'d' or (byte)'D')
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Decodes every name and string once, which throws on half a surrogate pair.</summary>
    static void ReadAllTexts(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    ReadAllTexts(item);
                }
                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    _ = member.Name;
                    ReadAllTexts(member.Value);
                }
                break;
            default:
                break;
        }
    }
}
