using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Quorate.Cli.Hook;
using Quorate.Cli.Rendering;
using Quorate.Core.Files;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate init</c>: a first configuration that runs as it is and explains itself.</summary>
static class InitCommand
{
    const string ServiceUser = "quorate";
    const string ServiceFolder = "/etc/quorate";
    const string DefaultListen = "http://127.0.0.1:8090";

    public static Command Build(CliHost host)
    {
        var config = new Option<string?>("--config")
        {
            Description = "The file to write (default: /etc/quorate/quorate.yaml, or the user's)",
            HelpName = "FILE",
        };
        var state = new Option<string?>("--state") { Description = "Where logs are kept", HelpName = "DIR" };
        var name = new Option<string?>("--name") { Description = "The builder's name (default: this machine's)", HelpName = "NAME" };
        var listen = new Option<string>("--listen")
        {
            Description = "Where others reach this node",
            HelpName = "URL",
            DefaultValueFactory = _ => DefaultListen,
        };
        var traces = new Option<bool>("--traces")
        {
            Description = "Also a log of build traces, and a claim key with which the hook signs each build",
        };
        var json = CommandLine.Json();
        var command = new Command("init", "Write a commented configuration with a first builder, key and log")
        {
            config,
            state,
            name,
            listen,
            traces,
            json,
        };
        command.Teach(
            "Makes a key, and a node with one log of protocol nix that listens on 127.0.0.1 only. Nothing is published before you install\n"
                + "the hook or submit something. Existing files are never overwritten.",
            "sudo quorate init",
            "quorate init --traces --listen http://192.0.2.7:8090 --name alice",
            "quorate init --config ./quorate.yaml --state ./state --name alice && quorated --config ./quorate.yaml"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(config) ?? DefaultFile(host.Variable));
                var builder = parse.GetValue(name) ?? DefaultName();
                if (!IsName(builder))
                {
                    throw new CliException($"'{builder}' is not a builder name: letters, digits, '-' and '_', beginning with a letter");
                }
                var folder = Path.GetDirectoryName(file)!;
                var files = new InitFiles(folder, builder, parse.GetValue(traces));
                foreach (var existing in files.All.Prepend(file).Where(Path.Exists))
                {
                    throw new CliException($"{existing} exists and is not overwritten; use --config or --name for another");
                }
                var address = parse.GetValue(listen) ?? DefaultListen;
                if (!Uri.TryCreate(address, UriKind.Absolute, out _) || address.Any(char.IsControl))
                {
                    throw new CliException($"'{address}' is not an address to listen on, such as {DefaultListen}");
                }
                var stateFolder = Path.GetFullPath(parse.GetValue(state) ?? HookOptions.DefaultState(host.Variable));
                var control = DefaultControl(host.Variable, parse.GetValue(state) is null && parse.GetValue(config) is null, stateFolder);
                Directory.CreateDirectory(folder);
                var made = files.MakeKeys();
                if (folder == ServiceFolder)
                {
                    foreach (var signer in files.Signers)
                    {
                        await GiveToServiceAsync(host, signer, cancellationToken);
                    }
                }
                DurableFile.Create(file, Encoding.UTF8.GetBytes(Text(builder, address, stateFolder, control, made.ClaimKey)));
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("configuration", file);
                        w.WriteString("privateKey", files.Key);
                        w.WriteString("publicKey", made.PublicKey);
                        w.WriteString("logId", made.LogId);
                        if (made.ClaimKey is { } claimKey)
                        {
                            w.WriteString("traceLogId", made.TraceLogId);
                            w.WriteString("claimKeyFile", files.ClaimKey);
                            w.WriteString("claimKey", claimKey);
                        }
                    });
                    return ExitCode.Ok;
                }
                host.Out.WriteLine($"configuration  {file}");
                host.Out.WriteLine($"private key    {files.Key} (keep it: it is the builder's identity)");
                host.Out.WriteLine($"public key     {made.PublicKey}");
                host.Out.WriteLine($"log id         {made.LogId} (nix)");
                if (made.ClaimKey is not null)
                {
                    host.Out.WriteLine($"trace log id   {made.TraceLogId} (nix-trace)");
                    host.Out.WriteLine($"claim key      {files.ClaimKey} (signs builds; whoever verifies needs {files.ClaimPublicKey})");
                }
                host.Out.WriteLine($"start it with  quorated --config {file}");
                return ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>The Debian package runs the node as a user of its own, who must be able to read the key that root makes for it.</summary>
    static async Task GiveToServiceAsync(CliHost host, string keyFile, CancellationToken cancellationToken)
    {
        if (
            !Environment.IsPrivilegedProcess
            || !File.ReadLines("/etc/passwd").Any(l => l.StartsWith(ServiceUser + ":", StringComparison.Ordinal))
        )
        {
            return;
        }
        using var chown = Process.Start("chown", [$"{ServiceUser}:{ServiceUser}", keyFile]);
        await chown.WaitForExitAsync(cancellationToken);
        if (chown.ExitCode != 0)
        {
            host.Error.WriteLine(
                $"quorate: warning: {keyFile} could not be given to the user {ServiceUser}; do it before the service starts"
            );
        }
    }

    /// <summary><c>$XDG_CONFIG_HOME/quorate</c></summary>
    public static string UserConfig(Func<string, string?> environment) =>
        Path.Combine(
            environment("XDG_CONFIG_HOME") is { Length: > 0 } config ? config : Path.Combine(environment("HOME") ?? "/", ".config"),
            "quorate"
        );

    public static string DefaultFile(Func<string, string?> environment) =>
        Environment.IsPrivilegedProcess ? ServiceFolder + "/quorate.yaml" : Path.Combine(UserConfig(environment), "quorate.yaml");

    /// <summary>Where the CLI looks by itself, for a default configuration; beside the state for one in a place of its own.</summary>
    static string DefaultControl(Func<string, string?> environment, bool usual, string state)
    {
        var sockets = Quorate.Sources.Control.NodeAddress.DefaultSockets(environment);
        return !usual ? Path.Combine(state, "control.socket")
            : Environment.IsPrivilegedProcess ? sockets[0]
            : sockets.ElementAtOrDefault(1) ?? Path.Combine(state, "control.socket");
    }

    static string DefaultName()
    {
        var name = Environment.MachineName.Split('.')[0].ToLowerInvariant();
        return IsName(name) ? name : "builder";
    }

    static bool IsName(string name) =>
        name.Length is > 0 and <= 64
        && char.IsAsciiLetter(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        && name is not ("and" or "or" or "of" or "all" or "any" or "where" or "publish" or "follow");

    /// <summary>A YAML double-quoted scalar.</summary>
    static string Quote(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    /// <param name="claimKey">Null for a builder without build traces.</param>
    static string Text(string builder, string listen, string state, string control, string? claimKey) =>
        $$"""
            # Configuration of a Quorate node. Written by `quorate init`; `quorated --check-config --config FILE` checks it, SIGHUP reloads it.
            # Relative paths are relative to this file.

            node:
              state: {{Quote(state)}}
              # What others may see: this node's logs. 127.0.0.1 is only this machine.
              listen: [{{Quote(listen)}}]
              # What only you may do: submit, decide, look at subscriptions.
              control: {{Quote("unix://" + control)}}
              # Trustix clients that may submit over `listen` (make one with `quorate token new NAME`):
              # tokens: ["NAME:BASE64"]

            signers:
              # The private key is the builder's identity: back it up, never copy it to a second node.
              {{builder}}: { type: ed25519, path: {{Quote(builder + ".key")}} }
            {{TraceSigner(builder, claimKey)}}publish:
              # One log per builder and protocol. PUBLISHING IS IRREVOCABLE, and store path names tell what you build.
              - name: {{builder}}
                protocol: nix
                signer: {{builder}}
                # Globs on store path names (without hash); checked before anything is queued.
                # filter:
                #   allow: ["*"]
                #   deny: ["*-secret*", "internal-*"]
                #   deny_deriver: ["internal-*"]
                #   deny_references: ["internal-*"]
                # Where others can fetch the bytes (a hint that they may ignore):
                # meta: { upstream: "https://cache.example.org" }
            {{TraceLog(builder, claimKey)}}
            # Other builders whose logs you follow, and caches whose signatures you count:
            # follow:
            #   - { builder: bob, protocol: nix, key: "BASE64", remotes: ["https://bob.example.org"] }
            #   - { builder: nixos, protocol: nix, cache: "https://cache.nixos.org", key: "cache.nixos.org-1:BASE64" }

            # Whom you believe:
            # trust:
            #   nix: { rule: "2 of ({{builder}}, bob, nixos)" }

            # A binary cache for Nix that serves only what the rule accepts:
            # gate:
            #   nix:
            #     listen: http://127.0.0.1:8098
            #     signing_key: cache.secret        # nix-store --generate-binary-cache-key NAME-1 cache.secret cache.public
            #     upstreams: ["https://cache.nixos.org"]
            #     mode: report                     # then: enforce

            """;

    static string TraceSigner(string builder, string? claimKey) =>
        claimKey is null
            ? "\n"
            : $$"""
                  {{builder}}-traces: { type: ed25519, path: {{Quote(builder + "-traces.key")}} }

                # What signs the builder's claims about single build steps; the private half is for the hook.
                builders:
                  {{builder}}: { claim_keys: [{{Quote(claimKey)}}] }


                """;

    static string TraceLog(string builder, string? claimKey) =>
        claimKey is null
            ? ""
            : $$"""
                  # Build traces: each step with what it was made from, for those who verify whole builds (docs/nix.md).
                  - name: {{builder}}-traces
                    builder: {{builder}}
                    protocol: nix-trace
                    signer: {{builder}}-traces

                """;
}
