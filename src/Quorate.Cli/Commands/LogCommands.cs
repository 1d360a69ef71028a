using System.CommandLine;
using System.Globalization;
using System.Text;
using Quorate.Cli.Rendering;
using Quorate.Core.Encodings;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Sources.Control;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log …</c>: what the node publishes and follows.</summary>
static class LogCommands
{
    const ulong DefaultCount = 20;

    public static Command Build(CliHost host) =>
        new("log", "Look at logs: identity, heads, entries")
        {
            Id(host),
            List(host),
            Head(host),
            Entries(host),
            Get(host),
            LogCheckCommand.Build(host),
            LogCopyCommands.Export(host),
            LogCopyCommands.Import(host),
            MisbehaviourCommands.Build(host),
            LogProofCommands.Prove(host),
            LogProofCommands.Verify(host),
            LogAuditCommand.Build(host),
        };

    public static Argument<string> LogArgument() => new("LOG") { Description = "Name or id of a log (see `quorate log list`)" };

    static Command Id(CliHost host)
    {
        var protocol = new Option<string>("--protocol")
        {
            Description = "nix, nix-trace, test, or a UUID",
            Required = true,
            HelpName = "NAME",
        };
        var key = new Option<string>("--key")
        {
            Description = "The log's public key, 32 bytes in base64",
            Required = true,
            HelpName = "BASE64",
        };
        var json = CommandLine.Json();
        var command = new Command("id", "Compute a log's id from its public key, without a node") { protocol, key, json };
        command.Teach(
            "The id is SHA-256 over protocol, mode, key type and key, as every Trustix peer computes it.",
            "quorate log id --protocol nix --key 2uy8gNIOYEewTiV7iB7cUxBGpXxQtdlFepFoRvJTCJo="
        );
        command.SetAction(
            async (parse, _) =>
            {
                var found = LogFolderOptions.FindProtocol(parse.GetRequiredValue(protocol));
                if (!Ed25519PublicKey.TryParse(parse.GetRequiredValue(key), out var parsed))
                {
                    throw new CliException("--key: not the base64 of 32 bytes");
                }
                var id = LogId.Compute(found, parsed).Text;
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("logId", id);
                        w.WriteString("protocol", found.Name);
                        w.WriteString("publicKey", parsed.ToString());
                    });
                    return ExitCode.Ok;
                }
                await host.Out.WriteLineAsync(id);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Command List(CliHost host)
    {
        var json = CommandLine.Json();
        var command = new Command("list", "List the node's own logs and those it follows") { json };
        command.Teach("STATE shows faults of a followed log's remotes, and proven misbehaviour of the log itself.", "quorate log list");
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.LogsAsync(cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                    return ExitCode.Ok;
                }
                var table = Screen.Table("NAME", "BUILDER", "PROTOCOL", "ROLE", "CLAIMS", "ENTRIES", "STATE", "LOG ID");
                foreach (var log in answer.Value.All)
                {
                    table.Row(
                        log.Name,
                        log.Builder,
                        log.Protocol,
                        log.Role,
                        log.Claims,
                        log.TreeSize?.ToString(CultureInfo.InvariantCulture) ?? "-",
                        State(log),
                        log.LogId
                    );
                }
                host.Write(table);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>A subscription's state in a few words; own logs mention self-divergences.</summary>
    internal static string State(LogInfo log) =>
        log switch
        {
            { Status.Misbehaviour: { } m } => "MISBEHAVING: " + m,
            { Status.Fault: { } f } => "fault: " + f,
            { Status: { LastSuccess: null } } => "never synchronised",
            { Status: { IsStale: true, FreshAt: var at } } => $"stale since {at ?? "ever"}",
            { Status.MissingValues: > 0 and var n } => $"{n} values missing",
            { SelfDivergences: > 0 and var d } => $"ok, {d} self-divergences",
            _ => "ok",
        };

    static Command Head(CliHost host)
    {
        var log = LogArgument();
        var json = CommandLine.Json();
        var command = new Command("head", "Show a log's newest signed head") { log, json };
        command.Teach("", "quorate log head alice", "quorate log head alice --json");
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.HeadAsync(parse.GetRequiredValue(log), cancellationToken);
                await WriteHeadAsync(host, answer, parse.GetValue(json));
                return ExitCode.Ok;
            }
        );
        return command;
    }

    public static async Task WriteHeadAsync(CliHost host, Answer<HeadInfo> answer, bool json)
    {
        if (json)
        {
            await host.WriteJsonAsync(answer.Document);
            return;
        }
        var head = answer.Value;
        await host.Out.WriteLineAsync(
            $"""
            entries      {head.TreeSize}
            log root     {head.LogRoot}
            map root     {head.MapRoot}
            map history  {head.MhRoot} ({head.MhTreeSize} heads)
            signature    {head.Signature}
            """
        );
    }

    static Command Entries(CliHost host)
    {
        var log = LogArgument();
        var start = new Option<ulong?>("--start") { Description = "First index (default: the last 20 entries)", HelpName = "N" };
        var finish = new Option<ulong?>("--finish") { Description = "Last index, inclusive (default: the newest)", HelpName = "N" };
        var json = CommandLine.Json();
        var command = new Command("entries", "List entries of a log, oldest first") { log, start, finish, json };
        command.Teach(
            "At most 10,000 entries are answered at once.",
            "quorate log entries alice",
            "quorate log entries alice --start 0 --finish 99"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var name = parse.GetRequiredValue(log);
                var last = parse.GetValue(finish);
                if (last is null)
                {
                    var size = (await client.HeadAsync(name, cancellationToken)).Value.TreeSize;
                    if (size == 0)
                    {
                        await host.Out.WriteLineAsync(parse.GetValue(json) ? "{\"entries\":[]}" : "the log is empty");
                        return ExitCode.Ok;
                    }
                    last = size - 1;
                }
                var first = parse.GetValue(start) ?? (last >= DefaultCount ? last.Value - DefaultCount + 1 : 0);
                var answer = await client.EntriesAsync(name, first, last.Value, cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                    return ExitCode.Ok;
                }
                var table = Screen.Table("INDEX", "KEY", "VALUE DIGEST");
                foreach (var entry in answer.Value)
                {
                    table.Row(entry.Index.ToString(CultureInfo.InvariantCulture), entry.Key ?? "hex:" + entry.KeyHex, entry.ValueDigest);
                }
                host.Write(table);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Command Get(CliHost host)
    {
        var log = LogArgument();
        var key = InputKey.Argument();
        var hex = InputKey.HexOption();
        var raw = new Option<bool>("--raw") { Description = "Write the value's bytes alone to standard output" };
        var json = CommandLine.Json();
        var command = new Command("get", "Show what a log says under a key: the vote, and later differing values")
        {
            log,
            key,
            hex,
            raw,
            json,
        };
        command.Teach(
            "The first value of a key is the builder's vote. Later ones are self-divergences: the builder could not reproduce its own build.",
            "quorate log get alice /nix/store/…-hello-2.12",
            "quorate log get alice --key-hex 6162 --raw > value"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var bytes = KeyBytes(parse.GetValue(key), parse.GetValue(hex));
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.GetAsync(parse.GetRequiredValue(log), bytes, cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                    return ExitCode.Ok;
                }
                if (answer.Value.Count == 0)
                {
                    throw new CliException("the log has no entry under this key");
                }
                if (parse.GetValue(raw))
                {
                    await using var output = host.OpenOutput();
                    await output.WriteAsync(
                        answer.Value[0].Value ?? throw new CliException("the value is not held here"),
                        cancellationToken
                    );
                    return ExitCode.Ok;
                }
                foreach (var (entry, i) in answer.Value.Select((e, i) => (e, i)))
                {
                    await host.Out.WriteLineAsync(
                        $"""
                        {(i == 0 ? "vote" : "self-divergence")}
                          index   {entry.Index}
                          digest  {entry.ValueDigest}
                          value   {Shown(entry.Value)}{(entry.Proof is { } p ? "\n  proof   " + Screen.Printable(p) : "")}
                        """
                    );
                }
                return ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>The key as given: text (store paths and links to them become store paths), or hex.</summary>
    internal static byte[] KeyBytes(string? key, string? hex)
    {
        if (key is null == hex is null)
        {
            throw new CliException("name one key: KEY or --key-hex");
        }
        if (hex is not null)
        {
            return Hex.TryDecode(hex, 65_502, out var bytes) ? bytes : throw new CliException("--key-hex: not lowercase hexadecimal");
        }
        return StorePathArgument.Resolve(key!) is { } path ? Nix.NixKeyForms.FullKey(path) : Encoding.UTF8.GetBytes(key!);
    }

    internal static string Shown(byte[]? value)
    {
        if (value is null)
        {
            return "(not held here)";
        }
        var text = Encoding.UTF8.GetString(value);
        return text.Any(c => char.IsControl(c) || c == '\ufffd') ? "hex:" + Hex.Encode(value) : text;
    }
}
