using Quorate.Sources.Control;

namespace Quorate.Cli.Hook;

/// <summary><c>quorate nix hook run</c>. Started before anything else of the command line is loaded.</summary>
static class HookProgram
{
    /// <summary>Beyond every deadline inside, so that not even a bug can hold a build.</summary>
    static readonly TimeSpan s_watchdog = TimeSpan.FromSeconds(3);

    public const string Help = """
        Description:
          What Nix runs after a build (by way of the wrapper that `quorate nix hook install` writes): logs $OUT_PATHS in the node's log.
          It always exits 0, within about a second. What cannot be learnt or delivered by then is spooled, and delivered by the node,
          the next hook or `quorate nix hook flush`.

        Usage:
          quorate nix hook run [options] [PATH...]

        Options:
          --dry-run          Print what would be published, and what not and why; send and keep nothing
          --json             Print one JSON document on standard output instead of text
          --node ADDRESS     The node's control listener (default: $QUORATE_NODE, then the usual sockets)
          --log NAME         The log to write to (default: the node's only log of built nix claims)
          --claim-key FILE   Also sign what was built, as a build trace, with this key
          --trace-log NAME   The log of protocol nix-trace that the signed claims go to
          --format FORMAT    How the claims are written: bundle (the default), jws2 or jws3
          --input-addressed  Sign the content-addressed view of input-addressed builds too
          --view-cache DIR   Where views of inputs are kept between runs, or none
          --dependencies, --include-preimage, --builder-software URI, --builder-software-digest SCHEME=VALUE
                             What the claims say besides; see `quorate nix sign --help`
          --spool DIR        Where undelivered claims wait
          --nix-store FILE   The nix-store program to ask
          --store URI        The Nix store to ask (default: the one that the build used)
          --store-dir DIR    The logical store directory, if it is not /nix/store

        Examples:
          quorate nix hook run --dry-run /nix/store/…-hello-2.12
          OUT_PATHS=/nix/store/…-hello-2.12 quorate nix hook run
        """;

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments.Any(a => a is "--help" or "-h" or "-?"))
        {
            await Console.Out.WriteLineAsync(Help);
            return 0;
        }
        if (!HookOptions.TryParse(arguments, Environment.GetEnvironmentVariable, out var options, out var error))
        {
            await SayAsync(error);
            return 0;
        }
        using var watchdog = options.DryRun ? null : new Timer(_ => Environment.Exit(0), null, s_watchdog, Timeout.InfiniteTimeSpan);
        try
        {
            var hook = new PostBuildHook(options, Environment.GetEnvironmentVariable, address => new RawControlTransport(address));
            if (options.DryRun)
            {
                var report = await hook.DryRunAsync(CancellationToken.None);
                await Console.Out.WriteLineAsync(options.Json ? report.ToJson() : string.Join('\n', report.Lines()));
                return 0;
            }
            var done = await hook.RunAsync(CancellationToken.None);
            if (options.Json)
            {
                await Console.Out.WriteLineAsync(done.ToJson());
            }
            else if (done.Line() is { Length: > 0 } line)
            {
                await SayAsync(line);
            }
        }
        catch (Exception e)
        {
            // The edge of this host: a bug of ours must not stop somebody's build either.
            await SayAsync($"{e.GetType().Name}: {e.Message}");
        }
        return 0;
    }

    static async Task SayAsync(string line)
    {
        try
        {
            await Console.Error.WriteLineAsync("quorate: " + line.ReplaceLineEndings(" "));
        }
        catch (IOException)
        {
            // Nobody listens.
        }
    }
}
