namespace Quorate.Trust.Rules;

/// <summary>Why a rule was refused, and where.</summary>
/// <param name="Line">1-based line in the rule's text.</param>
/// <param name="Column">1-based column, in UTF-16 units.</param>
/// <param name="Message">One sentence for people.</param>
/// <param name="Excerpt">The line of the rule, and under it a caret.</param>
public sealed record RuleError(int Line, int Column, string Message, string Excerpt)
{
    // A caret under column 4,000 helps nobody.
    const int Context = 60;

    internal static RuleError At(string text, int offset, string message)
    {
        offset = Math.Min(offset, text.Length);
        var line = 1;
        var start = 0;
        for (var i = 0; i < offset; i++)
        {
            if (text[i] == '\n')
            {
                line++;
                start = i + 1;
            }
        }
        var end = text.IndexOf('\n', start);
        if (end < 0)
        {
            end = text.Length;
        }
        var from = Math.Max(start, offset - Context);
        var to = Math.Min(end, offset + Context);
        var shown = string.Concat(text[from..to].Select(c => char.IsControl(c) ? ' ' : c));
        return new RuleError(line, offset - start + 1, message, $"{shown}\n{new string(' ', offset - from)}^");
    }

    public override string ToString() => $"{Line}:{Column}: {Message}\n{Excerpt}";
}
