namespace Quorate.Cli.Hook;

/// <summary>
/// Which store a build used. Nix hands its settings to the hook in <c>$NIX_CONFIG</c>, <c>store</c> among them, so <c>nix-store</c> normally finds
/// the store by itself. But when the caller had set <c>$NIX_CONFIG</c>, Nix (seen with 2.8) leaves that text as it was and a
/// <c>--store DIR</c> of the command line is lost: then the command line of the Nix process that runs us still tells.
/// </summary>
static class BuildStore
{
    /// <summary>Stores to ask, best first; null means what the environment says.</summary>
    public static IEnumerable<string?> Candidates(string? installed, Func<int, string?> parentCommandLine)
    {
        if (installed is not null)
        {
            return [installed];
        }
        // The wrapper is our parent, Nix the wrapper's.
        var named = Enumerable.Range(1, 2).Select(parentCommandLine).Select(StoreIn).FirstOrDefault(s => s is not null);
        return named is null ? [null] : [named, null];
    }

    /// <summary>
    /// The same for somebody who asks later and elsewhere: what the environment means is written out. Where anything names the build's store, the
    /// machine's own is no second guess: what it has under the same path may have been built elsewhere.
    /// </summary>
    public static IReadOnlyList<string?> ToAskLater(IEnumerable<string?> candidates, Func<string, string?> environment)
    {
        var meant = ConfiguredStore(environment("NIX_CONFIG")) ?? environment("NIX_REMOTE");
        string?[] named = candidates
            .Select(c => c ?? meant)
            .OfType<string>()
            .Where(c => c.Length > 0)
            // A path that is relative to where the build was started.
            .Select(c => c.StartsWith('.') ? Path.GetFullPath(c) : c)
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        return named.Length > 0 ? named : [(string?)null];
    }

    /// <summary>The value of <c>store</c> in settings as <c>nix.conf</c> has them, of which the last one counts.</summary>
    internal static string? ConfiguredStore(string? settings) => Setting(settings, "store");

    /// <summary>The value of a name in settings as <c>nix.conf</c> has them; null when it is not there, or empty.</summary>
    internal static string? Setting(string? settings, string name) =>
        (settings ?? "")
            .Split('\n')
            .Select(line => line.Split('=', 2))
            .Where(parts => parts.Length == 2 && parts[0].Trim() == name)
            .Select(parts => parts[1].Trim())
            .LastOrDefault(value => value.Length > 0);

    /// <summary>The value of <c>--store</c> in a NUL-separated command line of a Nix program.</summary>
    internal static string? StoreIn(string? commandLine)
    {
        var words = commandLine?.Split('\0') ?? [];
        if (words.Length == 0 || !Path.GetFileName(words[0]).StartsWith("nix", StringComparison.Ordinal))
        {
            return null;
        }
        var at = Array.IndexOf(words, "--store");
        return at > 0 && at + 1 < words.Length && words[at + 1].Length > 0 ? words[at + 1] : null;
    }

    /// <summary>The command line of this process's ancestor, 1 for the parent; null where it cannot be read.</summary>
    public static string? AncestorCommandLine(int generation)
    {
        try
        {
            var process = "self";
            for (var i = 0; i < generation; i++)
            {
                var stat = File.ReadAllText($"/proc/{process}/stat");
                // pid (name) state ppid …, where the name may hold anything but is closed by the last parenthesis.
                process = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
            }
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
