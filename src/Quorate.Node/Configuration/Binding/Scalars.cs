using System.Globalization;
using Quorate.Crypto;
using Quorate.Sources.Connect;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Configuration.Binding;

/// <summary>The text forms of single values. Each has one spelling: no signs, no leading zeros, no exponents, no <c>yes</c>.</summary>
static class Scalars
{
    public const string DurationForm = "a duration like 60s, 10m, 24h or 7d";
    public const string SizeForm = "a size like 512KiB, 16MiB or 2GiB";
    public const string CountForm = "a whole number";
    public const string BooleanForm = "true or false";
    public const string UrlForm = "a URL like https://host/path";
    public const string CacheUrlForm = "a URL like https://host/path or file:///directory";
    public const string RemoteForm = "a URL like https://host/path or unix:///path.socket";
    public const string KeyForm = "a public key: 32 bytes in base64 (44 characters)";
    public const string OriginForm = "an origin: 1 to 255 bytes without spaces or '+', like log.example/logs/a";
    public const string NameForm = "a name: a letter, then letters, digits, '-', '_' or '.', at most 64";

    static readonly string[] RuleWords = ["of", "and", "or", "all", "any", "where"];

    public static bool Boolean(string text, out bool value)
    {
        value = text == "true";
        return value || text == "false";
    }

    public static bool Count(string text, out ulong value)
    {
        value = 0;
        return text.Length is > 0 and <= 19
            && (text.Length == 1 || text[0] != '0')
            && text.All(char.IsAsciiDigit)
            && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    public static bool Duration(string text, out TimeSpan value)
    {
        value = default;
        if (text.Length < 2 || !Count(text[..^1], out var count) || count > 100_000_000)
        {
            return false;
        }
        long seconds = text[^1] switch
        {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            _ => 0,
        };
        value = TimeSpan.FromSeconds((long)count * seconds);
        return seconds > 0;
    }

    public static bool Size(string text, out long value)
    {
        value = 0;
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        var shift = text[digits..] switch
        {
            "" or "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => -1,
        };
        if (shift < 0 || !Count(text[..digits], out var count) || count > (ulong)(long.MaxValue >> shift))
        {
            return false;
        }
        value = (long)count << shift;
        return true;
    }

    /// <summary>An absolute http or https URL without user, query or fragment.</summary>
    public static bool Url(string text, out Uri value)
    {
        value = null!;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || text.Any(c => c <= ' ' || c >= 0x7f))
        {
            return false;
        }
        value = url;
        return url.Scheme is "http" or "https"
            && url.Host.Length > 0
            && url.UserInfo.Length == 0
            && url.Query.Length == 0
            && url.Fragment.Length == 0;
    }

    /// <summary>As <see cref="Url"/>, but with a query where there is one: services put their secret there.</summary>
    public static bool Webhook(string text, out Uri value)
    {
        var query = text.IndexOf('?', StringComparison.Ordinal);
        return Url(query < 0 ? text : text[..query], out value)
            && Uri.TryCreate(text, UriKind.Absolute, out value!)
            && value.Fragment.Length == 0
            && text.All(c => c is > ' ' and < (char)0x7f);
    }

    /// <summary>Where a Nix binary cache is: as <see cref="Url"/>, or a directory of this machine.</summary>
    public static bool CacheUrl(string text, out Uri value)
    {
        if (Url(text, out value))
        {
            return true;
        }
        return Uri.TryCreate(text, UriKind.Absolute, out value!) && value.IsFile && BinaryCacheAddress.TryCreate(value, out _);
    }

    /// <summary>Where a log is served: as <see cref="Url"/>, or <c>unix:///path.socket</c>.</summary>
    public static bool Remote(string text, out Uri value)
    {
        if (Url(text, out value))
        {
            return true;
        }
        return ConnectAddress.TryParse(text, out var address)
            && address.SocketPath is not null
            && Uri.TryCreate(text, UriKind.Absolute, out value!);
    }

    public static bool Key(string text, out Ed25519PublicKey value)
    {
        var ok = Ed25519PublicKey.TryParse(text, out var key);
        value = key!;
        return ok;
    }

    /// <summary>A key with a name before it, as Trustix tokens and Nix cache keys are written: <c>name:base64</c>.</summary>
    public static bool NamedKey(string text, out (string Name, Ed25519PublicKey Key) value)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        Ed25519PublicKey? key = null;
        var ok =
            colon is > 0 and <= 128
            && text.AsSpan(0, colon).IndexOfAnyExceptInRange('!', '~') < 0
            && Ed25519PublicKey.TryParse(text.AsSpan(colon + 1), out key);
        value = ok ? (text[..colon], key!) : default;
        return ok;
    }

    /// <summary>Names of logs, builders, signers: they appear in rules, in metrics and in URLs of the control API.</summary>
    public static bool Origin(string text, out string value)
    {
        value = text;
        return Log.Tiles.Checkpoint.IsOrigin(text);
    }

    public static bool Name(string text, out string value)
    {
        value = text;
        return text.Length is > 0 and <= 64
            && char.IsAsciiLetter(text[0])
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            && !RuleWords.Contains(text);
    }
}
