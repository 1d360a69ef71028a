using System.CommandLine;
using Quorate.Cli.Hook;
using Quorate.Cli.Rendering;
using Quorate.Cli.Signing;
using Quorate.Crypto.Keys;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix hook install</c></summary>
static class HookInstallCommand
{
    public static Command Build(CliHost host)
    {
        var path = HookCommands.PathOption();
        var log = new Option<string?>("--log")
        {
            Description = "The log to write to (default: the node's only nix log)",
            HelpName = "NAME",
        };
        var claimKey = new Option<string?>("--claim-key")
        {
            Description = "Also sign every build as a build trace, with this key (see `quorate nix sign`)",
            HelpName = "FILE",
        };
        var traceLog = new Option<string?>("--trace-log")
        {
            Description = "The log of protocol nix-trace that the signed claims go to",
            HelpName = "NAME",
        };
        var form = new ClaimFormOptions();
        var filter = new Option<string?>("--filter")
        {
            Description = "A JSON file with the members of publish.filter; holds besides the node's own",
            HelpName = "FILE",
        };
        var publishAll = new Option<bool>("--publish-all") { Description = "Every build may be published: nothing is held back here" };
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
            claimKey,
            traceLog,
            filter,
            publishAll,
            spool,
            nixStore,
            store,
            storeDir,
            json,
        };
        form.AddTo(command);
        command.Teach(
            "PUBLISHING IS IRREVOCABLE, and store path names leak what you build. Set `publish.filter` of the log first, and look at\n"
                + "`quorate nix hook run --dry-run PATH`. Then install, and add the printed line to nix.conf.\n"
                + "The node's filter is asked for and kept beside the spool; without one you have to say --filter or --publish-all.\n"
                + "The wrapper has all its options and absolute paths inside, always exits 0 and takes at most about a second of a build.",
            "sudo quorate nix hook install --log alice",
            "quorate nix hook install --publish-all --path ~/hook --node unix:///run/user/1000/quorate/control.socket"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(path) ?? HookCommands.DefaultPath(host.Variable));
                var options = new List<KeyValuePair<string, string?>>();
                void Add(string name, string? value)
                {
                    if (value is not null)
                    {
                        options.Add(new(name, value.Any(char.IsControl) ? throw new CliException($"{name}: control characters") : value));
                    }
                }
                var node = parse.GetValue(CommandLine.Node) ?? host.Variable("QUORATE_NODE");
                if (node is { Length: > 0 })
                {
                    // The hook's environment is the Nix daemon's: what is found now by name is written down.
                    Add("--node", NodeAddress.TryParse(node, out _, out var error) ? node : throw new CliException(error));
                }
                Add("--log", parse.GetValue(log));
                if (parse.GetValue(claimKey) is { } keyFile)
                {
                    // Read once, so that a wrong file shows now and not after every build.
                    using var key = NixCacheSecretKey.Read(keyFile, out _);
                    Add("--claim-key", Path.GetFullPath(keyFile));
                }
                Add("--trace-log", parse.GetValue(traceLog));
                if (parse.GetValue(claimKey) is null != parse.GetValue(traceLog) is null)
                {
                    throw new CliException("--claim-key and --trace-log go together: what is signed has to go somewhere");
                }
                var claims = await form.ReadAsync(parse, cancellationToken);
                foreach (var (name, value) in form.Words(parse, claims, host.Variable))
                {
                    if (parse.GetValue(claimKey) is null)
                    {
                        throw new CliException($"{name} says how builds are signed, and without --claim-key none is");
                    }
                    if (value is null)
                    {
                        options.Add(new(name, null));
                    }
                    Add(name, value);
                }
                // A hook in a place of its own keeps its spool there too; the usual one uses the spool that the node empties.
                var spoolPath = Path.GetFullPath(
                    parse.GetValue(spool) ?? (parse.GetValue(path) is null ? HookOptions.DefaultSpool(host.Variable) : file + ".spool")
                );
                Add("--spool", spoolPath);
                Add("--nix-store", NixCommands.ProgramOf(host, parse.GetValue(nixStore)));
                Add("--store", parse.GetValue(store));
                Add("--store-dir", parse.GetValue(storeDir));

                var given = Given(parse.GetValue(filter), parse.GetValue(publishAll));
                var stated = await StatedAsync(host, node, parse.GetValue(log), given is not null, cancellationToken);
                KeepFilters(spoolPath, parse.GetValue(log) ?? "", given, stated);
                new HookWrapper(HookWrapper.ThisProgram(), host.Variable("DOTNET_ROOT"), options).Install(file);
                await PrintAsync(host, parse.GetValue(json), file, options, given, stated);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static FilterInfo? Given(string? file, bool publishAll) =>
        (file, publishAll) switch
        {
            (not null, true) => throw new CliException("--filter and --publish-all contradict each other"),
            (not null, _) => FilterFile.Read(file),
            (_, true) => new FilterInfo([], [], [], []),
            _ => null,
        };

    /// <summary>What the node says; null when it cannot be asked and need not be.</summary>
    /// <exception cref="CliException">Nobody said what may be published.</exception>
    static async Task<LogInfo?> StatedAsync(CliHost host, string? node, string? log, bool given, CancellationToken cancellationToken)
    {
        const string Choice =
            "Set `publish.filter` of the log and start the node, or say what may be published with --filter FILE, or --publish-all if everything may.";
        LogInfo found;
        try
        {
            await using var client = host.Connect(node);
            found = HookDelivery.PickLog((await client.LogsAsync(cancellationToken)).Value, log);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return given ? null : throw new CliException($"no publish filter is known: {e.Message.Split('\n')[0]}\n{Choice}");
        }
        return given || !HookFilter.From(found.Filter).IsOpen
            ? found
            : throw new CliException($"log '{found.Name}' has no publish filter, so that every build would be published.\n{Choice}");
    }

    static void KeepFilters(string path, string log, FilterInfo? given, LogInfo? stated)
    {
        using var spool = HookSpool.Open(path, create: true)!;
        if (!HookFilter.Give(spool, log, given) || (stated is not null && !HookFilter.State(spool, log, stated.Filter)))
        {
            throw new CliException($"the publish filter cannot be written to {path}");
        }
    }

    static async Task PrintAsync(
        CliHost host,
        bool json,
        string file,
        IReadOnlyList<KeyValuePair<string, string?>> options,
        FilterInfo? given,
        LogInfo? stated
    )
    {
        var setting = $"post-build-hook = {file}";
        var holdsBack = !HookFilter.From(given).IsOpen || !HookFilter.From(stated?.Filter).IsOpen;
        if (json)
        {
            await host.WriteJsonAsync(w =>
            {
                w.WriteString("path", file);
                w.WriteString("setting", setting);
                w.WriteBoolean("filtered", holdsBack);
                w.WriteStartObject("options");
                foreach (var (name, value) in options)
                {
                    if (value is null)
                    {
                        w.WriteBoolean(name[2..], true);
                    }
                    else
                    {
                        w.WriteString(name[2..], value);
                    }
                }
                w.WriteEndObject();
            });
            return;
        }
        await host.Error.WriteLineAsync(
            $"Wrote {file}. Add this line to nix.conf (of the machine's daemon, if it has one) to publish every build from now on"
                + (holdsBack ? ", but what the publish filter holds back:" : ", whatever its name:")
        );
        await host.Out.WriteLineAsync(setting);
    }
}
