using Quorate.Nix.Traces;

namespace Quorate.Cli.Signing;

/// <summary>A claim's form in the words of the command line; the hook's own parser and the command tree both use them.</summary>
static class ClaimFormText
{
    public const string Format = "--format";
    public const string InputAddressed = "--input-addressed";
    public const string Dependencies = "--dependencies";
    public const string Preimage = "--include-preimage";
    public const string Software = "--builder-software";
    public const string SoftwareDigest = "--builder-software-digest";
    public const string ViewCache = "--view-cache";

    /// <summary>The value of <see cref="ViewCache"/> that means none.</summary>
    public const string NoCache = "none";

    public static bool TryFormat(string text, out TraceFormat format)
    {
        format = text switch
        {
            "jws2" => TraceFormat.Jws2,
            "jws3" => TraceFormat.Jws3,
            _ => TraceFormat.Bundle,
        };
        return text is "bundle" or "jws2" or "jws3";
    }

    /// <summary>Reads <c>SCHEME=VALUE</c> texts; false with a sentence in <paramref name="error"/>.</summary>
    public static bool TrySoftware(string? uri, IReadOnlyList<string> digests, out TraceResource? software, out string error)
    {
        software = null;
        error = "";
        if (uri is null)
        {
            error = digests.Count == 0 ? "" : $"{SoftwareDigest} says something of {Software}, which is not given";
            return digests.Count == 0;
        }
        var parsed = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var digest in digests)
        {
            var parts = digest.Split('=', 2);
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0 || !parsed.TryAdd(parts[0], parts[1]))
            {
                error = $"{SoftwareDigest} '{digest}': not SCHEME=VALUE, or the scheme is there twice";
                return false;
            }
        }
        software = new TraceResource(Name: null, uri, parsed);
        return true;
    }

    /// <summary><c>/var/cache/quorate/views</c> for root, else below <c>$XDG_CACHE_HOME</c>.</summary>
    public static string DefaultViewCache(Func<string, string?> environment)
    {
        if (Environment.IsPrivilegedProcess)
        {
            return "/var/cache/quorate/views";
        }
        var home = environment("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache : Path.Combine(environment("HOME") ?? "/", ".cache");
        return Path.Combine(home, "quorate", "views");
    }
}
