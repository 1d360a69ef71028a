using System.CommandLine;
using System.CommandLine.Help;
using Quorate.Cli.Hook;
using Quorate.Cli.Rendering;
using Quorate.Cli.Signing;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix hook install|run|flush|status</c></summary>
static class HookCommands
{
    public static Command Build(CliHost host) =>
        new("hook", "Log every build, by Nix's post-build-hook")
        {
            HookInstallCommand.Build(host),
            Run(),
            HookFlushCommand.Build(host),
            Status(host),
        };

    /// <summary>Where root's hook lives, or the user's.</summary>
    internal static string DefaultPath(Func<string, string?> environment) =>
        Environment.IsPrivilegedProcess
            ? "/etc/quorate/nix-post-build-hook"
            : Path.Combine(InitCommand.UserConfig(environment), "nix-post-build-hook");

    internal static Option<string?> PathOption() =>
        new("--path", "--output")
        {
            Description = "The wrapper (default: /etc/quorate/nix-post-build-hook, or the user's)",
            HelpName = "FILE",
        };

    /// <summary>Only for help and completion: <c>run</c> itself never reaches the command tree.</summary>
    static Command Run()
    {
        var command = new Command("run", "What the wrapper starts after each build; with --dry-run shows what would be published")
        {
            new Option<bool>("--dry-run") { Description = "Show what would be published, and what not and why; send nothing" },
            CommandLine.Json(),
            new Option<string?>("--log") { Description = "The log to write to", HelpName = "NAME" },
            new Option<string?>("--claim-key")
            {
                Description = "Also sign what was built, as a build trace, with this key",
                HelpName = "FILE",
            },
            new Option<string?>("--trace-log")
            {
                Description = "The log of protocol nix-trace that the signed claims go to",
                HelpName = "NAME",
            },
            new Option<string?>("--spool") { Description = "Where undelivered claims wait", HelpName = "DIR" },
            NixCommands.NixStoreOption(),
            NixCommands.StoreOption(),
            new Option<string?>("--store-dir") { Description = "The logical store directory, if not /nix/store", HelpName = "DIR" },
            new Argument<string[]>("PATH") { Description = "Store paths (default: $OUT_PATHS)", Arity = ArgumentArity.ZeroOrMore },
        };
        new ClaimFormOptions().AddTo(command);
        command.SetAction(parse => new HelpAction().Invoke(parse));
        return command;
    }

    static Command Status(CliHost host)
    {
        var path = PathOption();
        var json = CommandLine.Json();
        var command = new Command("status", "Show whether the hook is installed, used and delivering") { path, json };
        command.Teach(
            "waiting: files of claims that the node or the next build delivers. unresolved: files of paths of which Nix has not said yet what they are;\n"
                + "the node, the next build or `quorate nix hook flush` asks. collected: paths that were gone by then. dropped: lost because the spool\n"
                + "was full, no publish filter was known, or Nix did not answer for a week. set aside: files that could not be understood or that\n"
                + "the log refused; they stay in the spool as *.aside.",
            "quorate nix hook status"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(path) ?? DefaultPath(host.Variable));
                var (options, error) = await InstalledAsync(host, file, cancellationToken);
                var (state, filterKnown) = options is null ? (null, false) : SpoolStateOf(options);
                var log = options is null ? error : await LogStateAsync(host, options, parse.GetValue(CommandLine.Node), cancellationToken);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("path", file);
                        w.WriteBoolean("installed", options is not null);
                        w.WriteString("spool", options?.Spool);
                        w.WriteBoolean("filterKnown", filterKnown);
                        w.WriteNumber("waiting", state?.Batches ?? 0);
                        w.WriteNumber("unresolved", state?.Unresolved ?? 0);
                        w.WriteNumber("toSign", state?.ToSign ?? 0);
                        w.WriteNumber("waitingBytes", state?.Bytes ?? 0);
                        w.WriteNumber("dropped", state?.Dropped ?? 0);
                        w.WriteNumber("collected", state?.Collected ?? 0);
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
                        await host.Out.WriteLineAsync(
                            $"filter     {(filterKnown ? "known" : "NOT KNOWN: nothing is kept while the node is away")}"
                        );
                        await host.Out.WriteLineAsync(
                            $"waiting    {state?.Batches ?? 0} files of claims, {state?.Bytes ?? 0} bytes in all"
                        );
                        await host.Out.WriteLineAsync($"unresolved {state?.Unresolved ?? 0} files of bare paths");
                        await host.Out.WriteLineAsync($"to sign    {state?.ToSign ?? 0} builds");
                        await host.Out.WriteLineAsync($"dropped    {state?.Dropped ?? 0} claims");
                        await host.Out.WriteLineAsync($"collected  {state?.Collected ?? 0} paths");
                        await host.Out.WriteLineAsync($"set aside  {state?.SetAside ?? 0} files");
                    }
                }
                return options is null ? ExitCode.Error : ExitCode.Ok;
            }
        );
        return command;
    }

    /// <summary>What the wrapper tells the hook, or why that is not known.</summary>
    internal static async Task<(HookOptions? Options, string Error)> InstalledAsync(
        CliHost host,
        string file,
        CancellationToken cancellationToken
    )
    {
        var words = File.Exists(file) ? HookWrapper.OptionsOf(await File.ReadAllTextAsync(file, cancellationToken)) : null;
        if (words is null)
        {
            return (null, "not installed");
        }
        return HookOptions.TryParse(words, host.Variable, out var options, out var error) ? (options, "") : (null, error);
    }

    static (SpoolState?, bool FilterKnown) SpoolStateOf(HookOptions options)
    {
        using var spool = HookSpool.Open(options.Spool, create: false);
        return (spool?.State(), spool is not null && HookFilter.Load(spool, options.Log ?? "").IsKnown);
    }

    static async Task<string> LogStateAsync(CliHost host, HookOptions options, string? node, CancellationToken cancellationToken)
    {
        try
        {
            await using var client = host.Connect(node ?? options.Node);
            var log = HookDelivery.PickLog((await client.LogsAsync(cancellationToken)).Value, options.Log);
            var filter = HookFilter.From(log.Filter).IsOpen ? "no publish filter" : "filtered";
            return $"{log.Name} ({log.Claims} claims, {log.TreeSize ?? 0} entries, {filter})";
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return e.Message.Split('\n')[0];
        }
    }
}
