using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Quorate.Sources.Configuration;

/// <summary>
/// Reads the subset of YAML that a configuration needs: mappings with plain keys, lists and scalars. Anchors, aliases, tags, several
/// documents and duplicate keys are refused: each of them lets a file mean something else than what it seems to say.
/// </summary>
sealed class YamlReader
{
    public const int MaxCharacters = 1 << 20;
    public const int MaxDepth = 12;
    public const int MaxNodes = 50_000;
    public const int MaxScalar = 64 << 10;

    readonly Parser _parser;
    readonly ErrorList _errors;
    int _nodes;

    YamlReader(string text, ErrorList errors)
    {
        _parser = new Parser(new StringReader(text));
        _errors = errors;
    }

    /// <summary>The document, or null when it is empty or so broken that nothing of it can be read. Errors are in <paramref name="errors"/>.</summary>
    public static YamlNode? Read(string text, ErrorList errors)
    {
        if (text.Length > MaxCharacters)
        {
            errors.Add(new Place(1, 1), "", $"the file is longer than {MaxCharacters >> 20} MiB");
            return null;
        }
        try
        {
            return new YamlReader(text, errors).Document();
        }
        catch (YamlException e)
        {
            errors.Add(PlaceOf(e.Start), "", Sentence(e.InnerException is YamlException inner ? inner.Message : e.Message));
        }
        catch (LimitException e)
        {
            errors.Add(e.Place, e.Path, e.Message);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException or ArithmeticException)
        {
            // The library's scanner answers some damaged escapes and marks with these instead of its own exception.
            errors.Add(new Place(1, 1), "", $"not a YAML document: {Sentence(e.Message)}");
        }
        return null;
    }

    YamlNode? Document()
    {
        Expect<StreamStart>();
        if (Peek() is StreamEnd)
        {
            return null;
        }
        Expect<DocumentStart>();
        var root = Node("", 0);
        Expect<DocumentEnd>();
        if (Peek() is not StreamEnd)
        {
            _errors.Add(PlaceOf(Peek().Start), "", "only one document per file; remove everything from the second '---' on");
        }
        return root;
    }

    YamlNode Node(string path, int depth)
    {
        var next = Peek();
        var place = PlaceOf(next.Start);
        if (depth > MaxDepth)
        {
            throw new LimitException(place, path, $"nested deeper than {MaxDepth} levels");
        }
        if (++_nodes > MaxNodes)
        {
            throw new LimitException(place, path, $"the file has more than {MaxNodes} values");
        }
        if (next is NodeEvent node)
        {
            if (!node.Anchor.IsEmpty)
            {
                _errors.Add(place, path, $"anchors are not allowed ('&{node.Anchor.Value}'); write the value out");
            }
            if (!node.Tag.IsEmpty)
            {
                _errors.Add(place, path, $"tags are not allowed ('{node.Tag}')");
            }
        }
        _parser.MoveNext();
        switch (next)
        {
            case Scalar scalar when scalar.Value.Length > MaxScalar:
                throw new LimitException(place, path, $"longer than {MaxScalar >> 10} KiB");
            case Scalar scalar:
                return new YamlScalar(place, path, scalar.Value, scalar.Style == ScalarStyle.Plain);
            case AnchorAlias alias:
                _errors.Add(place, path, $"aliases are not allowed ('*{alias.Value.Value}'); write the value out");
                return new YamlScalar(place, path, "", Plain: true);
            case SequenceStart:
                return List(place, path, depth);
            case MappingStart mapping:
                return Map(place, path, mapping.Style == MappingStyle.Flow, depth);
            default:
                throw new LimitException(place, path, "a value was expected here");
        }
    }

    YamlList List(Place place, string path, int depth)
    {
        var items = new List<YamlNode>();
        while (Peek() is not SequenceEnd)
        {
            items.Add(Node($"{path}[{items.Count}]", depth + 1));
        }
        _parser.MoveNext();
        return new YamlList(place, path, items);
    }

    YamlMap Map(Place place, string path, bool flow, int depth)
    {
        var entries = new List<YamlEntry>();
        var seen = new Dictionary<string, Place>(StringComparer.Ordinal);
        while (Peek() is not MappingEnd)
        {
            var keyPlace = PlaceOf(Peek().Start);
            if (Node(path, depth + 1) is not YamlScalar key)
            {
                _errors.Add(keyPlace, path, "a key must be a single word");
                Node(path, depth + 1);
                continue;
            }
            var keyPath = path.Length == 0 ? Printable(key.Text) : $"{path}.{Printable(key.Text)}";
            var value = Node(keyPath, depth + 1);
            if (seen.TryGetValue(key.Text, out var first))
            {
                _errors.Add(key.Place, keyPath, $"this key was already given at line {first.Line}");
                continue;
            }
            seen.Add(key.Text, key.Place);
            entries.Add(new YamlEntry(key with { Path = keyPath }, value));
        }
        _parser.MoveNext();
        return new YamlMap(place, path, entries, flow);
    }

    ParsingEvent Peek()
    {
        // MoveNext before the first event; comments are not reported by this parser.
        if (_parser.Current is null && !_parser.MoveNext())
        {
            throw new LimitException(new Place(1, 1), "", "the file ends too early");
        }
        return _parser.Current!;
    }

    void Expect<T>()
        where T : ParsingEvent
    {
        var next = Peek();
        if (next is not T)
        {
            throw new LimitException(PlaceOf(next.Start), "", "not a YAML document");
        }
        _parser.MoveNext();
    }

    static Place PlaceOf(Mark mark) => new((int)Math.Clamp(mark.Line, 1, int.MaxValue), (int)Math.Clamp(mark.Column, 1, int.MaxValue));

    /// <summary>Keys end up in messages: control characters and endless names must not.</summary>
    static string Printable(string key)
    {
        var shown = key.Length > 60 ? key[..60] + "…" : key;
        return string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c));
    }

    static string Sentence(string message) => string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c));

    sealed class LimitException(Place place, string path, string message) : Exception(message)
    {
        public Place Place { get; } = place;

        public string Path { get; } = path;
    }
}
