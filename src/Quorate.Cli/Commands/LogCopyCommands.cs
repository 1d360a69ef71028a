using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Crypto.Keys;
using Quorate.Log;
using Quorate.Log.Portable;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log export</c> and <c>import</c>: a log as a directory of tiles, values and heads.</summary>
static class LogCopyCommands
{
    public static Command Export(CliHost host)
    {
        var folder = new Argument<string>("FOLDER")
        {
            Description = "A log's folder: STATE/logs/ID or STATE/mirrors/ID, with the node stopped",
        };
        var target = new Argument<string>("DIR") { Description = "Where to write; must be empty or not exist" };
        var protocol = LogFolderOptions.Protocol();
        var key = LogFolderOptions.Key();
        var json = CommandLine.Json();
        var command = new Command("export", "Write a log as a portable directory of tiles, values and heads")
        {
            folder,
            target,
            protocol,
            key,
            json,
        };
        command.Teach(
            "The whole log is checked first (see `quorate log fsck`). The files are those that the node serves under /logs/ID/; any static\n"
                + "web server can publish them, and `quorate log audit` and other tile tools can read them.",
            "quorate log export /var/lib/quorate/logs/4ff5… /backup/alice"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var source = parse.GetRequiredValue(folder);
                using var held = StateDirectory.LockOf(source);
                var counter = new CheckCounter(host);
                var identity = LogFolderOptions.Identity(parse.GetValue(protocol), parse.GetValue(key));
                var report = LogExport.Run(source, identity, parse.GetRequiredValue(target), counter, cancellationToken);
                counter.Done();
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(writer =>
                    {
                        writer.WriteString("log_id", report.Identity.Id.Text);
                        writer.WriteNumber("entries", report.Head.TreeSize);
                        writer.WriteNumber("heads", report.Head.MhTreeSize);
                        writer.WriteString("log_root", report.Head.LogRoot.ToString());
                        writer.WriteBoolean("all_heads", report.HasAllHeads);
                        writer.WriteNumber("missing_values", report.MissingValues);
                    });
                    return ExitCode.Ok;
                }
                await host.Out.WriteLineAsync(
                    $"exported {report.Head.TreeSize} entries of log {report.Identity.Id}, root {report.Head.LogRoot}"
                );
                if (!report.HasAllHeads)
                {
                    await host.Out.WriteLineAsync("this mirror does not have all heads: the directory has the newest one only");
                }
                if (report.MissingValues > 0)
                {
                    await host.Out.WriteLineAsync($"{report.MissingValues} values are not held here and are missing");
                }
                return ExitCode.Ok;
            }
        );
        return command;
    }

    public static Command Import(CliHost host)
    {
        var source = new Argument<string>("DIR") { Description = "A portable directory, as `quorate log export` writes it" };
        var state = new Option<string>("--state")
        {
            Description = "The node's state directory, with the node stopped",
            Required = true,
            HelpName = "DIR",
        };
        var publish = new Option<string?>("--publish")
        {
            Description = "Private key of the log: it becomes a log that the node writes (otherwise a mirror)",
            HelpName = "KEY-FILE",
        };
        var signed = new Option<string?>("--signed-state")
        {
            Description = "The folder of node.signed_state, which remembers what was signed",
            HelpName = "DIR",
        };
        var known = new Option<string[]>("--known-head")
        {
            Description = "A head that a follower or witness shows (quorate log head LOG --json); may be repeated",
            HelpName = "FILE",
        };
        var newest = new Option<bool>("--newest") { Description = "You answer for it that nobody has seen a later head" };
        var json = CommandLine.Json();
        var command = new Command("import", "Make a log or a mirror of a portable directory")
        {
            source,
            state,
            publish,
            signed,
            known,
            newest,
            json,
        };
        command.Teach(
            "Everything is checked before anything is in its place. With --publish, a copy that lacks anything known to have been signed is refused:\n"
                + "writing on from it would fork the log, which anybody can prove. Known is what the state directory, --signed-state and --known-head tell.\n"
                + "What no one of them saw cannot be known: ask your followers first. A folder that is replaced is kept in STATE/replaced.",
            "quorate log import /backup/bob --state /var/lib/quorate",
            "quorate log import /backup/alice --state /var/lib/quorate --publish alice.key --known-head seen-by-bob.json"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                using var opened = StateDirectory.Open(parse.GetRequiredValue(state));
                using var key = parse.GetValue(publish) is { } file ? KeyFiles.ReadPrivate(file).Key : null;
                var counter = new CheckCounter(host);
                var report = await LogImport.RunAsync(
                    new LogImportOptions
                    {
                        Source = parse.GetRequiredValue(source),
                        State = opened,
                        Key = key,
                        SignedState = parse.GetValue(signed),
                        KnownHeads = [.. (parse.GetValue(known) ?? []).Select(ReadHead)],
                        IsNewest = parse.GetValue(newest),
                        Time = host.Clock,
                    },
                    counter,
                    cancellationToken
                );
                counter.Done();
                var check = report.Check;
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(writer =>
                    {
                        writer.WriteString("folder", check.Folder);
                        writer.WriteString("log_id", check.Identity.Id.Text);
                        writer.WriteString("role", key is null ? "mirror" : "published");
                        writer.WriteNumber("entries", check.Head!.TreeSize);
                        writer.WriteNumber("missing_values", check.MissingValues);
                        if (report.Replaced is { } kept)
                        {
                            writer.WriteString("replaced", kept);
                        }
                    });
                    return ExitCode.Ok;
                }
                await host.Out.WriteLineAsync($"{check.Folder}: {check.Head!.TreeSize} entries of log {check.Identity.Id}, all checked");
                if (report.Replaced is { } replaced)
                {
                    await host.Out.WriteLineAsync($"what was there before is in {replaced}");
                }
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static LogHead ReadHead(string path)
    {
        using var file = File.OpenHandle(path);
        var bytes = new byte[HeadJson.MaxBytes + 1];
        var length = RandomAccess.Read(file, bytes, 0);
        return HeadJson.TryRead(bytes.AsMemory(0, length))
            ?? throw new CliException($"{path}: not a head as `quorate log head LOG --json` prints it");
    }
}
