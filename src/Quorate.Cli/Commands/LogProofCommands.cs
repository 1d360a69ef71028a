using System.CommandLine;
using System.Text;
using Quorate.Cli.Rendering;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Core.Files;
using Quorate.Core.Merkle;
using Quorate.Log.Tiles;
using Quorate.Sources.Tiles;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate log prove</c> and <c>quorate log verify-proof</c>: one file that shows offline that a log holds an entry.</summary>
static class LogProofCommands
{
    public static Command Prove(CliHost host)
    {
        var key = InputKey.Argument();
        var hex = InputKey.HexOption();
        var log = new Option<string?>("--log")
        {
            Description = "A log that the local node publishes (default: its only one)",
            HelpName = "LOG",
        };
        var url = new Option<string?>("--url")
        {
            Description = "Any Quorate node's public address of the log: http(s)://host/logs/ID; no local node is asked",
            HelpName = "URL",
        };
        var output = new Option<string?>("-o", "--output") { Description = "Write here (default: standard output)", HelpName = "FILE" };
        var command = new Command("prove", "Write a .tlog-proof: an entry, its inclusion proof, a signed checkpoint")
        {
            key,
            hex,
            log,
            url,
            output,
        };
        command.Teach(
            "The file proves to anybody, offline, that the log holds the entry that the node names as the key's first: see\n"
                + "`quorate log verify-proof`. That no entry of the key came before, it does not show: a node that mirrors the log does.",
            "quorate log prove /nix/store/…-hello-2.12 -o hello.tlog-proof",
            "quorate log prove KEY --url https://log.example/logs/1f0c…"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var bytes = LogCommands.KeyBytes(parse.GetValue(key), parse.GetValue(hex));
                var address = parse.GetValue(url) is { } given
                    ? given
                    : await LocalAddressAsync(host, parse.GetValue(CommandLine.Node), parse.GetValue(log), cancellationToken);
                if (!PublicLogAddress.TryParse(address, out var prefix))
                {
                    throw new CliException($"'{address}' is not http(s)://host/logs/ID");
                }
                using var client = new PublicLogClient(prefix, TimeProvider.System);
                var proof =
                    await client.ProveAsync(bytes, cancellationToken) ?? throw new CliException("the log has no entry under this key");
                if (parse.GetValue(output) is { } file)
                {
                    DurableFile.Replace(file, proof.ToBytes());
                    return ExitCode.Ok;
                }
                await using var standard = host.OpenOutput();
                await standard.WriteAsync(proof.ToBytes(), cancellationToken);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    public static Command Verify(CliHost host)
    {
        var file = new Argument<string>("FILE") { Description = "A .tlog-proof" };
        var policy = new Option<string>("--policy")
        {
            Description = "Which logs and witnesses count (C2SP tlog-policy)",
            Required = true,
            HelpName = "FILE",
        };
        var key = new Option<string?>("--key") { Description = "The entry must be under this key", HelpName = "KEY" };
        var hex = new Option<string?>("--key-hex") { Description = "The same, in hex", HelpName = "HEX" };
        var entry = new Option<string?>("--entry")
        {
            Description = "The entry's data, for proofs that do not hold it: those of other logs",
            HelpName = "FILE",
        };
        var json = CommandLine.Json();
        var command = new Command("verify-proof", "Check a .tlog-proof, offline") { file, policy, key, hex, entry, json };
        command.Teach(
            "Exit status: 0 the log holds the entry, 2 not proved, 1 could not tell. Without --key the file says what is proved: read it.",
            "quorate log verify-proof hello.tlog-proof --policy policy --key /nix/store/…-hello-2.12"
        );
        command.SetAction(
            async (parse, _) =>
            {
                var policyFile = parse.GetRequiredValue(policy);
                if (!TlogPolicy.TryParse(SmallFile.Read(policyFile, TlogPolicy.MaxBytes), out var rules, out var error))
                {
                    throw new CliException($"{policyFile}: {error}");
                }
                byte[]? wanted =
                    parse.GetValue(key) is null && parse.GetValue(hex) is null
                        ? null
                        : LogCommands.KeyBytes(parse.GetValue(key), parse.GetValue(hex));
                var given = parse.GetValue(entry) is { } entryFile ? SmallFile.Read(entryFile, EntryBundle.MaxEntryLength) : null;
                var judged = Judge(SmallFile.Read(parse.GetRequiredValue(file), TlogProof.MaxBytes), rules, wanted, given);
                await ReportAsync(host, judged, parse.GetValue(json));
                return judged.Check.Result.IsVerified ? ExitCode.Ok : ExitCode.Rejected;
            }
        );
        return command;
    }

    static Judged Judge(byte[] file, TlogPolicy policy, byte[]? wanted, byte[]? given)
    {
        if (!TlogProof.TryParse(file, out var proof, out var error))
        {
            return Judged.Rejected("malformed", error);
        }
        ReadOnlyMemory<byte> key = default;
        var digest = default(Sha256Digest);
        ProofExtra? extra = null;
        var isOurs = proof.Extra is { } bytes && ProofExtra.TryRead(bytes, out key, out digest, out extra);
        if (given is not null && isOurs && !extra!.Data.Span.SequenceEqual(given))
        {
            return Judged.Rejected("other-entry", "the proof is of another entry than the given one");
        }
        var data = given ?? (isOurs ? extra!.Data : default(ReadOnlyMemory<byte>?));
        if (data is not { } leaf)
        {
            throw new CliException("the proof does not hold its entry: give it with --entry FILE");
        }
        if (wanted is not null)
        {
            if (!LeafData.TrySplit(leaf.Span, out var actual, out _) || !actual.SequenceEqual(wanted))
            {
                return Judged.Rejected("other-key", "the proof is of another key");
            }
        }
        return new Judged(
            proof.Verify(TreeHash.Leaf(leaf.Span), policy),
            proof.Index,
            isOurs ? key : null,
            isOurs ? digest : null,
            extra?.Value
        );
    }

    static async Task ReportAsync(CliHost host, Judged judged, bool json)
    {
        if (judged.Check.Result is Verification.Rejected rejected)
        {
            if (json)
            {
                await host.WriteJsonAsync(writer =>
                {
                    writer.WriteString("result", "rejected");
                    writer.WriteString("code", rejected.Code);
                    writer.WriteString("reason", rejected.Detail);
                });
                return;
            }
            await host.Out.WriteLineAsync($"NOT PROVED: {Screen.Printable(rejected.Detail)} ({rejected.Code})");
            return;
        }
        var checkpoint = judged.Check.Checkpoint!;
        if (json)
        {
            await host.WriteJsonAsync(writer =>
            {
                writer.WriteString("result", "proved");
                writer.WriteString("origin", checkpoint.Origin);
                writer.WriteNumber("size", checkpoint.Size);
                writer.WriteNumber("index", judged.Index);
                if (judged.Key is { } k)
                {
                    writer.WriteString("keyHex", Hex.Encode(k.Span));
                    writer.WriteString("valueDigest", judged.Digest!.Value.ToString());
                }
                if (judged.Value is { } v)
                {
                    writer.WriteBase64String("value", v.Span);
                }
                writer.WriteStartArray("cosignatures");
                foreach (var cosignature in judged.Check.Cosignatures)
                {
                    writer.WriteStartObject();
                    writer.WriteString("witness", cosignature.Key.Name);
                    writer.WriteNumber("time", cosignature.Time!.Value);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            });
            return;
        }
        var text = new StringBuilder("proved\n");
        text.Append("log      ").Append(Screen.Printable(checkpoint.Origin)).Append('\n');
        text.Append("entry    ").Append(judged.Index).Append(" of ").Append(checkpoint.Size).Append('\n');
        if (judged.Key is { } key)
        {
            text.Append("key      ").Append(LogCommands.Shown(key.ToArray())).Append('\n');
            text.Append("digest   ").Append(judged.Digest).Append('\n');
        }
        if (judged.Value is { } value)
        {
            text.Append("value    ").Append(LogCommands.Shown(value.ToArray())).Append('\n');
        }
        foreach (var cosignature in judged.Check.Cosignatures)
        {
            text.Append("witness  ")
                .Append(Screen.Printable(cosignature.Key.Name))
                .Append(' ')
                .Append(Shown(cosignature.Time!.Value))
                .Append('\n');
        }
        await host.Out.WriteAsync(text.ToString());
    }

    static string Shown(ulong seconds) =>
        seconds <= (ulong)DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds).ToString("yyyy-MM-dd HH:mm:ss'Z'")
            : seconds.ToString();

    /// <summary>Where the local node's own public listener serves the log.</summary>
    static async Task<string> LocalAddressAsync(CliHost host, string? node, string? log, CancellationToken cancellationToken)
    {
        await using var client = host.Connect(node);
        var published = (await client.LogsAsync(cancellationToken)).Value.Published;
        var found = published.Where(p => log is null || p.Name == log || p.LogId == log).ToList();
        if (found.Count != 1)
        {
            throw new CliException(
                found.Count == 0
                    ? "the node publishes no such log; name another node's with --url"
                    : "the node publishes several logs; name one with --log"
            );
        }
        var status = (await client.StatusAsync(cancellationToken)).Value;
        var address =
            status.Listen.FirstOrDefault(l => l.StartsWith("http", StringComparison.Ordinal))
            ?? status.PublicUrl
            ?? throw new CliException("the node has no public listener, where proofs come from: set node.listen");
        return $"{address.TrimEnd('/')}/logs/{found[0].LogId}";
    }

    /// <param name="Key">Null where the data are not those of a Quorate log.</param>
    sealed record Judged(PolicyCheck Check, ulong Index, ReadOnlyMemory<byte>? Key, Sha256Digest? Digest, ReadOnlyMemory<byte>? Value)
    {
        internal static Judged Rejected(string code, string detail) =>
            new(new PolicyCheck(Verification.Reject(code, detail), null, null, []), 0, null, null, null);
    }
}
