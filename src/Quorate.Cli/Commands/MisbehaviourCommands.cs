using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log misbehaviour …</c>: what a log was caught in, as a file that everybody can check.</summary>
static class MisbehaviourCommands
{
    public static Command Build(CliHost host)
    {
        var command = new Command("misbehaviour", "Show, export and verify proofs that a log contradicted itself")
        {
            Show(host),
            Export(host),
            Verify(host),
        };
        command.Teach(
            "A proof is a contradiction under the log's own signatures. Remotes that are down, slow or lying prove nothing about a log.",
            "quorate log misbehaviour show bob",
            "quorate log misbehaviour export bob bob.proof",
            "quorate log misbehaviour verify bob.proof --key 2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo="
        );
        return command;
    }

    static Command Show(CliHost host)
    {
        var log = LogCommands.LogArgument();
        var json = CommandLine.Json();
        var command = new Command("show", "Show what a followed log was caught in") { log, json };
        command.Teach("", "quorate log misbehaviour show bob");
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.MisbehaviourAsync(parse.GetRequiredValue(log), cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                    return ExitCode.Ok;
                }
                await host.Out.WriteLineAsync(
                    $"""
                    kind   {Screen.Printable(answer.Value.Kind)}
                    found  {Screen.Printable(answer.Value.Found ?? "-")}
                    {Screen.Printable(answer.Value.Detail)}
                    """
                );
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Command Export(CliHost host)
    {
        var log = LogCommands.LogArgument();
        var file = new Argument<string>("FILE") { Description = "Where to write the proof; '-' for standard output" };
        var command = new Command("export", "Write the proof to a file") { log, file };
        command.Teach(
            "The file is small, and complete for whoever has the log's public key.",
            "quorate log misbehaviour export bob bob.proof"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.MisbehaviourAsync(parse.GetRequiredValue(log), cancellationToken);
                var path = parse.GetRequiredValue(file);
                if (path == "-")
                {
                    await using var output = host.OpenOutput();
                    await output.WriteAsync(answer.Value.Proof, cancellationToken);
                    return ExitCode.Ok;
                }
                DurableFile.Replace(path, answer.Value.Proof);
                await host.Out.WriteLineAsync($"{path}: {answer.Value.Proof.Length} bytes");
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Command Verify(CliHost host)
    {
        var file = new Argument<string>("FILE") { Description = "The proof" };
        var key = new Option<string>("--key")
        {
            Description = "The log's public key, 32 bytes in base64, from a place that you trust",
            Required = true,
            HelpName = "BASE64",
        };
        var protocol = new Option<string?>("--protocol")
        {
            Description = "The log's protocol (default nix): it tells what its map says of a key",
            HelpName = "NAME",
        };
        var json = CommandLine.Json();
        var command = new Command("verify", "Check a proof, with nothing but the log's key") { file, key, protocol, json };
        command.Teach(
            "Needs no node and no network. Exit status: 0 the log contradicted itself, 2 the file proves nothing, 1 the file cannot be read.",
            "quorate log misbehaviour verify bob.proof --key 2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo="
        );
        command.SetAction(async parse =>
        {
            if (!Ed25519PublicKey.TryParse(parse.GetRequiredValue(key), out var parsed))
            {
                throw new CliException("--key: not the base64 of 32 bytes");
            }
            var (record, result) = Check(
                parse.GetRequiredValue(file),
                new LogIdentity(LogFolderOptions.FindProtocol(parse.GetValue(protocol) ?? Protocol.Nix.Name), parsed)
            );
            var rejected = result as Verification.Rejected;
            if (parse.GetValue(json))
            {
                await host.WriteJsonAsync(w =>
                {
                    w.WriteBoolean("proven", rejected is null);
                    w.WriteString("kind", record is null ? null : MisbehaviourProof.NameOf(record.Kind));
                    w.WriteString("detail", rejected?.ToString() ?? record!.Detail);
                });
            }
            else
            {
                await host.Out.WriteLineAsync(rejected is null ? $"proven: {record!.Detail}" : $"proves nothing: {rejected}");
            }
            return rejected is null ? ExitCode.Ok : ExitCode.Rejected;
        });
        return command;
    }

    static (Misbehaviour? Record, Verification Result) Check(string path, LogIdentity log)
    {
        if (new FileInfo(path) is { Exists: true, Length: > MisbehaviourProof.MaxBytes })
        {
            return (null, Verification.Reject("malformed", $"a proof has at most {MisbehaviourProof.MaxBytes} bytes"));
        }
        try
        {
            var record = MisbehaviourProof.Parse(File.ReadAllBytes(path), out _);
            return (record, record.Verify(log));
        }
        catch (MalformedException e)
        {
            return (null, Verification.Reject("malformed", e.Message));
        }
    }
}
