using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Quorate.Cli.Rendering;
using Quorate.Log;
using Quorate.Log.Checking;
using Quorate.Log.Storage;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log fsck</c>: the full check of logs that no node has open.</summary>
static class LogCheckCommand
{
    const string DefaultState = "/var/lib/quorate";

    public static Command Build(CliHost host)
    {
        var folder = new Argument<string?>("DIR")
        {
            Description = $"A log's folder, or a state directory with --log or all its logs (default: {DefaultState})",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var log = new Option<string?>("--log")
        {
            Description = "Of the logs in the state directory only the one with this ID, or whose ID begins so",
            HelpName = "ID",
        };
        var protocol = LogFolderOptions.Protocol();
        var key = LogFolderOptions.Key();
        var repair = new Option<bool>("--repair")
        {
            Description = "Remove damaged derived files, which the node then makes again; never touches the write-ahead file",
        };
        var json = CommandLine.Json();
        var command = new Command("fsck", "Check a log's files completely, with the node stopped")
        {
            folder,
            log,
            protocol,
            key,
            repair,
            json,
        };
        command.Teach(
            "Reads every segment, frame, value and signature, and recomputes every root under every head. Changes nothing without --repair.\n"
                + "Exit status: 0 intact, 2 damaged (file, offset and the command that helps are printed), 1 it could not be checked.",
            "quorate log fsck /var/lib/quorate",
            "quorate log fsck /var/lib/quorate/logs/4ff5…",
            "quorate log fsck /var/lib/quorate --log 4ff5… --json"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var identity = LogFolderOptions.Identity(parse.GetValue(protocol), parse.GetValue(key));
                var folders = Folders(parse.GetValue(folder) ?? DefaultState, parse.GetValue(log));
                var reports = new List<LogCheckReport>();
                foreach (var each in folders)
                {
                    using var held = StateDirectory.LockOf(each);
                    var report = Check(host, each, identity, cancellationToken);
                    reports.Add(parse.GetValue(repair) ? LogRepair.Run(report) : report);
                }
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(writer => Write(writer, reports));
                }
                else
                {
                    foreach (var report in reports)
                    {
                        await WriteAsync(host, report);
                    }
                }
                return reports.TrueForAll(r => r.IsIntact) ? ExitCode.Ok : ExitCode.Rejected;
            }
        );
        return command;
    }

    static LogCheckReport Check(CliHost host, string folder, LogIdentity? identity, CancellationToken cancellationToken)
    {
        var counter = new CheckCounter(host);
        try
        {
            return LogChecker.Run(folder, identity, WriteAheadDisk.Real, counter, cancellationToken);
        }
        finally
        {
            counter.Done();
        }
    }

    static List<string> Folders(string folder, string? log)
    {
        if (!Directory.Exists(folder))
        {
            throw new CliException($"{folder}: there is no such folder");
        }
        var all = ((string[])["logs", "mirrors"])
            .Select(name => Path.Combine(folder, name))
            .Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories)
            .ToList();
        if (log is not null)
        {
            var chosen = all.Where(f => Path.GetFileName(f).StartsWith(log, StringComparison.Ordinal)).ToList();
            return chosen.Count > 0 ? chosen : throw new CliException($"{folder} has no log whose ID begins with {log}");
        }
        return all.Count > 0 ? all : [folder];
    }

    static async Task WriteAsync(CliHost host, LogCheckReport report)
    {
        await host.Out.WriteLineAsync(
            $"""
            {report.Folder}
              log          {report.Identity.Id} ({report.Identity.Protocol}, {(report.IsMirror ? "mirror" : "published")})
              checked      {report.Head?.TreeSize
                ?? 0} entries, {report.Heads} heads, {report.Checkpoints} checkpoints, {report.Bytes} bytes in {report.Segments} segments
            """
        );
        if (report.Head is { } head)
        {
            await host.Out.WriteLineAsync($"  log root     {head.LogRoot}\n  map root     {head.MapRoot}\n  map history  {head.MhRoot}");
        }
        if (report.MissingValues > 0)
        {
            await host.Out.WriteLineAsync($"  missing      {report.MissingValues} values that no remote gave");
        }
        foreach (var note in report.Notes)
        {
            await host.Out.WriteLineAsync("  note         " + Screen.Printable(note));
        }
        foreach (var damage in report.Damage)
        {
            await host.Out.WriteLineAsync(
                $"  DAMAGED      {damage.File}{(damage.Offset is { } at ? string.Create(CultureInfo.InvariantCulture, $" at offset {at}") : "")}: {Screen.Printable(damage.What)}"
            );
        }
        await host.Out.WriteLineAsync(report.Recovery is { } recovery ? $"  recovery     {recovery}" : "  intact");
    }

    static void Write(Utf8JsonWriter writer, List<LogCheckReport> reports)
    {
        writer.WriteBoolean("intact", reports.TrueForAll(r => r.IsIntact));
        writer.WriteStartArray("logs");
        foreach (var report in reports)
        {
            writer.WriteStartObject();
            writer.WriteString("folder", report.Folder);
            writer.WriteString("log_id", report.Identity.Id.Text);
            writer.WriteString("protocol", report.Identity.Protocol.Name);
            writer.WriteString("key", report.Identity.Key.ToString());
            writer.WriteString("role", report.IsMirror ? "mirror" : "published");
            writer.WriteBoolean("intact", report.IsIntact);
            writer.WriteNumber("entries", report.Head?.TreeSize ?? 0);
            writer.WriteNumber("heads", report.Heads);
            writer.WriteNumber("checkpoints", report.Checkpoints);
            writer.WriteNumber("bytes", report.Bytes);
            writer.WriteNumber("segments", report.Segments);
            writer.WriteNumber("missing_values", report.MissingValues);
            if (report.Head is { } head)
            {
                writer.WriteString("log_root", head.LogRoot.ToString());
                writer.WriteString("map_root", head.MapRoot.ToString());
                writer.WriteString("mh_root", head.MhRoot.ToString());
                writer.WriteNumber("mh_tree_size", head.MhTreeSize);
            }
            writer.WriteStartArray("damage");
            foreach (var damage in report.Damage)
            {
                writer.WriteStartObject();
                writer.WriteString("file", damage.File);
                if (damage.Offset is { } offset)
                {
                    writer.WriteNumber("offset", offset);
                }
                writer.WriteString("what", damage.What);
                writer.WriteBoolean("derived", damage.IsDerived);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("notes");
            foreach (var note in report.Notes)
            {
                writer.WriteStringValue(note);
            }
            writer.WriteEndArray();
            if (report.Recovery is { } recovery)
            {
                writer.WriteString("recovery", recovery);
            }
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
