using System.Diagnostics.CodeAnalysis;

namespace Quorate.Nix.Doctor;

/// <summary>
/// Nix's settings: as <c>nix config show</c> (formerly <c>nix show-config</c>) prints them, or as a nix.conf file states them. Both are lines of
/// <c>name = value</c>. Immutable.
/// </summary>
public sealed class NixSettings
{
    const int MaxText = 4 << 20;
    const int MaxIncludes = 100;

    readonly Dictionary<string, string> _values;

    NixSettings(Dictionary<string, string> values, IReadOnlyList<string> problems)
    {
        _values = values;
        Problems = problems;
    }

    /// <summary>Lines that are not settings, and includes that could not be read.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Parses the output of <c>nix config show</c>, where every setting is present with its effective value.</summary>
    public static NixSettings ParseShown(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var line in Lines(text, problems))
        {
            // A value of several lines (access tokens, warnings on stdout) continues without a name; it is none of our settings.
            if (TrySplit(line, out var name, out var value))
            {
                values[name] = value;
            }
        }
        return new NixSettings(values, problems);
    }

    /// <summary>Parses a nix.conf file: later lines win, <c>extra-NAME</c> adds to NAME, <c>include</c> and <c>!include</c> are followed.</summary>
    /// <param name="read">Text of an included file by its path as written, or null when it cannot be read.</param>
    public static NixSettings ParseFile(string text, Func<string, string?> read)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var problems = new List<string>();
        var includes = 0;
        ParseFile(text, read, values, problems, ref includes);
        return new NixSettings(values, problems);
    }

    public bool TryGet(string name, [NotNullWhen(true)] out string? value) => _values.TryGetValue(name, out value);

    /// <summary>A setting that is a list of words; empty when it is not there.</summary>
    public IReadOnlyList<string> Words(string name) => TryGet(name, out var value) ? Split(value) : [];

    static void ParseFile(
        string text,
        Func<string, string?> read,
        Dictionary<string, string> values,
        List<string> problems,
        ref int includes
    )
    {
        foreach (var line in Lines(text, problems))
        {
            var words = Split(line);
            if (words[0] is "include" or "!include")
            {
                if (words.Length != 2 || ++includes > MaxIncludes)
                {
                    problems.Add($"'{line}' is not a usable include");
                }
                else if (read(words[1]) is { } included)
                {
                    ParseFile(included, read, values, problems, ref includes);
                }
                else if (words[0] == "include")
                {
                    problems.Add($"the included file {words[1]} cannot be read");
                }
            }
            else if (!TrySplit(line, out var name, out var value))
            {
                problems.Add($"'{line}' is not of the form `name = value`");
            }
            else if (name.StartsWith("extra-", StringComparison.Ordinal) && name.Length > "extra-".Length)
            {
                var plain = CurrentName(name["extra-".Length..]);
                // Nix adds to a default that the file does not show; what is known of it is enough to judge by.
                values[plain] = $"{values.GetValueOrDefault(plain, KnownDefault(plain))} {value}".Trim();
            }
            else
            {
                values[CurrentName(name)] = value;
            }
        }
    }

    /// <summary>Names from before Nix 2.0, which files may still use.</summary>
    static string CurrentName(string name) =>
        name switch
        {
            "binary-caches" => "substituters",
            "binary-cache-public-keys" => "trusted-public-keys",
            "trusted-binary-caches" => "trusted-substituters",
            "build-use-substitutes" or "use-substitutes" => "substitute",
            "build-fallback" => "fallback",
            _ => name,
        };

    static string KnownDefault(string name) =>
        name switch
        {
            "substituters" => NixDoctor.DefaultSubstituter,
            "trusted-public-keys" => NixDoctor.DefaultPublicKey,
            "trusted-users" => "root",
            _ => "",
        };

    static IEnumerable<string> Lines(string text, List<string> problems)
    {
        if (text.Length > MaxText)
        {
            problems.Add($"only the first {MaxText} characters were read");
            text = text[..MaxText];
        }
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.Split('#', 2)[0].Trim();
            if (line.Length > 0)
            {
                yield return line;
            }
        }
    }

    static bool TrySplit(string line, out string name, out string value)
    {
        var equals = line.IndexOf('=', StringComparison.Ordinal);
        name = equals > 0 ? line[..equals].Trim() : "";
        value = equals > 0 ? line[(equals + 1)..].Trim() : "";
        return name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
    }

    static string[] Split(string value) => value.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
}
