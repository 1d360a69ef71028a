using System.Diagnostics.CodeAnalysis;

namespace Quorate.Sources.NixCaches;

/// <summary>
/// Base URL of a Nix binary cache: <c>http(s)://host[:port][/prefix]</c> or <c>file:///directory</c>. Knows which URLs belong to the cache:
/// those on its own origin and below its prefix. A narinfo file is foreign text, so the URL in it may name nothing else.
/// </summary>
public sealed class BinaryCacheAddress
{
    BinaryCacheAddress(Uri root) => Root = root;

    /// <summary>Ends with a slash.</summary>
    internal Uri Root { get; }

    public bool IsFile => Root.IsFile;

    public static bool TryCreate(Uri url, [NotNullWhen(true)] out BinaryCacheAddress? address)
    {
        address = null;
        if (!url.IsAbsoluteUri || url.UserInfo.Length > 0 || url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            return false;
        }
        var isHttp = url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps;
        if (!isHttp && !(url.IsFile && url.Host.Length == 0))
        {
            return false;
        }
        address = new BinaryCacheAddress(new Uri(url.AbsoluteUri.TrimEnd('/') + "/"));
        return true;
    }

    /// <exception cref="FormatException">Not one of the forms above.</exception>
    public static BinaryCacheAddress Create(Uri url) =>
        TryCreate(url, out var address)
            ? address
            : throw new FormatException($"'{url}' is not http://host[:port][/prefix], https://… or file:///directory");

    /// <summary>Resolves a URL from a narinfo file; false when it leads out of the cache.</summary>
    internal bool TryResolve(string url, [NotNullWhen(true)] out Uri? resolved)
    {
        if (!Uri.TryCreate(Root, url, out resolved) || !IsSameOrigin(resolved) || resolved.Fragment.Length > 0)
        {
            return false;
        }
        return IsFile
            ? resolved.Query.Length == 0 && !resolved.LocalPath.Contains('\0', StringComparison.Ordinal) && IsInside(LocalPath(resolved))
            : resolved.AbsolutePath.StartsWith(Root.AbsolutePath, StringComparison.Ordinal);
    }

    /// <summary>True for a place that a redirect may lead to: scheme, host and port stay.</summary>
    internal bool IsSameOrigin(Uri other) =>
        other.Scheme == Root.Scheme && other.Host == Root.Host && other.Port == Root.Port && other.UserInfo.Length == 0;

    internal static string LocalPath(Uri file) => Path.GetFullPath(file.LocalPath);

    public override string ToString() => IsFile ? Root.AbsoluteUri : Root.AbsoluteUri.TrimEnd('/');

    bool IsInside(string path) => path.StartsWith(LocalPath(Root), StringComparison.Ordinal);
}

/// <summary>A binary cache failed: unreachable, slow, over a limit, or speaking garbage. Says nothing about the path that was asked for.</summary>
public sealed class BinaryCacheException : IOException
{
    public BinaryCacheException(string message)
        : base(message) { }

    public BinaryCacheException(string message, Exception? inner, bool isOutage)
        : base(message, inner) => IsOutage = isOutage;

    /// <summary>True when the cache itself was not to be had, so that asking it for something else now is of no use either.</summary>
    public bool IsOutage { get; }
}
