namespace Quorate.Sources.Configuration;

delegate bool TryParse<T>(string text, out T value);

/// <summary>
/// One mapping of the file while it is bound. Every key that is asked for becomes a known key; <see cref="Finish"/> reports the others.
/// All reading members add an error and return null (or the fallback) when the value is missing or wrong, so that binding goes on.
/// </summary>
sealed class Section(YamlMap map, ErrorList errors)
{
    readonly List<string> _known = [];

    public YamlMap Map => map;

    public ErrorList Errors => errors;

    /// <summary>Null, with an error, when the node is no mapping.</summary>
    public static Section? From(YamlNode node, ErrorList errors)
    {
        if (node is YamlMap map)
        {
            return new Section(map, errors);
        }
        errors.Add(node, $"expected a mapping (key: value), not {node.Kind}");
        return null;
    }

    public bool Has(string key)
    {
        Know(key);
        return map.Entries.Any(e => e.Key.Text == key);
    }

    /// <summary>The value under a key; null when the key is absent, and with an error when nothing stands after it.</summary>
    public YamlNode? Find(string key)
    {
        Know(key);
        var value = map.Entries.FirstOrDefault(e => e.Key.Text == key)?.Value;
        if (value is YamlScalar { IsNull: true })
        {
            errors.Add(value, "has no value; give one or remove the key");
            return null;
        }
        return value;
    }

    public YamlNode? Require(string key)
    {
        if (!Has(key))
        {
            errors.Add(map, $"'{key}' is missing");
            return null;
        }
        return Find(key);
    }

    public Section? Child(string key) => Find(key) is { } node ? From(node, errors) : null;

    public YamlScalar? Scalar(string key) => Find(key) is { } node ? AsScalar(node) : null;

    public YamlScalar? RequireScalar(string key) => Require(key) is { } node ? AsScalar(node) : null;

    public YamlScalar? AsScalar(YamlNode node)
    {
        if (node is YamlScalar { IsNull: false } scalar)
        {
            return scalar;
        }
        errors.Add(node, $"expected a single value, not {node.Kind}");
        return null;
    }

    /// <summary>The items of a list; empty when the key is absent.</summary>
    public IReadOnlyList<YamlNode> List(string key)
    {
        switch (Find(key))
        {
            case null:
                return [];
            case YamlList list:
                return list.Items;
            case var other:
                errors.Add(other, $"expected a list ([a, b] or lines with '-'), not {other.Kind}");
                return [];
        }
    }

    public IReadOnlyList<T> ListOf<T>(string key, TryParse<T> parse, string expected)
    {
        var values = new List<T>();
        foreach (var item in List(key))
        {
            if (AsScalar(item) is { } scalar && TryRead(scalar, parse, expected, out var value))
            {
                values.Add(value);
            }
        }
        return values;
    }

    public T Value<T>(string key, T fallback, TryParse<T> parse, string expected) =>
        Scalar(key) is { } scalar && TryRead(scalar, parse, expected, out var value) ? value : fallback;

    /// <summary>One of a few words; the error lists them all.</summary>
    public T Choice<T>(string key, T fallback, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        if (Scalar(key) is not { } scalar)
        {
            return fallback;
        }
        foreach (var (word, value) in choices)
        {
            if (scalar.Text == word)
            {
                return value;
            }
        }
        var words = new List<string>();
        foreach (var (word, _) in choices)
        {
            words.Add(word);
        }
        errors.Add(scalar, $"expected {string.Join(" or ", words)}, not '{Shown(scalar.Text)}'{Nearest.Hint(scalar.Text, words)}");
        return fallback;
    }

    public bool TryRead<T>(YamlScalar scalar, TryParse<T> parse, string expected, out T value)
    {
        if (parse(scalar.Text, out value))
        {
            return true;
        }
        errors.Add(scalar, $"expected {expected}, not '{Shown(scalar.Text)}'");
        return false;
    }

    /// <summary>Reports every key that nobody asked for, with the nearest one that somebody did.</summary>
    public void Finish()
    {
        foreach (var entry in map.Entries.Where(e => !_known.Contains(e.Key.Text)))
        {
            errors.Add(entry.Key, $"unknown key{Hint(entry.Key.Text)}");
        }
    }

    string Hint(string word)
    {
        var hint = Nearest.Hint(word, _known);
        return hint.Length > 0 || _known.Count > 12 ? hint : $"; known here: {string.Join(", ", _known)}";
    }

    void Know(string key)
    {
        if (!_known.Contains(key))
        {
            _known.Add(key);
        }
    }

    /// <summary>A value inside a message: without control characters, and shortened, because it might be anything.</summary>
    public static string Shown(string text)
    {
        var start = text.Length > 60 ? text[..60] + "…" : text;
        return string.Concat(start.Select(c => char.IsControl(c) ? '?' : c));
    }
}
