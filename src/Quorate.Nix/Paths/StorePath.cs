using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Quorate.Nix;

/// <summary>
/// A Nix store path: store directory, 32-character hash part, name. Only valid paths can be made. Ordered as Nix orders them: by base name,
/// bytewise. Immutable.
/// </summary>
/// <remarks>
/// The name has 1 to 211 characters of <c>[0-9a-zA-Z+-._?=]</c> and is not <c>.</c> or <c>..</c>, nor does it begin with <c>.-</c> or
/// <c>..-</c>. The store directory is an absolute path without empty, <c>.</c> or <c>..</c> components.
/// </remarks>
public sealed class StorePath : IEquatable<StorePath>, IComparable<StorePath>
{
    public const string DefaultStoreDir = "/nix/store";
    public const int HashPartLength = 32;
    public const int MaxNameLength = 211;
    public const int MaxStoreDirLength = 512;

    /// <summary>Longest text that is looked at.</summary>
    public const int MaxLength = MaxStoreDirLength + 1 + HashPartLength + 1 + MaxNameLength;

    static readonly SearchValues<char> s_hashCharacters = SearchValues.Create("0123456789abcdfghijklmnpqrsvwxyz");
    static readonly SearchValues<char> s_nameCharacters = SearchValues.Create(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?="
    );

    // Paths are keys of many dictionaries, and hashing the two strings costs more than the rest of a look-up. 0 until first asked for.
    int _hashCode;

    StorePath(string storeDir, string baseName)
    {
        StoreDir = storeDir;
        BaseName = baseName;
    }

    public string StoreDir { get; }

    /// <summary>Hash part, hyphen and name.</summary>
    public string BaseName { get; }

    public string HashPart => BaseName[..HashPartLength];

    public string Name => BaseName[(HashPartLength + 1)..];

    /// <summary>Parses a full path; its store directory is everything before the last slash.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out StorePath? path)
    {
        path = null;
        if (text.Length > MaxLength)
        {
            return false;
        }
        var slash = text.LastIndexOf('/');
        return slash > 0 && IsStoreDir(text[..slash]) && TryFromBaseName(text[..slash].ToString(), text[(slash + 1)..], out path);
    }

    /// <summary>Parses a full path that must lie directly in <paramref name="storeDir"/>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, string storeDir, [NotNullWhen(true)] out StorePath? path)
    {
        path = null;
        return text.Length <= MaxLength
            && text.Length > storeDir.Length
            && text.StartsWith(storeDir, StringComparison.Ordinal)
            && text[storeDir.Length] == '/'
            && TryFromBaseName(storeDir, text[(storeDir.Length + 1)..], out path);
    }

    /// <summary>Makes a path from its base name, the form that narinfo references have.</summary>
    public static bool TryFromBaseName(string storeDir, ReadOnlySpan<char> baseName, [NotNullWhen(true)] out StorePath? path)
    {
        var ok =
            baseName.Length > HashPartLength + 1
            && baseName[HashPartLength] == '-'
            && IsHashPart(baseName[..HashPartLength])
            && IsName(baseName[(HashPartLength + 1)..])
            && IsStoreDir(storeDir);
        path = ok ? new StorePath(storeDir, baseName.ToString()) : null;
        return ok;
    }

    /// <exception cref="FormatException"><paramref name="text"/> is not a valid store path.</exception>
    public static StorePath Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var path) ? path : throw new FormatException("not a store path");

    /// <summary>True for the 32 characters of Nix's base 32 that begin a base name (160 bits, so every text of that length is canonical).</summary>
    public static bool IsHashPart(ReadOnlySpan<char> text) => text.Length == HashPartLength && !text.ContainsAnyExcept(s_hashCharacters);

    public static bool IsName(ReadOnlySpan<char> name) =>
        name.Length is >= 1 and <= MaxNameLength
        && !name.ContainsAnyExcept(s_nameCharacters)
        && name is not ("." or "..")
        && !name.StartsWith(".-", StringComparison.Ordinal)
        && !name.StartsWith("..-", StringComparison.Ordinal);

    /// <summary>
    /// True for an absolute, normalised directory of printable ASCII. Space, comma, semicolon and colon are refused, because they separate
    /// fields in narinfo, in signature fingerprints and in the text that a store path is the hash of.
    /// </summary>
    public static bool IsStoreDir(ReadOnlySpan<char> directory)
    {
        if (directory.Length is < 2 or > MaxStoreDirLength || directory[0] != '/')
        {
            return false;
        }
        foreach (var range in directory[1..].Split('/'))
        {
            var component = directory[1..][range];
            if (component is "" or "." or ".." || component.ContainsAnyExceptInRange('!', '~') || component.ContainsAny(",;:\"\\"))
            {
                return false;
            }
        }
        return true;
    }

    public bool Equals(StorePath? other) =>
        ReferenceEquals(this, other) || (other is not null && BaseName == other.BaseName && StoreDir == other.StoreDir);

    public override bool Equals(object? obj) => Equals(obj as StorePath);

    public override int GetHashCode()
    {
        if (_hashCode == 0)
        {
            _hashCode = HashCode.Combine(StoreDir, BaseName);
        }
        return _hashCode;
    }

    public int CompareTo(StorePath? other)
    {
        if (other is null)
        {
            return 1;
        }
        var byBaseName = string.CompareOrdinal(BaseName, other.BaseName);
        return byBaseName != 0 ? byBaseName : string.CompareOrdinal(StoreDir, other.StoreDir);
    }

    /// <summary>The full path.</summary>
    public override string ToString() => $"{StoreDir}/{BaseName}";

    public static bool operator ==(StorePath? left, StorePath? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(StorePath? left, StorePath? right) => !(left == right);

    public static bool operator <(StorePath left, StorePath right) => left.CompareTo(right) < 0;

    public static bool operator >(StorePath left, StorePath right) => left.CompareTo(right) > 0;

    public static bool operator <=(StorePath left, StorePath right) => left.CompareTo(right) <= 0;

    public static bool operator >=(StorePath left, StorePath right) => left.CompareTo(right) >= 0;
}
