using System.Diagnostics.CodeAnalysis;

namespace Quorate.Nix.Verification;

/// <summary>Output names and the paths that they became, sorted by name. What a claim states, and what a resolution requires. Immutable.</summary>
public sealed class OutputPaths : IEquatable<OutputPaths>
{
    readonly KeyValuePair<string, string>[] _pairs;
    readonly int _hash;

    OutputPaths(KeyValuePair<string, string>[] pairs)
    {
        _pairs = pairs;
        var hash = new HashCode();
        foreach (var (name, path) in pairs)
        {
            hash.Add(name, StringComparer.Ordinal);
            hash.Add(path, StringComparer.Ordinal);
        }
        _hash = hash.ToHashCode();
    }

    public static OutputPaths Empty { get; } = new([]);

    public int Count => _pairs.Length;

    public IReadOnlyList<KeyValuePair<string, string>> Pairs => _pairs;

    public IEnumerable<string> Names => _pairs.Select(pair => pair.Key);

    /// <exception cref="ArgumentException">A name comes twice.</exception>
    public static OutputPaths Of(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var sorted = pairs.ToArray();
        if (sorted.Length > 1)
        {
            Array.Sort(sorted, (left, right) => string.CompareOrdinal(left.Key, right.Key));
        }
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Key == sorted[i - 1].Key)
            {
                throw new ArgumentException($"the output '{sorted[i].Key}' comes twice", nameof(pairs));
            }
        }
        return sorted.Length == 0 ? Empty : new OutputPaths(sorted);
    }

    public static OutputPaths Of(string name, string path) => new([new(name, path)]);

    public bool TryGet(string name, [NotNullWhen(true)] out string? path)
    {
        foreach (var pair in _pairs)
        {
            if (pair.Key == name)
            {
                path = pair.Value;
                return true;
            }
        }
        path = null;
        return false;
    }

    /// <summary>Every output of <paramref name="required"/> is here, with the same path.</summary>
    public bool Satisfies(OutputPaths required)
    {
        // Both are sorted, so one walk will do.
        var at = 0;
        foreach (var (name, path) in required._pairs)
        {
            while (at < _pairs.Length && string.CompareOrdinal(_pairs[at].Key, name) < 0)
            {
                at++;
            }
            if (at == _pairs.Length || _pairs[at].Key != name || _pairs[at].Value != path)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Only the named outputs; those that are not here stay absent.</summary>
    public OutputPaths Project(ReadOnlySpan<string> names)
    {
        var kept = 0;
        foreach (var (name, _) in _pairs)
        {
            kept += names.Contains(name) ? 1 : 0;
        }
        if (kept == _pairs.Length)
        {
            return this;
        }
        var pairs = new KeyValuePair<string, string>[kept];
        kept = 0;
        foreach (var pair in _pairs)
        {
            if (names.Contains(pair.Key))
            {
                pairs[kept++] = pair;
            }
        }
        return Of(pairs);
    }

    /// <summary>As above.</summary>
    public OutputPaths Project(IReadOnlySet<string> names) =>
        Array.TrueForAll(_pairs, pair => names.Contains(pair.Key)) ? this : Of(_pairs.Where(pair => names.Contains(pair.Key)));

    public bool Equals(OutputPaths? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }
        if (other is null || other._hash != _hash || other._pairs.Length != _pairs.Length)
        {
            return false;
        }
        for (var i = 0; i < _pairs.Length; i++)
        {
            if (_pairs[i].Key != other._pairs[i].Key || _pairs[i].Value != other._pairs[i].Value)
            {
                return false;
            }
        }
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as OutputPaths);

    public override int GetHashCode() => _hash;

    public override string ToString() => string.Join(" ", _pairs.Select(pair => $"{pair.Key}={pair.Value}"));
}
