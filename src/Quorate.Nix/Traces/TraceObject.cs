using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Quorate.Nix.Traces;

/// <summary>The two layouts in which trace caches keep what was signed about one resolved derivation.</summary>
public enum TraceLayout
{
    /// <summary><c>traces/&lt;rih&gt;</c>: one JSON object whose member <c>signatures</c> lists JWS.</summary>
    JwsSet,

    /// <summary><c>traces/aterm/&lt;rih&gt;</c>: JSON lines, one bundle a line.</summary>
    BundleLines,

    /// <summary>Elements that were found one by one, in a log.</summary>
    Elements,
}

/// <summary>One element of a trace object: a JWS, or a bundle.</summary>
/// <param name="IsJws">Otherwise it is read as a bundle.</param>
public readonly record struct TraceElement(ReadOnlyMemory<byte> Raw, bool IsJws)
{
    /// <summary>A bundle is a JSON object; whatever does not begin like one is read as JWS.</summary>
    public static TraceElement Of(ReadOnlyMemory<byte> raw) => new(raw, !raw.Span.StartsWith("{"u8));
}

/// <summary>
/// What one place keeps under one resolved input hash, split into elements. Nothing is verified yet: that is <see cref="TraceAdmission"/>'s
/// work. Immutable; keeps the memory that it was read from.
/// </summary>
public sealed class TraceObject
{
    /// <summary>Longest object that is looked at, as in laut.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>Longest element, and longest payload of one.</summary>
    public const int MaxElementBytes = 4 << 20;

    static ReadOnlySpan<byte> BlankBytes => " \t\r"u8;

    readonly ReadOnlyMemory<byte> _bytes;

    // Where the list of a set of JWS ends, before its bracket.
    readonly int _end;

    TraceObject(TraceLayout layout, IReadOnlyList<TraceElement> elements, ReadOnlyMemory<byte> bytes = default, int end = 0)
    {
        Layout = layout;
        Elements = elements;
        _bytes = bytes;
        _end = end;
    }

    public TraceLayout Layout { get; }

    public IReadOnlyList<TraceElement> Elements { get; }

    /// <summary>Values of log entries, each one element.</summary>
    public static TraceObject OfElements(IEnumerable<ReadOnlyMemory<byte>> values) =>
        new(TraceLayout.Elements, [.. values.Select(TraceElement.Of)]);

    /// <summary>The object that has nothing but this element.</summary>
    public static byte[] Create(TraceElement element) =>
        element.IsJws ? [.. "{\"signatures\":[\""u8, .. element.Raw.Span, .. "\"]}"u8] : [.. element.Raw.Span, (byte)'\n'];

    /// <summary>Whether it has exactly these bytes as an element.</summary>
    public bool Contains(TraceElement element)
    {
        foreach (var known in Elements)
        {
            if (known.Raw.Span.SequenceEqual(element.Raw.Span))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The object's bytes with one element more at the end. All others stay as they were, whoever wrote them.</summary>
    /// <exception cref="ArgumentException">The element belongs to the other layout.</exception>
    public byte[] Append(TraceElement element)
    {
        if (Layout != (element.IsJws ? TraceLayout.JwsSet : TraceLayout.BundleLines))
        {
            throw new ArgumentException("a set of JWS and lines of bundles are never mixed", nameof(element));
        }
        var bytes = _bytes.Span;
        return element.IsJws
            ? [.. bytes[.._end], .. Elements.Count > 0 ? ",\""u8 : "\""u8, .. element.Raw.Span, (byte)'"', .. bytes[_end..]]
            : [.. bytes, .. bytes.EndsWith("\n"u8) ? default : "\n"u8, .. element.Raw.Span, (byte)'\n'];
    }

    /// <summary>
    /// Tells the layouts apart by their content (specification §9.1). False when the bytes are neither; a single broken element is no reason.
    /// </summary>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out TraceObject? traces, out string problem)
    {
        traces = null;
        if (bytes.Length > MaxBytes)
        {
            problem = $"a trace object of {bytes.Length} bytes is over the limit of {MaxBytes}";
            return false;
        }
        var start = bytes.Span.IndexOfAnyExcept(" \t\r\n"u8);
        if (start < 0 || bytes.Span[start] != (byte)'{')
        {
            problem = start < 0 ? "empty" : "neither a set of JWS nor lines of bundles";
            return false;
        }
        if (TryJwsSet(bytes, out var elements, out var end, out problem))
        {
            traces = new TraceObject(TraceLayout.JwsSet, elements, bytes, end);
        }
        else if (problem.Length == 0)
        {
            traces = new TraceObject(TraceLayout.BundleLines, Lines(bytes), bytes);
        }
        return traces is not null;
    }

    /// <summary>
    /// False with a problem when it is a set of JWS that cannot be read, and false without one when it is none. A set is one JSON object with
    /// an array <c>signatures</c>; other members are ignored.
    /// </summary>
    static bool TryJwsSet(ReadOnlyMemory<byte> bytes, out List<TraceElement> elements, out int end, out string problem)
    {
        elements = [];
        end = 0;
        problem = "";
        var isSet = false;
        var reader = new Utf8JsonReader(bytes.Span, new JsonReaderOptions { MaxDepth = Core.Json.StrictJson.MaxDepth });
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isSignatures = reader.ValueTextEquals("signatures"u8);
                reader.Read();
                if (!isSignatures || reader.TokenType != JsonTokenType.StartArray)
                {
                    reader.Skip();
                    continue;
                }
                if (isSet)
                {
                    problem = "two members are called signatures";
                    return false;
                }
                isSet = true;
                ReadSignatures(ref reader, bytes, elements);
                end = (int)reader.TokenStartIndex;
            }
            // Whatever follows the object is an error of its own.
            isSet = isSet && !reader.Read();
        }
        catch (JsonException e)
        {
            // Lines of bundles are no single JSON value, so this alone says nothing.
            problem = isSet ? $"a set of JWS that is not JSON: {e.Message}" : "";
            return false;
        }
        return isSet;
    }

    static void ReadSignatures(ref Utf8JsonReader reader, ReadOnlyMemory<byte> bytes, List<TraceElement> elements)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            if (reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped)
            {
                elements.Add(new TraceElement(bytes.Slice(start + 1, reader.ValueSpan.Length), IsJws: true));
                continue;
            }
            // Not a JWS: kept as it stands, to be counted as malformed. No character of a JWS needs an escape.
            reader.Skip();
            elements.Add(new TraceElement(bytes[start..(int)reader.BytesConsumed], IsJws: true));
        }
    }

    static List<TraceElement> Lines(ReadOnlyMemory<byte> bytes)
    {
        var lines = new List<TraceElement>();
        while (!bytes.IsEmpty)
        {
            var end = bytes.Span.IndexOf((byte)'\n');
            var line = end < 0 ? bytes : bytes[..end];
            bytes = end < 0 ? default : bytes[(end + 1)..];
            var trimmed = line.Trim(BlankBytes);
            if (!trimmed.IsEmpty)
            {
                lines.Add(new TraceElement(trimmed, IsJws: false));
            }
        }
        return lines;
    }
}
