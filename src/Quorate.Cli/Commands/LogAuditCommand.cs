using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Quorate.Cli.Rendering;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Auditing;
using Quorate.Sources.Tiles;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log audit</c>: any tile log, checked completely, without a node.</summary>
static class LogAuditCommand
{
    const int MaxKeyFile = 8 << 10;

    /// <summary>Over a network most of the time is waiting.</summary>
    const int HttpWorkers = 32;

    static readonly TimeSpan s_saveEvery = TimeSpan.FromSeconds(2);

    public static Command Build(CliHost host)
    {
        var target = new Argument<string>("TARGET") { Description = "URL of a log (https://host/logs/ID), or a folder with its files" };
        var key = new Option<string>("--key")
        {
            Description = "The log's verifier key, name+hash+base64, or a file that holds it",
            Required = true,
            HelpName = "VKEY",
        };
        var state = new Option<string?>("--state")
        {
            Description = "Go on from here, and note here how far this audit came",
            HelpName = "FILE",
        };
        var workers = new Option<int?>("--workers") { Description = "Objects to read at once", HelpName = "N" };
        var map = new Option<bool>("--map") { Description = "Quorate logs: rebuild the map, too (about 200 bytes of memory per key)" };
        var protocol = new Option<string?>("--protocol")
        {
            Description = "With --map, of a log whose address does not tell its ID: its protocol (default nix)",
            HelpName = "NAME",
        };
        var json = CommandLine.Json();
        var command = new Command("audit", "Check a tile log completely: every entry, every hash, every signature")
        {
            target,
            key,
            state,
            workers,
            map,
            protocol,
            json,
        };
        command.Teach(
            "Works on every C2SP tlog-tiles log, ours or not. Exit status: 0 sound, 2 bad (the first bad object is named), 1 could not tell.\n"
                + "With --state a later audit reads only what is new, and notices a log that was rewritten.",
            "quorate log audit https://log.example/logs/1f0c… --key log.vkey --state alice.audit",
            "quorate log audit ./mirror-of-a-log --key example.com/log+639579fa+AYqI…"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var verifier = ReadKey(parse.GetRequiredValue(key));
                var place = parse.GetRequiredValue(target);
                var url = HttpUrl(place);
                var count = parse.GetValue(workers) ?? (url is null ? Environment.ProcessorCount : HttpWorkers);
                if (count is < 1 or > 1024)
                {
                    throw new CliException("--workers: a number from 1 to 1024");
                }
                using var http = url is null ? null : new HttpTileSource(url, count, TimeProvider.System);
                var file = parse.GetValue(state) is { } path ? new StateFile(path) : null;
                var meter = new Meter(host);
                var options = new AuditOptions
                {
                    Key = verifier,
                    Workers = count,
                    Map = parse.GetValue(map) ? ProtocolOf(parse.GetValue(protocol), place, verifier).MapRule : null,
                    From = file?.Read(verifier),
                    Reached = file is null ? null : file.Reached,
                    Progress = meter.Show,
                };
                AuditOutcome? outcome = null;
                try
                {
                    outcome = await new LogAudit(http ?? (ITileSource)new DirectoryTileSource(Folder(place)), options).RunAsync(
                        cancellationToken
                    );
                }
                finally
                {
                    meter.Done();
                    if (outcome is null)
                    {
                        file?.Save();
                    }
                }
                var status = await ReportAsync(host, outcome, parse.GetValue(json));
                return file is null ? status : await KeepAsync(host, file, status);
            }
        );
        return command;
    }

    /// <summary>What was found stands, whether or not it can be noted where it was to be.</summary>
    static async Task<int> KeepAsync(CliHost host, StateFile file, int status)
    {
        try
        {
            file.Save();
            return status;
        }
        catch (IOException e)
        {
            await host.Error.WriteLineAsync($"quorate: how far the audit came is not noted: {e.Message}");
            return status == ExitCode.Ok ? ExitCode.Error : status;
        }
    }

    /// <summary>The key and the log's ID, which is in its address or origin, tell the protocol.</summary>
    static Protocol ProtocolOf(string? named, string place, NoteVerifierKey key) =>
        named is not null
            ? LogFolderOptions.FindProtocol(named)
            : Protocol.Known.FirstOrDefault(p =>
                key.Key is { } log && $"{key.Name} {place}".Contains(LogId.Compute(p, log).Text, StringComparison.Ordinal)
            ) ?? Protocol.Nix;

    static async Task<int> ReportAsync(CliHost host, AuditOutcome outcome, bool json)
    {
        switch (outcome)
        {
            case AuditOutcome.Sound sound:
                var checkpoint = sound.Checkpoint;
                if (json)
                {
                    await host.WriteJsonAsync(writer =>
                    {
                        writer.WriteString("result", "sound");
                        writer.WriteString("origin", checkpoint.Origin);
                        writer.WriteNumber("size", checkpoint.Size);
                        writer.WriteString("root", checkpoint.Root.ToString());
                        writer.WriteNumber("from", sound.From);
                        writer.WriteNumber("heads", sound.Heads);
                        writer.WriteNumber("missingValues", sound.MissingValues);
                        writer.WriteStartArray("checked");
                        foreach (var what in sound.Checked)
                        {
                            writer.WriteStringValue(what);
                        }
                        writer.WriteEndArray();
                    });
                    return ExitCode.Ok;
                }
                await host.Out.WriteLineAsync(
                    $"""
                    sound
                    log      {Screen.Printable(checkpoint.Origin)}
                    entries  {checkpoint.Size}{(sound.From > 0 ? $" (the first {sound.From} by an earlier audit)" : "")}
                    root     {checkpoint.Root}
                    checked  {string.Join(", ", sound.Checked)}{(sound.Heads > 0 ? $" ({sound.Heads} heads)" : "")}
                    """
                );
                if (sound.MissingValues > 0)
                {
                    await host.Out.WriteLineAsync($"missing  {sound.MissingValues} values that the log does not hold");
                }
                return ExitCode.Ok;
            case AuditOutcome.Bad bad:
                if (json)
                {
                    await host.WriteJsonAsync(writer =>
                    {
                        writer.WriteString("result", "bad");
                        writer.WriteString("object", bad.Object);
                        writer.WriteString("reason", bad.Reason);
                    });
                }
                else
                {
                    await host.Out.WriteLineAsync($"BAD: {bad.Object} {Screen.Printable(bad.Reason)}");
                }
                return ExitCode.Rejected;
            default:
                var older = (AuditOutcome.Older)outcome;
                throw new CliException(
                    $"the log shows a checkpoint of {older.Checkpoint.Size} entries, but {older.Audited} were audited before: a stale cache, or a log that went back"
                );
        }
    }

    /// <summary>The text itself, or a file with it.</summary>
    static NoteVerifierKey ReadKey(string given)
    {
        if (NoteVerifierKey.TryParse(given, out var key, out var error))
        {
            return key;
        }
        if (!File.Exists(given))
        {
            throw new CliException($"--key: {error}, and there is no file of that name");
        }
        var text = Encoding.UTF8.GetString(SmallFile.Read(given, MaxKeyFile)).TrimEnd('\n');
        return NoteVerifierKey.TryParse(text, out key, out error) ? key : throw new CliException($"{given}: {error}");
    }

    static Uri? HttpUrl(string target) =>
        Uri.TryCreate(target, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
            ? url
            : null;

    static string Folder(string target)
    {
        var folder = target.StartsWith("file://", StringComparison.Ordinal) ? new Uri(target).LocalPath : target;
        return Directory.Exists(folder) ? folder : throw new CliException($"'{target}' is neither an http(s) URL nor a folder");
    }

    /// <summary>Where an audit notes how far it came; written over seldom enough not to slow it down.</summary>
    sealed class StateFile(string path)
    {
        AuditState? _last;
        long? _saved;

        internal AuditState? Read(NoteVerifierKey key)
        {
            if (!File.Exists(path))
            {
                return null;
            }
            if (!AuditState.TryParse(SmallFile.Read(path, AuditState.MaxBytes), out var state))
            {
                throw new CliException($"{path} is not the state of an audit; name another file");
            }
            return state.Key == key.ToString() ? state : throw new CliException($"{path} is of an audit of {state.Key}; name another file");
        }

        internal void Reached(AuditState state)
        {
            _last = state;
            if (_saved is not { } saved || Stopwatch.GetElapsedTime(saved) >= s_saveEvery)
            {
                Save();
            }
        }

        internal void Save()
        {
            if (_last is { } state)
            {
                DurableFile.Replace(path, state.ToBytes());
                _last = null;
                _saved = Stopwatch.GetTimestamp();
            }
        }
    }

    /// <summary>A bar on standard error, for people only.</summary>
    sealed class Meter(CliHost host)
    {
        const int Width = 30;

        readonly long _start = Stopwatch.GetTimestamp();
        ulong? _first;
        long _shown;

        internal void Show(ulong done, ulong total)
        {
            _first ??= done;
            if (!host.Interactive || (done < total && Stopwatch.GetElapsedTime(_shown) < TimeSpan.FromMilliseconds(200)))
            {
                return;
            }
            _shown = Stopwatch.GetTimestamp();
            var filled = total == 0 ? Width : (int)(done * (double)Width / total);
            var rate = (done - _first.Value) / Math.Max(0.001, Stopwatch.GetElapsedTime(_start).TotalSeconds);
            host.Error.Write(
                $"\r[{new string('#', filled)}{new string('.', Width - filled)}] {done:#,0}/{total:#,0} entries, {rate:#,0}/s "
            );
        }

        internal void Done()
        {
            if (host.Interactive)
            {
                host.Error.Write("\r\u001b[K");
            }
        }
    }
}
