using System.CommandLine;
using System.Text;
using Quorate.Cli.Rendering;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix;
using Quorate.Sources.Control;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate submit</c> and <c>quorate flush</c>: the write side of a published log, by hand.</summary>
static class SubmitCommands
{
    const int MaxValue = 1 << 30;

    public static Command Submit(CliHost host)
    {
        var log = LogCommands.LogArgument();
        var key = new Option<string?>("--key") { Description = "The key as text", HelpName = "TEXT" };
        var keyHex = InputKey.HexOption();
        var value = new Option<string?>("--value") { Description = "The value as text", HelpName = "TEXT" };
        var valueHex = new Option<string?>("--value-hex") { Description = "The value in hex", HelpName = "HEX" };
        var valueFile = new Option<string?>("--value-file") { Description = "The value is this file's content", HelpName = "FILE" };
        var relayed = new Option<bool>("--relayed")
        {
            Description = "The claim was fetched from elsewhere; refused by a log of built claims",
        };
        var force = new Option<bool>("--force")
        {
            Description = "Also what the log's protocol does not understand; it spends the key's vote",
        };
        var json = CommandLine.Json();
        var command = new Command("submit", "Append one claim to a log of this node")
        {
            log,
            key,
            keyHex,
            value,
            valueHex,
            valueFile,
            relayed,
            force,
            json,
        };
        command.Teach(
            "Publishing is irrevocable: what is in a log stays there. Returns when the entry is in a durable signed head.\n"
                + "The same value again is a no-op; a different one is recorded as a self-divergence. The first value of a key is the\n"
                + "builder's vote: to a log of protocol nix, only a canonical claim about the key's own path is sent, unless --force.",
            "quorate submit alice --key hello --value world",
            "quorate submit alice --key-hex 00ff --value-file claim.json"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var keyBytes =
                    parse.GetValue(key) is { } text && parse.GetValue(keyHex) is null
                        ? Encoding.UTF8.GetBytes(text)
                        : LogCommands.KeyBytes(parse.GetValue(key), parse.GetValue(keyHex));
                var valueBytes = await ValueAsync(
                    parse.GetValue(value),
                    parse.GetValue(valueHex),
                    parse.GetValue(valueFile),
                    cancellationToken
                );
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var logName = parse.GetRequiredValue(log);
                if (!parse.GetValue(force))
                {
                    await RefuseWhatIsNoClaimAsync(client, logName, keyBytes, valueBytes, cancellationToken);
                }
                var answer = await client.SubmitAsync(
                    logName,
                    [new SubmitEntry(keyBytes, valueBytes)],
                    parse.GetValue(relayed),
                    cancellationToken
                );
                await WriteAsync(host, answer, parse.GetValue(json));
                return answer.Value.Filtered > 0 ? ExitCode.Error : ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>
    /// A log takes any bytes and never gives them up. What cannot be a claim would be this builder's vote for nothing, and whatever it says later
    /// a self-divergence.
    /// </summary>
    static async Task RefuseWhatIsNoClaimAsync(
        ControlClient client,
        string name,
        byte[] key,
        byte[] value,
        CancellationToken cancellationToken
    )
    {
        // A log that is not among these is the node's to refuse, with its own words.
        var log = (await client.LogsAsync(cancellationToken)).Value.Published.FirstOrDefault(l => l.Name == name || l.LogId == name);
        var isNix = log is not null && (log.Protocol == Protocol.Nix.Name || log.Protocol == Protocol.Nix.Id);
        if (isNix && !NixClaimFormat.Instance.TryParse(key, value, out _, out var error))
        {
            throw new CliException(
                $"not sent: '{log!.Name}' is a log of protocol nix, and this is no claim for its key: {error}\n"
                    + "Entries are irrevocable and the first one of a key is the builder's vote; --force sends it nevertheless."
            );
        }
    }

    public static Command Flush(CliHost host)
    {
        var log = LogCommands.LogArgument();
        var json = CommandLine.Json();
        var command = new Command("flush", "Wait until everything submitted so far is in a signed head") { log, json };
        command.Teach("Never needed: logs integrate by themselves. Useful in scripts that want the head.", "quorate flush alice");
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var answer = await client.FlushAsync(parse.GetRequiredValue(log), cancellationToken);
                await LogCommands.WriteHeadAsync(host, answer, parse.GetValue(json));
                return ExitCode.Ok;
            }
        );
        return command;
    }

    public static async Task WriteAsync(CliHost host, Answer<SubmitOutcome> answer, bool json)
    {
        if (json)
        {
            await host.WriteJsonAsync(answer.Document);
            return;
        }
        var outcome = answer.Value;
        await host.Out.WriteLineAsync($"added {outcome.Added}, already there {outcome.Duplicates}; the log has {outcome.TreeSize} entries");
        if (outcome.Filtered > 0)
        {
            await host.Error.WriteLineAsync($"{outcome.Filtered} withheld by the log's publish filter");
        }
        foreach (var divergence in outcome.Divergences)
        {
            await host.Error.WriteLineAsync(
                $"self-divergence: key {Text(divergence.KeyHex)}: first {divergence.First}, now {divergence.Later}"
                    + (divergence.Index is null ? " (dropped)" : $" (entry {divergence.Index})")
            );
        }
    }

    static string Text(string keyHex)
    {
        if (!Hex.TryDecode(keyHex, 65_502, out var bytes))
        {
            return Screen.Printable(keyHex);
        }
        var text = Encoding.UTF8.GetString(bytes);
        return text.Any(c => char.IsControl(c) || c == '\ufffd') ? keyHex : text;
    }

    static async Task<byte[]> ValueAsync(string? text, string? hex, string? file, CancellationToken cancellationToken)
    {
        if (new[] { text, hex, file }.Count(v => v is not null) != 1)
        {
            throw new CliException("give the value once: --value, --value-hex or --value-file");
        }
        if (file is not null)
        {
            return new FileInfo(file) is { Exists: true, Length: > MaxValue }
                ? throw new CliException($"{file} is larger than any log accepts")
                : await File.ReadAllBytesAsync(file, cancellationToken);
        }
        if (hex is not null)
        {
            return Hex.TryDecode(hex, MaxValue, out var bytes) ? bytes : throw new CliException("--value-hex: not lowercase hexadecimal");
        }
        return Encoding.UTF8.GetBytes(text!);
    }
}
