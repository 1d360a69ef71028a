using System.Globalization;

namespace Quorate.Trust.Rules;

/// <summary>Reads what follows <c>where</c>.</summary>
sealed class ConditionParser(RuleLexer tokens, RuleContext context)
{
    static readonly string[] Available = ["logged", "built", "before", "until_index", "witnessed", "fresh"];

    // Their shapes are fixed already, so that a rule written for a later version gets a better answer than "unknown".
    static readonly string[] Announced = ["attested"];

    static readonly string[] InstantFormats = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <param name="inner">What the condition is bound to.</param>
    public VoteCondition Parse(TrustModel inner)
    {
        var name = tokens.Take();
        if (name.Kind != TokenKind.Word)
        {
            throw new RuleFaultException(name.Offset, $"expected a condition after 'where', not {name.Shown}");
        }
        var isKnown = Available.Contains(name.Text, StringComparer.Ordinal) || Announced.Contains(name.Text, StringComparer.Ordinal);
        if (!isKnown)
        {
            throw new RuleFaultException(
                name.Offset,
                $"unknown condition '{name.Text}'{NearestName.Hint(name.Text, Available)}; there are {string.Join(", ", Available)}"
            );
        }
        var arguments = Arguments(name);
        return name.Text switch
        {
            "logged" => WithoutArguments(name, arguments, new VoteCondition.Logged()),
            "built" => WithoutArguments(name, arguments, new VoteCondition.Built()),
            "before" => Before(name, arguments),
            "until_index" => UntilIndex(name, arguments, inner),
            "witnessed" => Witnessed(name, arguments, inner),
            "fresh" => Fresh(name, arguments, inner),
            _ => throw new RuleFaultException(
                name.Offset,
                $"the condition '{name.Text}' is not available in this version; a rule never ignores a condition"
            ),
        };
    }

    List<Token> Arguments(Token name)
    {
        var arguments = new List<Token>();
        if (tokens.Current.Kind != TokenKind.Open)
        {
            return arguments;
        }
        tokens.Take();
        while (true)
        {
            var argument = tokens.Take();
            if (argument.Kind is not (TokenKind.Word or TokenKind.Quoted))
            {
                throw new RuleFaultException(argument.Offset, $"expected an argument of '{name.Text}', not {argument.Shown}");
            }
            arguments.Add(argument);
            var separator = tokens.Take();
            if (separator.Kind == TokenKind.Close)
            {
                return arguments;
            }
            if (separator.Kind != TokenKind.Comma)
            {
                throw new RuleFaultException(separator.Offset, $"expected ',' or ')', not {separator.Shown}");
            }
            if (arguments.Count == 2)
            {
                throw new RuleFaultException(separator.Offset, "no condition takes more than two arguments");
            }
        }
    }

    static VoteCondition WithoutArguments(Token name, List<Token> arguments, VoteCondition condition) =>
        arguments.Count == 0 ? condition : throw new RuleFaultException(arguments[0].Offset, $"'{name.Text}' takes no argument");

    static VoteCondition.Before Before(Token name, List<Token> arguments)
    {
        if (arguments is not [{ Kind: TokenKind.Quoted } argument])
        {
            throw new RuleFaultException(
                arguments.Count == 0 ? name.Offset : arguments[^1].Offset,
                "'before' takes one quoted date: before(\"2026-05-01\")"
            );
        }
        var text = argument.Text;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return new VoteCondition.Before(new DateTimeOffset(date.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero));
        }
        // RFC 3339 asks for an offset; without one the instant would depend on the machine's time zone.
        var hasOffset = text.EndsWith('Z') || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':');
        if (
            hasOffset
            && DateTimeOffset.TryParseExact(
                text,
                InstantFormats,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal,
                out var instant
            )
        )
        {
            return new VoteCondition.Before(instant);
        }
        throw new RuleFaultException(
            argument.Offset,
            "not a date as RFC 3339 writes it: \"2026-05-01\" (midnight UTC) or \"2026-05-01T12:00:00Z\""
        );
    }

    VoteCondition.Witnessed Witnessed(Token name, List<Token> arguments, TrustModel inner)
    {
        if (arguments is not [{ Kind: TokenKind.Word } argument])
        {
            throw new RuleFaultException(
                arguments.Count == 0 ? name.Offset : arguments[^1].Offset,
                "'witnessed' takes one number: witnessed(2)"
            );
        }
        if (!int.TryParse(argument.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || argument.Text[0] == '0')
        {
            throw new RuleFaultException(argument.Offset, "expected a number of witnesses from 1, without leading zeros");
        }
        foreach (var builder in inner.Builders())
        {
            var most = context
                .Sources.Where(source => source.Builder == builder)
                .Select(source => source.Witnesses)
                .DefaultIfEmpty(0)
                .Max();
            if (most < count)
            {
                throw new RuleFaultException(
                    argument.Offset,
                    most == 0
                        ? $"no log of builder '{builder}' has witnesses configured, so 'witnessed' could never hold; give its log 'witnesses:'"
                        : $"no log of builder '{builder}' has more than {most} witnesses configured, so {count} could never hold"
                );
            }
        }
        return new VoteCondition.Witnessed(count);
    }

    VoteCondition.Fresh Fresh(Token name, List<Token> arguments, TrustModel inner)
    {
        if (arguments is not [{ Kind: TokenKind.Quoted } argument])
        {
            throw new RuleFaultException(
                arguments.Count == 0 ? name.Offset : arguments[^1].Offset,
                "'fresh' takes one quoted duration: fresh(\"24h\")"
            );
        }
        if (!RuleSyntax.TryDuration(argument.Text, out var age))
        {
            throw new RuleFaultException(argument.Offset, "not a duration like \"90s\", \"10m\", \"24h\" or \"7d\", at most ten years");
        }
        return inner.Builders().FirstOrDefault(b => !context.Sources.Any(s => s.Builder == b && s.LogId is not null)) is { } builder
            ? throw new RuleFaultException(name.Offset, $"builder '{builder}' has no log, so 'fresh' could never hold")
            : new VoteCondition.Fresh(age);
    }

    VoteCondition.UntilIndex UntilIndex(Token name, List<Token> arguments, TrustModel inner)
    {
        if (arguments.Count is not (1 or 2))
        {
            throw new RuleFaultException(name.Offset, "'until_index' takes a log and a number: until_index(alice, 12345)");
        }
        var builders = inner.Builders().ToList();
        var number = arguments[^1];
        var source = arguments.Count == 2 ? NamedLog(arguments[0]) : OnlyLog(name, builders);
        if (builders.Find(builder => builder != source.Builder) is { } stranger)
        {
            throw new RuleFaultException(
                name.Offset,
                $"log '{source.Name}' is builder {source.Builder}'s, so no vote of '{stranger}' could ever hold; bind the condition to {source.Builder} alone"
            );
        }
        if (
            number.Kind != TokenKind.Word
            || !ulong.TryParse(number.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var entries)
            || (number.Text.Length > 1 && number.Text[0] == '0')
        )
        {
            throw new RuleFaultException(number.Offset, "expected the number of entries that count, without leading zeros");
        }
        return new VoteCondition.UntilIndex(source.Name, source.LogId!, entries);
    }

    BuilderSource NamedLog(Token argument)
    {
        var logs = context.Sources.Where(source => source.LogId is not null).ToList();
        return logs.Find(log => log.LogId == argument.Text) is { } byId ? byId
            : logs.Where(log => log.Name == argument.Text).ToList() is { Count: > 0 } byName
                ? byName.Count == 1 ? byName[0]
                    : throw new RuleFaultException(argument.Offset, $"{byName.Count} logs are named '{argument.Text}'; give the log ID")
            : throw new RuleFaultException(
                argument.Offset,
                $"unknown log '{argument.Text}'{NearestName.Hint(argument.Text, logs.Select(log => log.Name))}"
            );
    }

    BuilderSource OnlyLog(Token name, List<string> builders)
    {
        if (builders is not [var builder])
        {
            throw new RuleFaultException(name.Offset, "name the log: until_index(LOG, n); n alone is for a single builder");
        }
        var logs = context.Sources.Where(source => source.Builder == builder && source.LogId is not null).ToList();
        return logs.Count == 1
            ? logs[0]
            : throw new RuleFaultException(
                name.Offset,
                logs.Count == 0
                    ? $"builder '{builder}' has no log, so 'until_index' could never hold"
                    : $"builder '{builder}' has {logs.Count} logs; name one: until_index({RuleSyntax.Name(logs[0].Name)}, n)"
            );
    }
}
