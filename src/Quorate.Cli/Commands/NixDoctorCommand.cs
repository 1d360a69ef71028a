using System.CommandLine;
using Quorate.Cli.Doctor;
using Quorate.Nix.Doctor;
using Quorate.Nix.Store;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate doctor nix</c>: what on this machine lets store paths in that the gate did not accept.</summary>
static class NixDoctorCommand
{
    const string DefaultGate = "http://127.0.0.1:8098";

    public static Command Build(CliHost host)
    {
        var gate = new Option<string?>("--gate")
        {
            Description = "The gate's URL as Nix has it (default: the node's gate)",
            HelpName = "URL",
        };
        var gateKey = new Option<string?>("--gate-key")
        {
            Description = "The gate's public key, name:base64 (default: as the node says)",
            HelpName = "KEY",
        };
        var nixConf = new Option<string?>("--nix-conf") { Description = "Read this file instead of asking Nix", HelpName = "FILE" };
        var json = CommandLine.Json();
        var command = new Command("nix", "Find what goes around the gate: substituters, keys, users, caches")
        {
            gate,
            gateKey,
            nixConf,
            json,
        };
        command.Teach(
            "Reads Nix's effective settings (`nix config show`), or nix.conf where that does not work. FAULT: what the gate refuses can come in.\n"
                + "Address and public key of the gate come from the node. With --gate the node is not asked, as that may be another node's gate.\n"
                + "Exit status 1 when there is a FAULT.",
            "quorate doctor nix",
            "quorate doctor nix --nix-conf /mnt/etc/nix/nix.conf --gate http://127.0.0.1:8098 --gate-key \"$(cat gate.public)\""
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var findings = new List<Finding>();
                var (url, publicKey) = parse.GetValue(gate) is { } named
                    ? (named, null)
                    : await GateOfNodeAsync(host, parse.GetValue(CommandLine.Node), findings, cancellationToken);
                if (!Uri.TryCreate(url, UriKind.Absolute, out var gateUrl))
                {
                    throw new CliException($"--gate: '{url}' is not a URL");
                }
                var settings = parse.GetValue(nixConf) is { } file ? FromFile(file) : await FromNixAsync(host, findings, cancellationToken);
                if (settings is not null)
                {
                    findings.AddRange(NixDoctor.Examine(settings, gateUrl, parse.GetValue(gateKey) ?? publicKey).Select(Translate));
                }
                return await DoctorCommand.ReportAsync(host, findings, parse.GetValue(json));
            }
        );
        return command;
    }

    static Finding Translate(NixFinding finding) =>
        new(
            finding.Severity switch
            {
                FindingSeverity.Good => Grade.Good,
                FindingSeverity.Advice => Grade.Note,
                FindingSeverity.Warning => Grade.Warning,
                _ => Grade.Fault,
            },
            finding.Setting,
            finding.Explanation,
            finding.Fix.Length > 0 ? finding.Fix : null
        );

    static async Task<(string Url, string? PublicKey)> GateOfNodeAsync(
        CliHost host,
        string? node,
        List<Finding> findings,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await using var client = host.Connect(node);
            var found = (await client.StatusAsync(cancellationToken)).Value.Gates.FirstOrDefault(g => g.Protocol == "nix");
            if (found is not null)
            {
                findings.Add(
                    found.Mode == "enforce"
                        ? new Finding(Grade.Good, "gate", $"{found.Listen}, enforcing")
                        : new Finding(
                            Grade.Warning,
                            "gate",
                            $"{found.Listen} only reports: it passes on what it would refuse",
                            "mode: enforce"
                        )
                );
                return (found.Listen, found.PublicKey);
            }
            findings.Add(
                new Finding(Grade.Fault, "gate", "the node has no gate for nix", "configure gate.nix, or name another with --gate")
            );
        }
        catch (IOException e)
        {
            findings.Add(new Finding(Grade.Note, "gate", $"{e.Message.Split('\n')[0]}; assuming {DefaultGate}", "name it with --gate"));
        }
        return (DefaultGate, null);
    }

    static NixSettings FromFile(string file)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var text = TryRead(file) ?? throw new CliException($"--nix-conf: {file} cannot be read");
        return NixSettings.ParseFile(text, included => TryRead(Path.Combine(folder, included)));
    }

    static async Task<NixSettings?> FromNixAsync(CliHost host, List<Finding> findings, CancellationToken cancellationToken)
    {
        if (NixPrograms.Find("nix", host.Variable) is { } nix)
        {
            // The verb was renamed in 2.20; older and newer Nix each know only one of the two without a warning.
            foreach (
                string[] verb in (string[][])
                    [
                        ["config", "show"],
                        ["show-config"],
                    ]
            )
            {
                try
                {
                    var text = await new NixStore(nix, store: null).RunAsync(
                        ["--extra-experimental-features", "nix-command", .. verb],
                        cancellationToken
                    );
                    return NixSettings.ParseShown(text);
                }
                catch (NixStoreException)
                {
                    // The other verb, or the file.
                }
            }
        }
        const string Usual = "/etc/nix/nix.conf";
        if (TryRead(Usual) is null)
        {
            findings.Add(
                new Finding(
                    Grade.Note,
                    "nix",
                    $"Nix is not on $PATH and {Usual} cannot be read: nothing to check",
                    "install Nix, or use --nix-conf"
                )
            );
            return null;
        }
        return FromFile(Usual);
    }

    static string? TryRead(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
