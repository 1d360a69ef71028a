using System.Buffers;
using Quorate.Core;
using Quorate.Nix.Traces;

namespace Quorate.Node.Traces;

/// <summary>The claims about one input as one of laut's objects, and the strong validator of its bytes.</summary>
sealed class TraceDocument
{
    TraceDocument(IReadOnlyList<TraceElement> elements, byte[] bytes) =>
        (Elements, Bytes, ETag) = (elements, bytes, $"\"{Sha256Digest.HashData(bytes)}\"");

    public IReadOnlyList<TraceElement> Elements { get; }

    public ReadOnlyMemory<byte> Bytes { get; }

    public string ETag { get; }

    /// <summary>Null when there is none in this layout.</summary>
    /// <param name="elements">Of any form; those of the layout are taken, in their order, each once.</param>
    public static TraceDocument? Of(TraceLayout layout, IEnumerable<TraceElement> elements)
    {
        var seen = new HashSet<Sha256Digest>();
        TraceElement[] own =
        [
            .. elements.Where(e => e.IsJws == (layout == TraceLayout.JwsSet) && seen.Add(Sha256Digest.HashData(e.Raw.Span))),
        ];
        return own.Length == 0 ? null : new TraceDocument(own, layout == TraceLayout.JwsSet ? JwsSet(own) : Lines(own));
    }

    // Whoever has one read them knows that no character of a JWS needs an escape.
    static byte[] JwsSet(TraceElement[] elements)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        bytes.Write("{\"signatures\":["u8);
        for (var i = 0; i < elements.Length; i++)
        {
            bytes.Write(i == 0 ? "\""u8 : ",\""u8);
            bytes.Write(elements[i].Raw.Span);
            bytes.Write("\""u8);
        }
        bytes.Write("]}"u8);
        return bytes.WrittenSpan.ToArray();
    }

    static byte[] Lines(TraceElement[] elements)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        foreach (var element in elements)
        {
            bytes.Write(element.Raw.Span);
            bytes.Write("\n"u8);
        }
        return bytes.WrittenSpan.ToArray();
    }
}
