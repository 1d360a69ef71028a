using System.CommandLine;

namespace Quorate.Cli;

/// <summary>
/// Commands by their names, each built when it is wanted: building all of them takes longer than most of them run. Where the words of a command
/// line name one, only that one is built; where they do not (help, completion, a mistake), all are.
/// </summary>
sealed class CommandTable(params (string Name, CommandTable.Builder Build)[] commands)
{
    /// <param name="words">What follows the command's name.</param>
    public delegate Command Builder(CliHost host, ReadOnlySpan<string> words);

    public void AddTo(Command parent, CliHost host, ReadOnlySpan<string> words)
    {
        var name = words.IsEmpty ? "" : words[0];
        var named = Array.FindIndex(commands, command => command.Name == name);
        if (named >= 0)
        {
            parent.Add(commands[named].Build(host, words[1..]));
            return;
        }
        foreach (var (_, build) in commands)
        {
            parent.Add(build(host, []));
        }
    }
}
