using System.Diagnostics.CodeAnalysis;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Sources.NixCaches;

namespace Quorate.Sources.Traces;

/// <summary>
/// Where traces are kept: <c>http(s)://host[:port][/prefix]</c>, <c>file:///directory</c> or <c>dir:PATH</c>. Knows the names of objects below it,
/// which are laut's and Nix's.
/// </summary>
public sealed class TraceCacheAddress
{
    const string DirectoryPrefix = "dir:";
    static readonly string[] s_marks = ["!", "%21"];

    readonly BinaryCacheAddress _cache;

    TraceCacheAddress(BinaryCacheAddress cache) => _cache = cache;

    public bool IsDirectory => _cache.IsFile;

    /// <summary>Of a cache that is a directory; without a slash at its end.</summary>
    public string Folder => Path.TrimEndingDirectorySeparator(LocalPath(_cache.Root));

    internal bool IsLoopback => _cache.Root.IsLoopback;

    public static bool TryParse(string text, [NotNullWhen(true)] out TraceCacheAddress? address)
    {
        address = null;
        if (text.StartsWith(DirectoryPrefix, StringComparison.Ordinal))
        {
            // Built from its parts: a path may have characters that mean something in a URL.
            var path = text[DirectoryPrefix.Length..];
            if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            {
                return false;
            }
            var url = new UriBuilder(Uri.UriSchemeFile, "")
            {
                Path = Uri.EscapeDataString(Path.GetFullPath(path)).Replace("%2F", "/", StringComparison.Ordinal),
            };
            address = BinaryCacheAddress.TryCreate(url.Uri, out var directory) ? new TraceCacheAddress(directory) : null;
        }
        else if (Uri.TryCreate(text, UriKind.Absolute, out var url) && BinaryCacheAddress.TryCreate(url, out var cache))
        {
            address = new TraceCacheAddress(cache);
        }
        return address is not null;
    }

    /// <summary>The object that holds claims of a layout about one resolved derivation.</summary>
    internal Uri Object(ResolvedInputHash input, TraceLayout layout) =>
        new(_cache.Root, layout == TraceLayout.JwsSet ? $"traces/{input}" : $"traces/aterm/{input}");

    /// <summary>The resolved derivation itself, as ATerm.</summary>
    internal Uri Derivation(ResolvedInputHash input) => new(Derivations, input.ToString());

    /// <summary>Where a realisation may be. Some servers know the exclamation mark only as it is, others only escaped; to a directory both are one.</summary>
    internal IEnumerable<Uri> Realisation(DrvOutputId id) =>
        (IsDirectory ? s_marks[..1] : s_marks).Select(mark => new Uri(
            _cache.Root,
            $"realisations/sha256:{id.Hash}{mark}{Uri.EscapeDataString(id.Output)}.doi"
        ));

    /// <summary>An entry of Nix since 2.35.</summary>
    internal Uri BuildTrace(BuildTraceKey key) =>
        new(_cache.Root, $"build-trace-v2/{Uri.EscapeDataString(key.Derivation.BaseName)}/{Uri.EscapeDataString(key.Output)}.doi");

    /// <summary>Where resolved derivations are.</summary>
    internal Uri Derivations => new(_cache.Root, "traces/drv/");

    internal static string LocalPath(Uri file) => BinaryCacheAddress.LocalPath(file);

    public override string ToString() => _cache.ToString();
}
