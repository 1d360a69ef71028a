using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quorate.Core.Encodings;

namespace Quorate.Sources.Spool;

/// <summary>
/// What every spool file is (docs/formats/hook-spool.md): one line <c>quorate-spool-v2 SHA256HEX</c> and then a JSON document with that digest.
/// Nothing is synced to the disk, so that a busy disk cannot hold up a build: the digest tells what a power cut left half written.
/// </summary>
static class SpoolFile
{
    static ReadOnlySpan<byte> Magic => "quorate-spool-v2 "u8;

    const int HeaderLength = 17 + 64 + 1;

    public static byte[] Encode(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer))
        {
            w.WriteStartObject();
            members(w);
            w.WriteEndObject();
        }
        var digest = Hex.Encode(SHA256.HashData(buffer.WrittenSpan));
        return [.. Magic, .. Encoding.ASCII.GetBytes(digest), (byte)'\n', .. buffer.WrittenSpan];
    }

    /// <summary>
    /// False with a sentence in <paramref name="error"/> for anything that <paramref name="encode"/> would not write exactly so: members in
    /// another order, unknown ones, other spellings of the same text.
    /// </summary>
    /// <param name="read">May throw what the accessors of <see cref="JsonElement"/> throw, and <see cref="FormatException"/>.</param>
    public static bool TryDecode<T>(
        ReadOnlyMemory<byte> file,
        Func<JsonElement, T> read,
        Func<T, byte[]> encode,
        [NotNullWhen(true)] out T? record,
        out string error
    )
        where T : class
    {
        record = null;
        if (file.Length < HeaderLength || !file.Span.StartsWith(Magic) || file.Span[HeaderLength - 1] != (byte)'\n')
        {
            error = "it does not begin like a spool file";
            return false;
        }
        var body = file[HeaderLength..];
        if (!file.Span[Magic.Length..(HeaderLength - 1)].SequenceEqual(Encoding.ASCII.GetBytes(Hex.Encode(SHA256.HashData(body.Span)))))
        {
            error = "its content does not match its checksum";
            return false;
        }
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 4 });
            record = read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            error = "it is not understood: " + e.Message;
            return false;
        }
        if (!encode(record).AsSpan().SequenceEqual(file.Span))
        {
            record = null;
            error = "it is not written as this program writes it";
            return false;
        }
        error = "";
        return true;
    }
}
