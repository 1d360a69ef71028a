using System.Diagnostics.CodeAnalysis;
using Quorate.Log;

namespace Quorate.Sources.Tiles;

/// <summary>Where a Quorate node serves a log to the public: <c>http(s)://host[/prefix]/logs/ID</c>.</summary>
public sealed record PublicLogAddress(Uri Node, LogId Log)
{
    /// <summary>Below it lie checkpoint and tiles.</summary>
    public Uri Prefix => new($"{Node.AbsoluteUri.TrimEnd('/')}/logs/{Log}");

    public static bool TryParse(string url, [NotNullWhen(true)] out PublicLogAddress? address)
    {
        address = null;
        if (
            url.Length > 2048
            || !Uri.TryCreate(url.TrimEnd('/'), UriKind.Absolute, out var uri)
            || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
            || uri.Query.Length + uri.Fragment.Length + uri.UserInfo.Length > 0
        )
        {
            return false;
        }
        var text = uri.AbsoluteUri;
        var slash = text.LastIndexOf("/logs/", StringComparison.Ordinal);
        if (slash < 0 || !LogId.TryParse(text[(slash + "/logs/".Length)..], out var log))
        {
            return false;
        }
        address = new PublicLogAddress(new Uri(text[..slash]), log);
        return true;
    }
}
