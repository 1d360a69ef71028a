namespace Quorate.Cli.Rendering;

/// <summary>How a line of an <see cref="Outline"/> looks on a terminal.</summary>
enum Tone
{
    Plain,
    Good,
    Doubtful,
    Bad,
}

/// <summary>A tree for people: a line of text and what is below it. Texts are foreign: control characters are not printed.</summary>
sealed class Outline(string text, Tone tone = Tone.Plain)
{
    readonly List<Outline> _below = [];

    public Outline Add(string text, Tone tone = Tone.Plain)
    {
        var node = new Outline(text, tone);
        _below.Add(node);
        return node;
    }

    /// <param name="colours">Whether <paramref name="writer"/> is a terminal that shows colours.</param>
    public void WriteTo(TextWriter writer, bool colours) => WriteTo(writer, colours, first: "", further: "");

    /// <param name="first">What stands before the text.</param>
    /// <param name="further">What stands before its further lines, and before everything below.</param>
    void WriteTo(TextWriter writer, bool colours, string first, string further)
    {
        var before = first;
        foreach (var line in Screen.Printable(text).Split('\n'))
        {
            writer.Write(before);
            writer.WriteLine(colours ? Coloured(line) : line);
            before = further;
        }
        for (var i = 0; i < _below.Count; i++)
        {
            var last = i == _below.Count - 1;
            _below[i].WriteTo(writer, colours, further + (last ? "└── " : "├── "), further + (last ? "    " : "│   "));
        }
    }

    string Coloured(string line) =>
        tone switch
        {
            Tone.Good => $"\u001b[32m{line}\u001b[0m",
            Tone.Doubtful => $"\u001b[33m{line}\u001b[0m",
            Tone.Bad => $"\u001b[31m{line}\u001b[0m",
            _ => line,
        };
}
