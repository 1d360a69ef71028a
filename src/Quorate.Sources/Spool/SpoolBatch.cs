using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using Quorate.Core.Encodings;

namespace Quorate.Sources.Spool;

/// <summary>One claim that waits to be logged. The deriver is kept for the publish filter.</summary>
public sealed record SpoolItem(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, string? Deriver);

/// <summary>What one hook run could not deliver.</summary>
/// <param name="Log">Name or id of the log; empty when the hook did not know it yet: the node's only log of built <c>nix</c> claims.</param>
/// <param name="Filtered">The publish filter was applied. Whoever delivers applies the current one anyway.</param>
public sealed record SpoolBatch(string Log, bool Filtered, IReadOnlyList<SpoolItem> Items)
{
    /// <summary>A batch file is one line <c>quorate-spool-v1 SHA256HEX</c> and then a JSON document with that digest.</summary>
    static ReadOnlySpan<byte> Magic => "quorate-spool-v1 "u8;

    const int HeaderLength = 17 + 64 + 1;

    /// <summary>A batch with more items than this is not one that a hook writes.</summary>
    public const int MaxItems = 10_000;

    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer))
        {
            w.WriteStartObject();
            w.WriteString("log", Log);
            w.WriteBoolean("filtered", Filtered);
            w.WriteStartArray("items");
            foreach (var item in Items)
            {
                w.WriteStartObject();
                w.WriteBase64String("key", item.Key.Span);
                w.WriteBase64String("value", item.Value.Span);
                if (item.Deriver is not null)
                {
                    w.WriteString("deriver", item.Deriver);
                }
                w.WriteEndObject();
            }
            w.WriteEndArray();
            w.WriteEndObject();
        }
        var digest = Hex.Encode(SHA256.HashData(buffer.WrittenSpan));
        return [.. Magic, .. System.Text.Encoding.ASCII.GetBytes(digest), (byte)'\n', .. buffer.WrittenSpan];
    }

    /// <summary>False with a sentence in <paramref name="error"/> for anything that <see cref="Encode"/> did not write whole.</summary>
    public static bool TryDecode(ReadOnlyMemory<byte> file, [NotNullWhen(true)] out SpoolBatch? batch, out string error)
    {
        batch = null;
        if (file.Length < HeaderLength || !file.Span.StartsWith(Magic) || file.Span[HeaderLength - 1] != (byte)'\n')
        {
            error = "it does not begin like a spool file";
            return false;
        }
        var body = file[HeaderLength..];
        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(body.Span, digest);
        if (!file.Span[Magic.Length..(HeaderLength - 1)].SequenceEqual(System.Text.Encoding.ASCII.GetBytes(Hex.Encode(digest))))
        {
            error = "its content does not match its checksum";
            return false;
        }
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 4 });
            batch = Read(document.RootElement, out error);
            return batch is not null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            error = "it is not a batch: " + e.Message;
            return false;
        }
    }

    static SpoolBatch? Read(JsonElement root, out string error)
    {
        var items = root.GetProperty("items");
        if (items.GetArrayLength() is 0 or > MaxItems)
        {
            error = "it holds no items, or more than a hook writes";
            return null;
        }
        var read = new List<SpoolItem>(items.GetArrayLength());
        foreach (var item in items.EnumerateArray())
        {
            read.Add(
                new SpoolItem(
                    item.GetProperty("key").GetBytesFromBase64(),
                    item.GetProperty("value").GetBytesFromBase64(),
                    item.TryGetProperty("deriver", out var deriver) ? deriver.GetString() : null
                )
            );
        }
        error = "";
        return new SpoolBatch(root.GetProperty("log").GetString() ?? "", root.GetProperty("filtered").GetBoolean(), read);
    }
}
