using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Quorate.Sources.Spool;

/// <summary>One claim that waits to be logged. The deriver is kept for the publish filter.</summary>
/// <param name="Derivation">
/// The resolved derivation that a build trace is about, in ATerm, to be kept beside the claim: without it nobody who has not built it knows what the
/// claim's key stands for. Null for other claims.
/// </param>
public sealed record SpoolItem(
    ReadOnlyMemory<byte> Key,
    ReadOnlyMemory<byte> Value,
    string? Deriver,
    ReadOnlyMemory<byte>? Derivation = null
);

/// <summary>What one hook run could not deliver. The publish filter as the hook knew it was applied; whoever delivers applies the current one.</summary>
/// <param name="Log">Name or id of the log; empty when the hook did not know it yet: the node's only log of built <c>nix</c> claims.</param>
public sealed record SpoolBatch(string Log, IReadOnlyList<SpoolItem> Items)
{
    /// <summary>A batch with more items than this is not one that a hook writes.</summary>
    public const int MaxItems = 10_000;

    public byte[] Encode() =>
        SpoolFile.Encode(w =>
        {
            w.WriteString("log", Log);
            w.WriteStartArray("items");
            foreach (var item in Items)
            {
                w.WriteStartObject();
                w.WriteBase64String("key", item.Key.Span);
                w.WriteBase64String("value", item.Value.Span);
                w.WriteString("deriver", item.Deriver);
                if (item.Derivation is { } derivation)
                {
                    w.WriteBase64String("derivation", derivation.Span);
                }
                w.WriteEndObject();
            }
            w.WriteEndArray();
        });

    /// <summary>False with a sentence in <paramref name="error"/> for anything that <see cref="Encode"/> does not write exactly so.</summary>
    public static bool TryDecode(ReadOnlyMemory<byte> file, [NotNullWhen(true)] out SpoolBatch? batch, out string error) =>
        SpoolFile.TryDecode(file, Read, b => b.Encode(), out batch, out error);

    static SpoolBatch Read(JsonElement root)
    {
        var items = root.GetProperty("items");
        if (items.GetArrayLength() is 0 or > MaxItems)
        {
            throw new FormatException("it holds no items, or more than a hook writes");
        }
        var read = new List<SpoolItem>(items.GetArrayLength());
        foreach (var item in items.EnumerateArray())
        {
            read.Add(
                new SpoolItem(
                    item.GetProperty("key").GetBytesFromBase64(),
                    item.GetProperty("value").GetBytesFromBase64(),
                    item.GetProperty("deriver").GetString(),
                    item.TryGetProperty("derivation", out var derivation) ? (ReadOnlyMemory<byte>?)derivation.GetBytesFromBase64() : null
                )
            );
        }
        return new SpoolBatch(root.GetProperty("log").GetString() ?? "", read);
    }
}
