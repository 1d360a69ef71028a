using System.Text;

namespace Quorate.Trust.Rules;

enum TokenKind
{
    Word,
    Quoted,
    Open,
    Close,
    Comma,
    End,
}

/// <param name="Offset">Where the token begins in the rule's text.</param>
/// <param name="Text">The word, or the quoted text without its quotes and escapes.</param>
readonly record struct Token(TokenKind Kind, int Offset, string Text)
{
    public bool IsKeyword(string keyword) => Kind == TokenKind.Word && Text == keyword;

    /// <summary>As an error message shows it.</summary>
    public string Shown =>
        Kind switch
        {
            TokenKind.End => "the end of the rule",
            TokenKind.Quoted => $"\"{Text}\"",
            _ => $"'{Text}'",
        };
}

/// <summary>A fault found while reading a rule; the parser turns it into a <see cref="RuleError"/>.</summary>
sealed class RuleFaultException(int offset, string message) : FormatException(message)
{
    public int Offset { get; } = offset;
}

/// <summary>Splits a rule into words, quoted texts and punctuation.</summary>
sealed class RuleLexer
{
    readonly string _text;
    int _position;

    public RuleLexer(string text)
    {
        _text = text;
        Current = Read();
    }

    public Token Current { get; private set; }

    public Token Take()
    {
        var taken = Current;
        Current = Read();
        return taken;
    }

    Token Read()
    {
        while (_position < _text.Length && _text[_position] is ' ' or '\t' or '\n' or '\r')
        {
            _position++;
        }
        var start = _position;
        if (start == _text.Length)
        {
            return new Token(TokenKind.End, start, "");
        }
        var c = _text[start];
        if (RuleSyntax.IsWordCharacter(c))
        {
            while (_position < _text.Length && RuleSyntax.IsWordCharacter(_text[_position]))
            {
                _position++;
            }
            return new Token(TokenKind.Word, start, _text[start.._position]);
        }
        _position++;
        return c switch
        {
            '(' => new Token(TokenKind.Open, start, "("),
            ')' => new Token(TokenKind.Close, start, ")"),
            ',' => new Token(TokenKind.Comma, start, ","),
            '"' => Quoted(start),
            _ => throw new RuleFaultException(start, $"{Printable(c)} means nothing in a rule; quote a name that holds it"),
        };
    }

    Token Quoted(int start)
    {
        var text = new StringBuilder();
        while (_position < _text.Length)
        {
            var c = _text[_position++];
            if (c == '"')
            {
                return new Token(TokenKind.Quoted, start, text.ToString());
            }
            if (char.IsControl(c))
            {
                break;
            }
            if (c == '\\')
            {
                if (_position == _text.Length || _text[_position] is not ('"' or '\\'))
                {
                    throw new RuleFaultException(_position - 1, "in quotes a backslash stands only before a quote or another backslash");
                }
                c = _text[_position++];
            }
            text.Append(c);
        }
        throw new RuleFaultException(start, "this quote is not closed on its line");
    }

    static string Printable(char c) => char.IsControl(c) || char.IsSurrogate(c) ? $"U+{(int)c:X4}" : $"'{c}'";
}
