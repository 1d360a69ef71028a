using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Nix.Store;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix submit-closure</c>: relays what was substituted, which is not a second opinion and must not look like one.</summary>
static class SubmitClosureCommand
{
    const int ChunkSize = 1_000;

    public static Command Build(CliHost host)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Store paths, or links to them", Arity = ArgumentArity.OneOrMore };
        var log = new Option<string?>("--log")
        {
            Description = "A log of relayed claims (default: the node's only one)",
            HelpName = "NAME",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be published, and what not and why; send nothing" };
        var nixStore = NixCommands.NixStoreOption();
        var store = NixCommands.StoreOption();
        var json = CommandLine.Json();
        var command = new Command("submit-closure", "Log whole closures as relayed: fetched from elsewhere, not built here")
        {
            paths,
            log,
            dryRun,
            nixStore,
            store,
            json,
        };
        command.Teach(
            "A copied build is not a second opinion. Only a log declared `claims: relayed` is written, and its votes fail `where built`.\n"
                + "Publishing is irrevocable and names leak: try --dry-run first. The log's `publish.filter` applies.",
            "quorate nix submit-closure --dry-run /run/current-system",
            "quorate nix submit-closure --log relays ./result"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                await using var client = host.Connect(parse.GetValue(CommandLine.Node));
                var target = PickLog((await client.LogsAsync(cancellationToken)).Value, parse.GetValue(log));
                var roots = parse
                    .GetRequiredValue(paths)
                    .Select(p => StorePathArgument.Resolve(p) ?? throw new CliException($"'{p}' is not in a Nix store"))
                    .Select(p => p.ToString())
                    .ToArray();
                var nix = NixCommands.Store(host, parse.GetValue(nixStore), parse.GetValue(store));
                var run = new Submission(
                    host,
                    client,
                    target,
                    HookFilter.From(target.Filter),
                    parse.GetValue(dryRun),
                    parse.GetValue(json)
                );
                await run.RunAsync(nix, await nix.RequisitesAsync(roots, cancellationToken), cancellationToken);
                return ExitCode.Ok;
            }
        );
        return command;
    }

    /// <exception cref="CliException">The named log is one of built claims, or none or several could be meant.</exception>
    internal static LogInfo PickLog(LogList logs, string? wanted)
    {
        var published = logs.Published.Where(l => l.Protocol is "nix" || l.Protocol == Core.Protocol.Nix.Id).ToArray();
        if (wanted is not null)
        {
            var named =
                published.FirstOrDefault(l => l.Name == wanted || l.LogId == wanted)
                ?? throw new CliException($"the node publishes no nix log '{wanted}'");
            return named.Claims == "relayed"
                ? named
                : throw new CliException(
                    $"log '{named.Name}' is one of built claims; what was fetched from elsewhere would lie there.\n"
                        + "Declare another log with `claims: relayed` and name that one."
                );
        }
        var relayed = published.Where(l => l.Claims == "relayed").ToArray();
        return relayed.Length switch
        {
            1 => relayed[0],
            0 => throw new CliException("the node has no log of relayed claims; declare one with `claims: relayed` under publish:"),
            _ => throw new CliException(
                $"the node has several logs of relayed claims; say --log {string.Join(" or ", relayed.Select(l => l.Name))}"
            ),
        };
    }

    sealed class Submission(CliHost host, ControlClient client, LogInfo log, PublishFilter filter, bool dryRun, bool json)
    {
        int _added;
        int _duplicates;
        int _withheld;
        int _divergences;

        public async Task RunAsync(NixStore nix, IReadOnlyList<StorePath> paths, CancellationToken cancellationToken)
        {
            var progress = new Progress(host, paths.Count);
            foreach (var chunk in paths.Chunk(ChunkSize))
            {
                var publish = new List<SubmitEntry>();
                foreach (var fact in await nix.FactsAsync(chunk, cancellationToken))
                {
                    var verdict = filter.Judge(fact.Claim.Path.ToString(), fact.Deriver, fact.Claim.References.Select(r => r.ToString()));
                    if (verdict is PublishVerdict.Withheld held)
                    {
                        _withheld++;
                        await SayAsync($"withhold  {fact.Claim.Path}\n            {held.Rule}: {held.Reason}");
                        continue;
                    }
                    publish.Add(new SubmitEntry(NixKeyForms.FullKey(fact.Claim.Path), fact.Claim.ToBytes()));
                    await SayAsync($"publish   {fact.Claim.Path}");
                }
                if (!dryRun && publish.Count > 0)
                {
                    var outcome = (await client.SubmitAsync(log.Name, publish, relayed: true, cancellationToken)).Value;
                    _added += outcome.Added;
                    _duplicates += outcome.Duplicates;
                    _withheld += outcome.Filtered;
                    _divergences += outcome.Divergences.Count;
                }
                else
                {
                    _added += publish.Count;
                }
                progress.Step(chunk.Length);
            }
            progress.Done();
            await SummariseAsync(paths.Count);
        }

        Task SayAsync(string line) => dryRun && !json ? host.Out.WriteLineAsync(line) : Task.CompletedTask;

        async Task SummariseAsync(int paths)
        {
            if (json)
            {
                await host.WriteJsonAsync(w =>
                {
                    w.WriteString("log", log.Name);
                    w.WriteBoolean("dryRun", dryRun);
                    w.WriteNumber("paths", paths);
                    w.WriteNumber(dryRun ? "wouldPublish" : "added", _added);
                    w.WriteNumber("duplicates", _duplicates);
                    w.WriteNumber("divergences", _divergences);
                    w.WriteNumber("withheld", _withheld);
                });
                return;
            }
            await host.Out.WriteLineAsync(
                dryRun
                    ? $"{paths} paths: {_added} would be published in {log.Name}, {_withheld} withheld; nothing was sent"
                    : $"{paths} paths: {_added} added to {log.Name}, {_duplicates} already there, {_withheld} withheld by its filter"
                        + (_divergences > 0 ? $", {_divergences} differ from what it said before" : "")
            );
        }
    }
}
