using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Quorate.Cli.Commands;
using Quorate.Sources.Configuration;
using Quorate.Sources.Control;

namespace Quorate.Cli;

/// <summary>The command tree and the one place where errors become messages.</summary>
static class CommandLine
{
    /// <summary>Global; see <see cref="NodeAddress.Locate"/>.</summary>
    public static Option<string?> Node { get; } =
        new("--node")
        {
            Description = "Control listener of the node: unix:///path.socket or http(s)://host:port",
            HelpName = "ADDRESS",
            Recursive = true,
        };

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document instead of text" };

    static readonly CommandTable s_commands = new(
        ("init", (host, _) => InitCommand.Build(host)),
        ("key", (host, _) => KeyCommands.Build(host)),
        ("token", (host, _) => TokenCommand.Build(host)),
        ("log", (host, _) => LogCommands.Build(host)),
        ("submit", (host, _) => SubmitCommands.Submit(host)),
        ("flush", (host, _) => SubmitCommands.Flush(host)),
        ("decide", (host, _) => DecideCommand.Build(host)),
        ("why", (host, _) => WhyCommand.Build(host)),
        ("nix", NixCommands.Build),
        ("doctor", (host, _) => DoctorCommand.Build(host)),
        ("completion", (host, _) => CompletionCommand.Build(host))
    );

    /// <param name="words">The command line, where only what it names is needed.</param>
    public static RootCommand Build(CliHost host, params ReadOnlySpan<string> words)
    {
        var root = new RootCommand(
            "Publish what you build, count what others built, and see why something is or is not installed. Talks to a running quorated."
        )
        {
            Node,
        };
        s_commands.AddTo(root, host, words);
        root.Teach(
            "A node is found by --node, $QUORATE_NODE, /run/quorate/control.socket, then $XDG_RUNTIME_DIR/quorate/control.socket.\n"
                + "Exit status: 0 accepted or done, 1 usage or internal error, 2 rejected, 3 inconclusive.",
            "quorate init",
            "quorate decide /nix/store/…-hello-2.12",
            "quorate why ./result"
        );
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new TeachingHelp((HelpAction)help.Action!);
        return root;
    }

    public static async Task<int> RunAsync(string[] args, CliHost host, CancellationToken cancellationToken)
    {
        var result = Build(host, args).Parse(args);
        if (result.Action is ParseErrorAction)
        {
            foreach (var error in result.Errors)
            {
                await host.Error.WriteLineAsync($"quorate: {error.Message}");
            }
            await host.Error.WriteLineAsync($"See `{Path(result.CommandResult)} --help`.");
            return ExitCode.Error;
        }
        try
        {
            return await result.InvokeAsync(
                new InvocationConfiguration
                {
                    EnableDefaultExceptionHandler = false,
                    Output = host.Out,
                    Error = host.Error,
                },
                cancellationToken
            );
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Error;
        }
        catch (Exception e)
        {
            await host.Error.WriteLineAsync("quorate: " + Explain(e));
            if (host.Variable("QUORATE_DEBUG") is { Length: > 0 })
            {
                await host.Error.WriteLineAsync(e.ToString());
            }
            return ExitCode.Error;
        }
    }

    static string Explain(Exception e) =>
        e switch
        {
            ControlException c => $"{c.Message} ({c.Code})",
            CliException or ConfigurationException or IOException or UnauthorizedAccessException or FormatException => e.Message,
            DllNotFoundException => $"{e.Message.Split('\n')[0]}\nRun `quorate doctor` to see which package is missing.",
            _ => $"internal error: {e.GetType().Name}: {e.Message}\nPlease report it; QUORATE_DEBUG=1 shows where it happened.",
        };

    static string Path(SymbolResult? result) =>
        result switch
        {
            CommandResult { Command: RootCommand } => "quorate",
            CommandResult command => $"{Path(command.Parent)} {command.Command.Name}",
            _ => "quorate",
        };
}

/// <summary>Help that explains and shows examples below the generated part.</summary>
static class Teaching
{
    static readonly System.Runtime.CompilerServices.ConditionalWeakTable<Command, string> s_texts = [];

    public static void Teach(this Command command, string explanation, params string[] examples)
    {
        var text = explanation.Length > 0 ? $"Notes:\n  {explanation.ReplaceLineEndings("\n  ")}\n" : "";
        if (examples.Length > 0)
        {
            text += (text.Length > 0 ? "\n" : "") + $"Examples:\n  {string.Join("\n  ", examples)}\n";
        }
        s_texts.AddOrUpdate(command, text);
    }

    public static string? TextOf(Command command) => s_texts.TryGetValue(command, out var text) ? text : null;
}

sealed class TeachingHelp(HelpAction standard) : SynchronousCommandLineAction
{
    // The standard action clears parse errors (`quorate decide --help` lacks its argument and is fine); so must its wrapper.
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        standard.Invoke(parseResult);
        if (Teaching.TextOf(parseResult.CommandResult.Command) is { } text)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(text);
        }
        return ExitCode.Ok;
    }
}
