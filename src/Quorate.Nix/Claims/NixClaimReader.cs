using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Quorate.Nix;

/// <summary>
/// Reads the one canonical spelling of a claim from left to right. A general JSON reader would have to be told about duplicate fields,
/// escapes, white space and number forms; what is not in the grammar below cannot be read at all.
/// </summary>
ref struct NixClaimReader
{
    readonly ReadOnlySpan<byte> _value;
    int _offset;
    string _error;

    NixClaimReader(ReadOnlySpan<byte> value)
    {
        _value = value;
        _error = "";
    }

    public static bool TryRead(ReadOnlySpan<byte> value, [NotNullWhen(true)] out NixClaim? claim, out string error)
    {
        claim = null;
        if (value.Length > NixClaim.MaxBytes)
        {
            error = $"a claim of {value.Length} bytes is over the limit of {NixClaim.MaxBytes}";
            return false;
        }
        var reader = new NixClaimReader(value);
        var ok = reader.TryClaim(out claim);
        error = reader._error;
        return ok;
    }

    bool TryClaim([NotNullWhen(true)] out NixClaim? claim)
    {
        claim = null;
        if (
            !Literal("{\"path\":\"")
            || !Text(StorePath.MaxLength, "path", out var pathText)
            || !Check(StorePath.TryParse(pathText, out var path), "path: not a store path")
            || !Literal(",\"narHash\":\"")
            || !Text(NarHash.MaxLength, "narHash", out var hashText)
            || !Check(NarHash.TryParse(hashText, out var hash), "narHash: not a SHA-256 in a known spelling")
            || !Literal(",\"narSize\":")
            || !Number(out var size)
            || !Literal(",\"references\":")
            || !References(path!, out var references)
            || !Literal("}")
            || !Check(_offset == _value.Length, "something follows the claim")
        )
        {
            return false;
        }
        claim = new NixClaim(path!, hash, size, references);
        return true;
    }

    bool References(StorePath path, out StorePath[] references)
    {
        references = [];
        if (TryLiteral("null") || TryLiteral("[]"))
        {
            return true;
        }
        if (!Literal("["))
        {
            return false;
        }
        var list = new List<StorePath>();
        do
        {
            if (
                !Check(list.Count < NixClaim.MaxReferences, $"references: more than {NixClaim.MaxReferences}")
                || !Literal("\"")
                || !Text(StorePath.MaxLength, "references", out var text)
                || !Check(
                    StorePath.TryParse(text, path.StoreDir, out var reference),
                    $"references[{list.Count}]: not a path in {path.StoreDir}"
                )
                || !Check(list.Count == 0 || list[^1] < reference!, $"references[{list.Count}]: not sorted, or a duplicate")
            )
            {
                return false;
            }
            list.Add(reference!);
        } while (TryLiteral(","));
        references = [.. list];
        return Literal("]");
    }

    /// <summary>Reads up to the closing quote. No valid field contains a character that JSON would escape, so a backslash is refused later by the field's own rules.</summary>
    bool Text(int maxLength, string field, out string text)
    {
        var rest = _value[_offset..];
        var end = rest[..Math.Min(rest.Length, maxLength + 1)].IndexOf((byte)'"');
        text = end < 0 ? "" : Encoding.Latin1.GetString(rest[..end]);
        if (end < 0)
        {
            return Fail($"{field}: not closed within {maxLength} characters");
        }
        _offset += end + 1;
        return true;
    }

    /// <summary>A positive decimal number without sign, leading zero, fraction or exponent.</summary>
    bool Number(out ulong number)
    {
        number = 0;
        var start = _offset;
        while (_offset < _value.Length && _value[_offset] is >= (byte)'0' and <= (byte)'9')
        {
            var digit = (ulong)(_value[_offset] - '0');
            if (number > (ulong.MaxValue - digit) / 10)
            {
                return Fail("narSize: over 64 bits");
            }
            number = 10 * number + digit;
            _offset++;
        }
        return Check(_offset > start && _value[start] != '0', "narSize: not a positive canonical number");
    }

    bool Literal(string expected) => TryLiteral(expected) || Fail($"{expected} is missing");

    bool TryLiteral(string expected)
    {
        var rest = _value[_offset..];
        if (rest.Length < expected.Length || !Ascii.Equals(rest[..expected.Length], expected))
        {
            return false;
        }
        _offset += expected.Length;
        return true;
    }

    bool Check(bool condition, string error) => condition || Fail(error);

    bool Fail(string error)
    {
        _error = $"{error} (byte {_offset})";
        return false;
    }
}
