using System.CommandLine;
using Quorate.Cli.Doctor;
using Quorate.Cli.Rendering;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate doctor</c>: what is missing or wrong on this machine, and what to do about it.</summary>
static class DoctorCommand
{
    public static Command Build(CliHost host)
    {
        var config = new Option<string?>("--config") { Description = "A configuration in an unusual place", HelpName = "FILE" };
        var json = CommandLine.Json();
        var command = new Command("doctor", "Check libraries, keys, clock, node and subscriptions")
        {
            config,
            json,
            NixDoctorCommand.Build(host),
        };
        command.Teach(
            "Works without a node: what is not configured is a note. Exit status 1 when something is broken.",
            "quorate doctor",
            "quorate doctor nix        what on this machine goes around the gate"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var checks = new MachineChecks(host, parse.GetValue(CommandLine.Node), parse.GetValue(config));
                return await ReportAsync(host, await checks.RunAsync(cancellationToken), parse.GetValue(json));
            }
        );
        return command;
    }

    public static async Task<int> ReportAsync(CliHost host, IReadOnlyList<Finding> findings, bool json)
    {
        if (json)
        {
            await host.WriteJsonAsync(w =>
            {
                w.WriteStartArray("findings");
                foreach (var finding in findings)
                {
                    w.WriteStartObject();
                    w.WriteString("grade", Word(finding.Grade));
                    w.WriteString("subject", finding.Subject);
                    w.WriteString("detail", finding.Detail);
                    w.WriteString("remedy", finding.Remedy);
                    w.WriteEndObject();
                }
                w.WriteEndArray();
            });
        }
        else
        {
            foreach (var finding in findings)
            {
                await host.Out.WriteLineAsync(Screen.Printable($"{Word(finding.Grade), -8} {finding.Subject}: {finding.Detail}"));
                if (finding.Remedy is { } remedy && finding.Grade != Grade.Good)
                {
                    await host.Out.WriteLineAsync(Screen.Printable($"         → {remedy}"));
                }
            }
        }
        return findings.Any(f => f.Grade == Grade.Fault) ? ExitCode.Error : ExitCode.Ok;
    }

    static string Word(Grade grade) =>
        grade switch
        {
            Grade.Good => "ok",
            Grade.Note => "note",
            Grade.Warning => "WARNING",
            _ => "FAULT",
        };
}
