using System.Globalization;
using Quorate.Trust.Engines;

namespace Quorate.Conformance.TrustixDecide;

/// <summary>Reads the deciders out of the vectors' Trustix configurations: just enough TOML for those files.</summary>
static class TrustixConfig
{
    /// <param name="builderOf">The builder of a log ID.</param>
    public static List<Engine> Deciders(string toml, Func<string, string> builderOf)
    {
        var engines = new List<Engine>();
        // Each decider begins with its engine's name, followed by a table of that name.
        foreach (var part in toml.Split("engine = \"").Skip(1))
        {
            engines.Add(
                part[..part.IndexOf('"', StringComparison.Ordinal)] switch
                {
                    "percentage" => new Engine.Percentage(
                        int.Parse(Between(part, "minimum = ", "\n"), NumberStyles.None, CultureInfo.InvariantCulture)
                    ),
                    "logid" => new Engine.LogIdMatch(Between(part, "id = \"", "\""), builderOf(Between(part, "id = \"", "\""))),
                    "javascript" => new Engine.JavaScript(Between(part, "function = \"\"\"", "\"\"\"")),
                    var other => throw new InvalidOperationException($"unknown engine {other}"),
                }
            );
        }
        return engines;
    }

    static string Between(string text, string start, string end)
    {
        var from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}
