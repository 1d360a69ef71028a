using System.CommandLine;
using System.Globalization;
using Quorate.Cli.Rendering;
using Quorate.Nix;
using Quorate.Nix.Store;
using Quorate.Sources.Control;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate decide</c>: the trust model's answer, for one input or for a whole Nix closure.</summary>
static class DecideCommand
{
    const int Parallel = 8;
    const int ShownRows = 100;

    public static Command Build(CliHost host)
    {
        var key = InputKey.Argument();
        var hex = InputKey.HexOption();
        var protocol = InputKey.ProtocolOption();
        var closure = new Option<string?>("--closure")
        {
            Description = "Decide every path that this store path needs, and summarise",
            HelpName = "PATH",
        };
        var nixStore = NixCommands.NixStoreOption();
        var store = NixCommands.StoreOption();
        var json = CommandLine.Json();
        var command = new Command("decide", "Ask the trust model whether a build's output may be used")
        {
            key,
            hex,
            protocol,
            closure,
            nixStore,
            store,
            json,
        };
        command.Teach(
            "Exit status: 0 accepted, 2 rejected, 3 inconclusive (more evidence could still decide), 1 error.\n"
                + "With --closure: 0 if everything is accepted, 2 if anything is rejected, else 3.",
            "quorate decide /nix/store/…-hello-2.12",
            "quorate decide --protocol test some-key",
            "quorate decide --closure /run/current-system",
            "quorate decide ./result --json | jq .supporters"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var node = parse.GetValue(CommandLine.Node);
                if (parse.GetValue(closure) is { } root)
                {
                    if (parse.GetValue(key) is not null || parse.GetValue(hex) is not null)
                    {
                        throw new CliException("--closure already names the path");
                    }
                    var nix = NixCommands.Store(host, parse.GetValue(nixStore), parse.GetValue(store));
                    await using var many = host.Connect(node);
                    return await ClosureAsync(host, many, nix, root, parse.GetValue(json), cancellationToken);
                }
                var input = InputKey.Resolve(parse.GetValue(key), parse.GetValue(hex), parse.GetValue(protocol));
                await using var client = host.Connect(node);
                var answer = await client.DecideAsync(input.Protocol.Name, input.Key, cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(answer.Document);
                }
                else
                {
                    await WriteAsync(host, input.Shown, answer.Value);
                }
                return ExitOf(answer.Value.Verdict);
            }
        );
        return command;
    }

    public static int ExitOf(string verdict) =>
        verdict switch
        {
            "accepted" => ExitCode.Accepted,
            "rejected" => ExitCode.Rejected,
            "inconclusive" => ExitCode.Inconclusive,
            _ => throw new CliException($"the node gave the unknown verdict '{verdict}'"),
        };

    static async Task WriteAsync(CliHost host, string shown, DecisionInfo decision)
    {
        await host.Out.WriteLineAsync($"{decision.Verdict}  {Screen.Printable(shown)}");
        if (decision.Accepted is { } accepted)
        {
            foreach (var (name, output) in accepted.Outputs)
            {
                await host.Out.WriteLineAsync(Screen.Printable($"  {(name == shown ? "output" : name)}  {output.Hash}{Size(output)}"));
            }
            await host.Out.WriteLineAsync(Screen.Printable($"  agreed by {string.Join(", ", decision.Supporters)} ({decision.Engine})"));
            return;
        }
        foreach (var reason in decision.Reasons)
        {
            await host.Out.WriteLineAsync("  " + Screen.Printable(reason));
        }
        await host.Out.WriteLineAsync("  `quorate why` shows who said what.");
    }

    internal static string Size(OutputInfo output) =>
        output.Size is { } size
            ? string.Create(
                CultureInfo.InvariantCulture,
                $", {size} bytes, {output.References.Count} {(output.References.Count == 1 ? "reference" : "references")}"
            )
            : "";

    static async Task<int> ClosureAsync(
        CliHost host,
        ControlClient client,
        NixStore nix,
        string root,
        bool json,
        CancellationToken cancellationToken
    )
    {
        var top = StorePathArgument.Resolve(root) ?? throw new CliException($"'{root}' is not in a Nix store");
        var paths = await nix.RequisitesAsync([top.ToString()], cancellationToken);
        var decisions = new Answer<DecisionInfo>[paths.Count];
        var progress = new Progress(host, paths.Count);
        await System.Threading.Tasks.Parallel.ForAsync(
            0,
            paths.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                decisions[i] = await client.DecideAsync("nix", NixKeyForms.FullKey(paths[i]), token);
                progress.Step();
            }
        );
        progress.Done();
        var counts = decisions.CountBy(d => d.Value.Verdict).ToDictionary(StringComparer.Ordinal);
        var (accepted, rejected) = (counts.GetValueOrDefault("accepted"), counts.GetValueOrDefault("rejected"));
        if (json)
        {
            await host.WriteJsonAsync(w =>
            {
                w.WriteString("closure", top.ToString());
                w.WriteNumber("paths", paths.Count);
                w.WriteNumber("accepted", accepted);
                w.WriteNumber("rejected", rejected);
                w.WriteNumber("inconclusive", paths.Count - accepted - rejected);
                w.WriteStartArray("notAccepted");
                foreach (var decision in decisions.Where(d => d.Value.Verdict != "accepted"))
                {
                    decision.Document.WriteTo(w);
                }
                w.WriteEndArray();
            });
        }
        else
        {
            WriteClosure(host, top, paths, decisions);
        }
        return accepted == paths.Count ? ExitCode.Accepted
            : rejected > 0 ? ExitCode.Rejected
            : ExitCode.Inconclusive;
    }

    static void WriteClosure(CliHost host, StorePath top, IReadOnlyList<StorePath> paths, Answer<DecisionInfo>[] decisions)
    {
        host.Out.WriteLine($"{top} needs {paths.Count} paths");
        foreach (var group in decisions.CountBy(d => d.Value.Verdict).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            host.Out.WriteLine($"  {group.Key, -13} {group.Value, 6}");
        }
        // Rejected ones first: those are disagreements, the others only lack votes.
        var open = decisions
            .Select((d, i) => (Path: paths[i], Decision: d.Value))
            .Where(d => d.Decision.Verdict != "accepted")
            .OrderBy(d => d.Decision.Verdict != "rejected")
            .ToArray();
        if (open.Length == 0)
        {
            return;
        }
        var table = Screen.Table("VERDICT", "PATH", "WHY");
        foreach (var (path, decision) in open.Take(ShownRows))
        {
            table.Row(decision.Verdict, path.ToString(), decision.Reasons.Count > 0 ? decision.Reasons[0] : "");
        }
        host.Out.WriteLine();
        host.Write(table);
        if (open.Length > ShownRows)
        {
            host.Out.WriteLine($"… and {open.Length - ShownRows} more; --json lists all");
        }
    }
}
