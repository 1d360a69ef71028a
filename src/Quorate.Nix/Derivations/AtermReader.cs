using System.Buffers;

namespace Quorate.Nix.Derivations;

/// <summary>
/// Reads ATerm text from left to right and refuses what Nix would have printed differently. Spans that it hands out point into the text.
/// </summary>
ref struct AtermReader(ReadOnlySpan<byte> text)
{
    static readonly SearchValues<byte> s_special = SearchValues.Create("\"\\\n\r\t"u8);

    readonly ReadOnlySpan<byte> _text = text;

    public int Offset { get; private set; }

    /// <summary>What was wrong first, with its offset; empty while nothing was.</summary>
    public string Problem { get; private set; } = "";

    public readonly bool AtEnd => Offset == _text.Length;

    public bool Literal(ReadOnlySpan<byte> expected) =>
        TryLiteral(expected) || Fail($"`{System.Text.Encoding.ASCII.GetString(expected)}` is missing");

    public bool TryLiteral(ReadOnlySpan<byte> expected)
    {
        if (!_text[Offset..].StartsWith(expected))
        {
            return false;
        }
        Offset += expected.Length;
        return true;
    }

    /// <summary>A quoted text that is printed as it is, so that nothing in it may need an escape.</summary>
    public bool Plain(out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!Literal("\""u8))
        {
            return false;
        }
        var rest = _text[Offset..];
        var end = rest.IndexOfAny((byte)'"', (byte)'\\');
        if (end < 0 || rest[end] != '"')
        {
            return Fail("a text without escapes is not closed");
        }
        value = rest[..end];
        Offset += end + 1;
        return true;
    }

    /// <summary>A quoted text with escapes: quote, backslash, LF, CR and TAB are escaped, every other byte is itself.</summary>
    /// <param name="raw">Between the quotes, escapes as they are.</param>
    public bool Escaped(out ReadOnlySpan<byte> raw)
    {
        raw = default;
        if (!Literal("\""u8))
        {
            return false;
        }
        var rest = _text[Offset..];
        for (var at = 0; ; )
        {
            var next = rest[at..].IndexOfAny(s_special);
            if (next < 0)
            {
                return Fail("a text is not closed");
            }
            at += next;
            if (rest[at] == '"')
            {
                raw = rest[..at];
                Offset += at + 1;
                return true;
            }
            if (rest[at] != '\\' || at + 1 == rest.Length || Aterm.Meaning(rest[at + 1]) < 0)
            {
                Offset += at;
                return Fail("a byte is not escaped as Nix escapes it");
            }
            at += 2;
        }
    }

    public bool Fail(string problem)
    {
        if (Problem.Length == 0)
        {
            Problem = $"{problem} (byte {Offset})";
        }
        return false;
    }
}
