using System.CommandLine;
using System.CommandLine.Help;
using Quorate.Cli.Hook;
using Quorate.Cli.Rendering;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix hook install|run|status</c></summary>
static class HookCommands
{
    public static Command Build(CliHost host) =>
        new("hook", "Log every build, by Nix's post-build-hook") { Install(host), Run(), Status(host) };

    /// <summary>Where root's hook lives, or the user's.</summary>
    internal static string DefaultPath(Func<string, string?> environment) =>
        Environment.IsPrivilegedProcess
            ? "/etc/quorate/nix-post-build-hook"
            : Path.Combine(InitCommand.UserConfig(environment), "nix-post-build-hook");

    static Option<string?> PathOption() =>
        new("--path", "--output")
        {
            Description = "The wrapper (default: /etc/quorate/nix-post-build-hook, or the user's)",
            HelpName = "FILE",
        };

    static Command Install(CliHost host)
    {
        var path = PathOption();
        var log = new Option<string?>("--log")
        {
            Description = "The log to write to (default: the node's only nix log)",
            HelpName = "NAME",
        };
        var spool = new Option<string?>("--spool")
        {
            Description = "Where undelivered claims wait (a private directory)",
            HelpName = "DIR",
        };
        var nixStore = NixCommands.NixStoreOption();
        var store = new Option<string?>("--store")
        {
            Description = "The Nix store that builds use (default: found for each build)",
            HelpName = "URI",
        };
        var storeDir = new Option<string?>("--store-dir")
        {
            Description = "The logical store directory, if not /nix/store",
            HelpName = "DIR",
        };
        var json = CommandLine.Json();
        var command = new Command("install", "Write the program that nix.conf's post-build-hook names")
        {
            path,
            log,
            spool,
            nixStore,
            store,
            storeDir,
            json,
        };
        command.Teach(
            "PUBLISHING IS IRREVOCABLE, and store path names leak what you build. Set `publish.filter` of the log first, and look at\n"
                + "`quorate nix hook run --dry-run PATH`. Then install, and add the printed line to nix.conf.\n"
                + "The wrapper has all its options and absolute paths inside, always exits 0 and never delays a build by more than seconds.",
            "sudo quorate nix hook install --log alice",
            "quorate nix hook install --path ~/hook --node unix:///run/user/1000/quorate/control.socket"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(path) ?? DefaultPath(host.Variable));
                var options = new List<KeyValuePair<string, string>>();
                void Add(string name, string? value)
                {
                    if (value is not null)
                    {
                        options.Add(new(name, value.Any(char.IsControl) ? throw new CliException($"{name}: control characters") : value));
                    }
                }
                if ((parse.GetValue(CommandLine.Node) ?? host.Variable("QUORATE_NODE")) is { Length: > 0 } node)
                {
                    // The hook's environment is the Nix daemon's: what is found now by name is written down.
                    Add("--node", NodeAddress.TryParse(node, out _, out var error) ? node : throw new CliException(error));
                }
                Add("--log", parse.GetValue(log));
                // A hook in a place of its own keeps its spool there too; the usual one uses the spool that the node empties.
                Add(
                    "--spool",
                    Path.GetFullPath(
                        parse.GetValue(spool) ?? (parse.GetValue(path) is null ? HookOptions.DefaultSpool(host.Variable) : file + ".spool")
                    )
                );
                Add("--nix-store", NixCommands.ProgramOf(host, parse.GetValue(nixStore)));
                Add("--store", parse.GetValue(store));
                Add("--store-dir", parse.GetValue(storeDir));
                new HookWrapper(HookWrapper.ThisProgram(), host.Variable("DOTNET_ROOT"), options).Install(file);
                var setting = $"post-build-hook = {file}";
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("path", file);
                        w.WriteString("setting", setting);
                        w.WriteStartObject("options");
                        foreach (var (name, value) in options)
                        {
                            w.WriteString(name[2..], value);
                        }
                        w.WriteEndObject();
                    });
                    return ExitCode.Ok;
                }
                await host.Error.WriteLineAsync(
                    $"Wrote {file}. Add this line to nix.conf (of the machine's daemon, if it has one) to publish every build from now on:"
                );
                await host.Out.WriteLineAsync(setting);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>Only for help and completion: <c>run</c> itself never reaches the command tree.</summary>
    static Command Run()
    {
        var command = new Command("run", "What the wrapper starts after each build; with --dry-run shows what would be published")
        {
            new Option<bool>("--dry-run") { Description = "Show what would be published, and what not and why; send nothing" },
            CommandLine.Json(),
            new Option<string?>("--log") { Description = "The log to write to", HelpName = "NAME" },
            new Option<string?>("--spool") { Description = "Where undelivered claims wait", HelpName = "DIR" },
            NixCommands.NixStoreOption(),
            NixCommands.StoreOption(),
            new Option<string?>("--store-dir") { Description = "The logical store directory, if not /nix/store", HelpName = "DIR" },
            new Argument<string[]>("PATH") { Description = "Store paths (default: $OUT_PATHS)", Arity = ArgumentArity.ZeroOrMore },
        };
        command.SetAction(parse => new HelpAction().Invoke(parse));
        return command;
    }

    static Command Status(CliHost host)
    {
        var path = PathOption();
        var json = CommandLine.Json();
        var command = new Command("status", "Show whether the hook is installed, used and delivering") { path, json };
        command.Teach(
            "waiting: batches that the node or the next build delivers. dropped: claims lost because the spool was full or Nix did not answer.\n"
                + "set aside: files that could not be understood or that the log refused; they stay in the spool as *.aside.",
            "quorate nix hook status"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(path) ?? DefaultPath(host.Variable));
                var words = File.Exists(file) ? HookWrapper.OptionsOf(await File.ReadAllTextAsync(file, cancellationToken)) : null;
                var error = "not installed";
                HookOptions? options = null;
                if (words is not null && HookOptions.TryParse(words, host.Variable, out var parsed, out error))
                {
                    options = parsed;
                }
                var state = options is null ? null : SpoolStateOf(options.Spool);
                var log = options is null ? error : await LogStateAsync(host, options, parse.GetValue(CommandLine.Node), cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("path", file);
                        w.WriteBoolean("installed", options is not null);
                        w.WriteString("spool", options?.Spool);
                        w.WriteNumber("waiting", state?.Batches ?? 0);
                        w.WriteNumber("waitingBytes", state?.Bytes ?? 0);
                        w.WriteNumber("dropped", state?.Dropped ?? 0);
                        w.WriteNumber("setAside", state?.SetAside ?? 0);
                        w.WriteString("log", log);
                    });
                }
                else
                {
                    await host.Out.WriteLineAsync($"hook       {file}{(options is null ? $": {error}" : "")}");
                    if (options is not null)
                    {
                        await host.Out.WriteLineAsync($"log        {Screen.Printable(log)}");
                        await host.Out.WriteLineAsync($"spool      {options.Spool}");
                        await host.Out.WriteLineAsync($"waiting    {state?.Batches ?? 0} batches, {state?.Bytes ?? 0} bytes");
                        await host.Out.WriteLineAsync($"dropped    {state?.Dropped ?? 0} claims");
                        await host.Out.WriteLineAsync($"set aside  {state?.SetAside ?? 0} files");
                    }
                }
                return options is null ? ExitCode.Error : ExitCode.Ok;
            }
        );
        return command;
    }

    static SpoolState? SpoolStateOf(string path)
    {
        using var spool = HookSpool.Open(path, create: false);
        return spool?.State();
    }

    static async Task<string> LogStateAsync(CliHost host, HookOptions options, string? node, CancellationToken cancellationToken)
    {
        try
        {
            await using var client = host.Connect(node ?? options.Node);
            var log = PostBuildHook.PickLog((await client.LogsAsync(cancellationToken)).Value, options.Log);
            var filter = KnownFilter.From(log.Filter).IsOpen ? "no publish filter" : "filtered";
            return $"{log.Name} ({log.Claims} claims, {log.TreeSize ?? 0} entries, {filter})";
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return e.Message.Split('\n')[0];
        }
    }
}
