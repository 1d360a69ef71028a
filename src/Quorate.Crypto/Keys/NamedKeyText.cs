using System.Text;
using Quorate.Core;

namespace Quorate.Crypto.Keys;

/// <summary>The text <c>name:base64</c>, split at the first colon: Nix cache keys and Trustix tokens.</summary>
static class NamedKeyText
{
    /// <summary>Longest name that is accepted, in characters.</summary>
    public const int MaxNameLength = 255;

    /// <summary>
    /// Printable ASCII without the characters that the texts around a name would have to escape: white space, quotes, backslash, angle
    /// brackets, ampersand, and the colon itself.
    /// </summary>
    public static bool IsName(ReadOnlySpan<char> name)
    {
        foreach (var c in name)
        {
            if (c is <= ' ' or > '~' or '"' or '\\' or '<' or '>' or '&' or ':')
            {
                return false;
            }
        }
        return name.Length is > 0 and <= MaxNameLength;
    }

    /// <summary>Splits UTF-8 text, one line break at the end allowed; the rest is what follows the first colon.</summary>
    /// <exception cref="MalformedException">There is no colon, or the name is not acceptable.</exception>
    public static string Split(ReadOnlySpan<byte> text, string what, out ReadOnlySpan<byte> rest)
    {
        text = WithoutLineEnd(text);
        var colon = text.IndexOf((byte)':');
        // The bytes after the colon may be secret: no message quotes them.
        if (colon < 0)
        {
            throw new MalformedException($"{what} is not of the form name:base64");
        }
        var name = colon <= MaxNameLength ? Encoding.Latin1.GetString(text[..colon]) : "";
        if (!IsName(name))
        {
            throw new MalformedException($"the name of {what} is empty, too long, or has other than plain printable characters");
        }
        rest = text[(colon + 1)..];
        return name;
    }

    /// <summary>Without one final LF or CR LF, which editors add.</summary>
    public static ReadOnlySpan<byte> WithoutLineEnd(ReadOnlySpan<byte> text) =>
        text.EndsWith("\r\n"u8) ? text[..^2]
        : text.EndsWith("\n"u8) ? text[..^1]
        : text;
}
