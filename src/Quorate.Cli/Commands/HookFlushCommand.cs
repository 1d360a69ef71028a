using System.CommandLine;
using Quorate.Cli.Hook;
using Quorate.Cli.Rendering;
using Quorate.Cli.Signing;
using Quorate.Crypto.Keys;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix hook flush</c>: what the node and the next builds would do by and by, now.</summary>
static class HookFlushCommand
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>For reading what was built: some outputs have many gigabytes.</summary>
    static readonly TimeSpan s_signingPatience = TimeSpan.FromMinutes(30);

    public static Command Build(CliHost host)
    {
        var path = HookCommands.PathOption();
        var json = CommandLine.Json();
        var command = new Command("flush", "Deliver what hooks left in the spool, after asking Nix about what they could not")
        {
            path,
            json,
        };
        command.Teach(
            "Status 0 when nothing waits any more, else 1. A store that does not answer within a minute is left for later.",
            "quorate nix hook flush"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var file = Path.GetFullPath(parse.GetValue(path) ?? HookCommands.DefaultPath(host.Variable));
                var (options, error) = await HookCommands.InstalledAsync(host, file, cancellationToken);
                if (options is null)
                {
                    throw new CliException($"{file}: {error}");
                }
                using var spool = HookSpool.Open(options.Spool, create: false);
                var done = spool is null
                    ? new Flushed(default, default, default, new SpoolState(0, 0, 0, 0, 0, 0), "")
                    : await FlushAsync(host, spool, options, parse.GetValue(CommandLine.Node), cancellationToken);
                await PrintAsync(host, done, parse.GetValue(json));
                return done.State.Batches + done.State.Unresolved + done.State.ToSign == 0 ? ExitCode.Ok : ExitCode.Error;
            }
        );
        return command;
    }

    sealed record Flushed(ResolutionProgress Resolution, SigningProgress Signing, SpoolProgress Delivery, SpoolState State, string Problem);

    static async Task<Flushed> FlushAsync(
        CliHost host,
        HookSpool spool,
        HookOptions options,
        string? node,
        CancellationToken cancellationToken
    )
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        var resolution = await new SpoolResolution(spool, options.NixStore, host.Clock).ResolveAsync(patience.Token);
        cancellationToken.ThrowIfCancellationRequested();
        var signing = await SignAsync(host, spool, options, cancellationToken);
        var problem = string.Join("; ", new[] { resolution.Problem, signing.Problem }.Where(said => !string.IsNullOrEmpty(said)));
        SpoolProgress delivery = default;
        if (spool.Waiting().Count > 0)
        {
            try
            {
                await using var client = host.Connect(node ?? options.Node);
                delivery = await new HookDelivery(client, spool, options.Log).CatchUpAsync(cancellationToken);
            }
            catch (Exception e) when (e is IOException or FormatException)
            {
                problem = problem.Length == 0 ? e.Message.Split('\n')[0] : $"{problem}; {e.Message.Split('\n')[0]}";
            }
        }
        return new Flushed(resolution, signing, delivery, spool.State(), problem);
    }

    static async Task<SigningProgress> SignAsync(CliHost host, HookSpool spool, HookOptions options, CancellationToken cancellationToken)
    {
        if (options.ClaimKey is null || spool.ToSign().Count == 0)
        {
            return default;
        }
        using var patience = new CancellationTokenSource(s_signingPatience, host.Clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        using var key = NixCacheSecretKey.Read(options.ClaimKey, out _);
        using var views = await ClaimFormOptions.OpenViewsAsync(host, options.Claims, options.ViewCache);
        var signing = new SpoolSigning(spool, options.NixStore, key, options.Log ?? "", host.Clock, options.Claims, views);
        var progress = await signing.SignAsync(deadline.Token);
        cancellationToken.ThrowIfCancellationRequested();
        return progress;
    }

    static async Task PrintAsync(CliHost host, Flushed done, bool json)
    {
        var (resolution, signing, delivery, state, problem) = done;
        if (json)
        {
            await host.WriteJsonAsync(w =>
            {
                w.WriteNumber("resolved", resolution.Resolved);
                w.WriteNumber("withheld", resolution.Withheld);
                w.WriteNumber("collected", resolution.Collected);
                w.WriteNumber("expired", resolution.Expired);
                w.WriteNumber("signed", signing.Signed);
                w.WriteNumber("signingRefused", signing.Refused);
                w.WriteNumber("toSign", state.ToSign);
                w.WriteNumber("delivered", delivery.Delivered);
                w.WriteNumber("refused", delivery.Refused);
                w.WriteNumber("waiting", state.Batches);
                w.WriteNumber("unresolved", state.Unresolved);
                w.WriteString("problem", problem.Length > 0 ? problem : null);
            });
            return;
        }
        await host.Out.WriteLineAsync(
            $"{delivery.Delivered} files delivered, {delivery.Refused} set aside, {state.Batches + state.Unresolved + state.ToSign} still waiting"
        );
        if (signing.Signed + signing.Refused > 0)
        {
            await host.Out.WriteLineAsync($"{signing.Signed} builds signed, {signing.Refused} refused and set aside");
        }
        if (resolution.Collected + resolution.Expired > 0)
        {
            await host.Out.WriteLineAsync(
                $"{resolution.Collected} paths were not in the store any more, {resolution.Expired} were given up: they are in no log"
            );
        }
        if (problem.Length > 0)
        {
            await host.Error.WriteLineAsync($"quorate: {Screen.Printable(problem)}");
        }
    }
}
