using System.CommandLine;
using Quorate.Cli.Rendering;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate why</c>: the evidence behind a decision, as a tree.</summary>
static class WhyCommand
{
    public static Command Build(CliHost host)
    {
        var key = InputKey.Argument();
        var hex = InputKey.HexOption();
        var protocol = InputKey.ProtocolOption();
        var json = CommandLine.Json();
        var command = new Command("why", "Explain a decision: who said what, which rule, what is missing, what is proven")
        {
            key,
            hex,
            protocol,
            json,
        };
        command.Teach(
            "built: the builder's own machines executed it. relayed: it only passed on what it fetched. cache: a binary cache signed it.\n"
                + "'entry 7 of 40' means: proven to be in the builder's log, under a signed head with 40 entries.\n"
                + "The exit status is the decision's, as for `quorate decide`.",
            "quorate why /nix/store/…-hello-2.12",
            "quorate why ./result --json"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var input = InputKey.Resolve(parse.GetValue(key), parse.GetValue(hex), parse.GetValue(protocol));
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.DecideAsync(input.Protocol.Name, input.Key, cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                }
                else
                {
                    host.Write(EvidenceTree.Of(input.Shown, answer.Value));
                }
                return DecideCommand.ExitOf(answer.Value.Verdict);
            }
        );
        return command;
    }
}
