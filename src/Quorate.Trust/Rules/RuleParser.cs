using System.Globalization;

namespace Quorate.Trust.Rules;

/// <summary>
/// Recursive descent over the grammar of the manual page "trust models". Everything that can be wrong with a rule is found here, so that
/// a model that exists is a model that can be evaluated.
/// </summary>
sealed class RuleParser(string text, RuleContext context)
{
    public const int MaxLength = 8192;
    public const int MaxDepth = 32;
    public const int MaxBuilders = 64;

    readonly RuleLexer _tokens = new(text);
    readonly Dictionary<string, int> _named = new(StringComparer.Ordinal);
    int _depth;

    public TrustModel Parse()
    {
        if (_tokens.Current.Kind == TokenKind.End)
        {
            throw new RuleFaultException(0, "the rule is empty; write for example '2 of (alice, bob, carol)'");
        }
        var model = Expression();
        var rest = _tokens.Current;
        return rest.Kind switch
        {
            TokenKind.End => model,
            TokenKind.Close => throw new RuleFaultException(rest.Offset, "this parenthesis closes nothing"),
            _ => throw new RuleFaultException(rest.Offset, $"expected 'and', 'or', 'where' or the end of the rule, not {rest.Shown}"),
        };
    }

    TrustModel Expression()
    {
        if (++_depth > MaxDepth)
        {
            throw new RuleFaultException(_tokens.Current.Offset, $"the rule is nested deeper than {MaxDepth} levels");
        }
        var first = Term();
        if (Connective(_tokens.Current) is { } connective)
        {
            var children = new List<TrustModel> { first };
            while (Connective(_tokens.Current) is { } next)
            {
                if (next != connective)
                {
                    throw new RuleFaultException(
                        _tokens.Current.Offset,
                        $"'{connective}' and '{next}' are mixed; say with parentheses which belongs together"
                    );
                }
                _tokens.Take();
                children.Add(Term());
            }
            first = new TrustModel.Threshold(connective == "and" ? children.Count : 1, children);
        }
        _depth--;
        return first;
    }

    static string? Connective(Token token) =>
        token.IsKeyword("and") ? "and"
        : token.IsKeyword("or") ? "or"
        : null;

    TrustModel Term()
    {
        var model = Primary();
        for (var conditions = 0; _tokens.Current.IsKeyword("where"); conditions++)
        {
            if (conditions == MaxDepth)
            {
                throw new RuleFaultException(_tokens.Current.Offset, $"more than {MaxDepth} conditions on one vote");
            }
            _tokens.Take();
            model = new TrustModel.Where(model, new ConditionParser(_tokens, context).Parse(model));
        }
        return model;
    }

    TrustModel Primary()
    {
        var token = _tokens.Take();
        switch (token.Kind)
        {
            case TokenKind.Open:
                var inner = Expression();
                Expect(TokenKind.Close, "')'", token);
                return inner;
            case TokenKind.Quoted:
                return Builder(token);
            case TokenKind.Word when token.Text is "all" or "any" || token.Text.All(char.IsAsciiDigit):
                return Group(token);
            case TokenKind.Word when RuleSyntax.IsKeyword(token.Text):
                throw new RuleFaultException(
                    token.Offset,
                    $"expected a builder or a group before {token.Shown} (a builder of that name must be quoted)"
                );
            case TokenKind.Word when char.IsAsciiDigit(token.Text[0]):
                throw new RuleFaultException(token.Offset, $"a name that begins with a digit must be quoted: \"{token.Text}\"");
            case TokenKind.Word:
                return Builder(token);
            default:
                throw new RuleFaultException(token.Offset, $"expected a builder or a group, not {token.Shown}");
        }
    }

    TrustModel.Key Builder(Token token)
    {
        var name = token.Text;
        if (!context.Knows(name))
        {
            throw new RuleFaultException(
                token.Offset,
                context.OtherBuilders.Contains(name, StringComparer.Ordinal)
                    ? $"builder '{name}' has no log or cache of protocol '{context.Protocol}'"
                    : $"unknown builder '{name}'{NearestName.Hint(name, context.Builders)}"
            );
        }
        if (!_named.TryAdd(name, token.Offset))
        {
            var first = RuleError.At(text, _named[name], "");
            throw new RuleFaultException(
                token.Offset,
                $"builder '{name}' is named twice (first at {first.Line}:{first.Column}); a builder has one vote"
            );
        }
        if (_named.Count > MaxBuilders)
        {
            throw new RuleFaultException(token.Offset, $"the rule names more than {MaxBuilders} builders");
        }
        return new TrustModel.Key(name);
    }

    TrustModel.Threshold Group(Token quantity)
    {
        if (!_tokens.Current.IsKeyword("of"))
        {
            throw new RuleFaultException(_tokens.Current.Offset, $"expected 'of' after {quantity.Shown}, not {_tokens.Current.Shown}");
        }
        _tokens.Take();
        var open = _tokens.Current;
        Expect(TokenKind.Open, "'('", open);
        if (_tokens.Current.Kind == TokenKind.Close)
        {
            throw new RuleFaultException(_tokens.Current.Offset, "a group needs at least one builder");
        }
        var children = new List<TrustModel> { Expression() };
        while (_tokens.Current.Kind == TokenKind.Comma)
        {
            _tokens.Take();
            children.Add(Expression());
        }
        Expect(TokenKind.Close, "',' or ')'", open);
        return new TrustModel.Threshold(Required(quantity, children.Count), children);
    }

    static int Required(Token quantity, int children)
    {
        switch (quantity.Text)
        {
            case "all":
                return children;
            case "any":
                return 1;
        }
        var canonical = quantity.Text is "0" || quantity.Text[0] != '0';
        if (!canonical)
        {
            throw new RuleFaultException(quantity.Offset, "a number is written without leading zeros");
        }
        if (
            !int.TryParse(quantity.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var required)
            || required < 1
            || required > children
        )
        {
            throw new RuleFaultException(
                quantity.Offset,
                children == 1
                    ? $"{quantity.Text} of a group of 1 is impossible; only 1 is"
                    : $"{quantity.Text} of a group of {children} is impossible; 1 to {children} are"
            );
        }
        return required;
    }

    void Expect(TokenKind kind, string shown, Token opened)
    {
        var token = _tokens.Current;
        if (token.Kind != kind)
        {
            var unclosed = kind == TokenKind.Close && token.Kind == TokenKind.End;
            throw new RuleFaultException(
                unclosed ? opened.Offset : token.Offset,
                unclosed ? "this parenthesis is not closed" : $"expected {shown}, not {token.Shown}"
            );
        }
        _tokens.Take();
    }
}
