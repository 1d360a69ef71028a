namespace Quorate.Nix.Publishing;

/// <summary>
/// A glob on a store-path name: <c>*</c> is any run of characters, <c>?</c> any one, everything else itself. Case matters. Matching takes
/// at most pattern × name steps, whatever the pattern, because only the last star is ever retried.
/// </summary>
public sealed class NameGlob
{
    /// <summary>Twice the longest store-path name; longer patterns are mistakes.</summary>
    public const int MaxLength = 512;

    NameGlob(string pattern) => Pattern = pattern;

    public string Pattern { get; }

    /// <exception cref="FormatException">The pattern is empty, too long, or holds a character that no store-path name can have.</exception>
    public static NameGlob Parse(string pattern) =>
        TryParse(pattern, out var glob, out var error) ? glob! : throw new FormatException($"glob '{pattern}': {error}");

    public static bool TryParse(string pattern, out NameGlob? glob, out string error)
    {
        glob = null;
        error = Fault(pattern);
        if (error.Length == 0)
        {
            glob = new NameGlob(pattern);
        }
        return glob is not null;
    }

    static string Fault(string pattern)
    {
        if (pattern.Length == 0)
        {
            return "it is empty";
        }
        if (pattern.Length > MaxLength)
        {
            return $"it is longer than {MaxLength} characters";
        }
        foreach (var c in pattern)
        {
            // A pattern that can never match would silently publish what it was meant to hold back: '/' is the usual slip (a whole store
            // path was given instead of a name), '[' and '{' are other tools' syntax.
            if (!char.IsAsciiLetterOrDigit(c) && !"+-._?=*".Contains(c, StringComparison.Ordinal))
            {
                return c == '/'
                    ? "it is matched against names without /nix/store/<hash>-, so it cannot contain '/'"
                    : $"'{c}' is neither a wildcard (*, ?) nor possible in a store-path name";
            }
        }
        return "";
    }

    public bool IsMatch(ReadOnlySpan<char> name)
    {
        var (p, n) = (0, 0);
        var (star, resume) = (-1, 0);
        while (n < name.Length)
        {
            if (p < Pattern.Length && Pattern[p] == '*')
            {
                star = p++;
                resume = n;
            }
            else if (p < Pattern.Length && (Pattern[p] == '?' || Pattern[p] == name[n]))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++resume;
            }
            else
            {
                return false;
            }
        }
        while (p < Pattern.Length && Pattern[p] == '*')
        {
            p++;
        }
        return p == Pattern.Length;
    }

    public override string ToString() => Pattern;
}
