using System.CommandLine;
using Quorate.Cli.Signing;
using Quorate.Crypto.Tokens;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;
using Quorate.Rpc;
using Quorate.Sources.Traces;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix sign</c>: claims about single build steps, for those who verify the whole way from the sources.</summary>
static class NixSignCommand
{
    const string Notes = """
        Signs that this machine built a resolved derivation to its outputs. The derivation is read from the store; the NAR hash and the
        content-addressed path of every output are recomputed from the disk, and anything that does not fit is refused. Unresolved,
        fixed-output, deferred and impure derivations are skipped, and said to be; so are input-addressed ones, unless --input-addressed is given:
        then the content-addressed view of the build is signed, for which everything that it was built from is read as well, unless --view-cache
        knows it.
        FILE is a key as `nix-store --generate-binary-cache-key NAME FILE PUBLIC` makes it. It must sign nothing else: not a log, cache, gate
        or witness key. Say --relayed if the outputs were fetched and not built here.
        --to adds to a trace cache (http://, https://, file:// or dir:PATH), with the resolved derivation beside it, and never undoes what others
        add. --log appends to a log of this node of protocol nix-trace; what is in a log stays there. Without either, claims go to
        standard output, one a line.
        Exit status: 0 signed, or skipped; 1 usage or internal error, or a place did not take a claim; 2 an output, its derivation and its
        path contradict each other, and nothing was signed for that derivation.
        """;

    public static Command Build(CliHost host)
    {
        var derivations = new Argument<string[]>("DRV")
        {
            Description = "Resolved derivations (default: $DRV_PATH)",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var key = new Option<string>("--key")
        {
            Description = "The claim key",
            HelpName = "FILE",
            Required = true,
        };
        var outPaths = new Option<string?>("--out-paths")
        {
            Description = "The outputs of a single DRV, separated by spaces (default: $OUT_PATHS, else what Nix says)",
            HelpName = "PATHS",
        };
        var form = new ClaimFormOptions();
        var to = new Option<string[]>("--to") { Description = "Add the claims to this trace cache; repeatable", HelpName = "URL" };
        var directory = new Option<string?>("--out") { Description = "Likewise, a directory: the same as --to dir:DIR", HelpName = "DIR" };
        var token = new Option<string?>("--token-file")
        {
            Description = "Write token for --to, as `quorate token new` makes it; a node's trace store asks for one",
            HelpName = "FILE",
        };
        var log = new Option<string?>("--log") { Description = "Append them to this log of the node", HelpName = "NAME" };
        var nixStore = NixCommands.NixStoreOption();
        var store = NixCommands.StoreOption();
        var json = CommandLine.Json();
        var command = new Command("sign", "Sign that this machine built resolved derivations to their outputs")
        {
            derivations,
            key,
            outPaths,
        };
        form.AddAllTo(command);
        foreach (var option in (Option[])[to, directory, token, log, nixStore, store, json])
        {
            command.Add(option);
        }
        command.Teach(
            Notes,
            "quorate nix sign --key /etc/quorate/claims.key --log alice-traces /nix/store/…-hello-2.12.drv",
            "quorate nix sign --key claims.key --to https://traces.example.org $(nix-store -q --deriver ./result)"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var claims = await form.ReadAsync(parse, cancellationToken);
                var builds = NamedBuild.Of(host, parse.GetValue(derivations) ?? [], parse.GetValue(outPaths));
                var nix = NixCommands.Store(host, parse.GetValue(nixStore), parse.GetValue(store));
                using var secret = await ClaimKeyChecks.ReadAsync(host, parse.GetRequiredValue(key));
                var signer = new TraceSigner(secret, claims, (await nix.VersionAsync(cancellationToken)).ToComponents());
                var caches = Caches(host, parse.GetValue(to) ?? [], parse.GetValue(directory), parse.GetValue(token));
                var logName = parse.GetValue(log);
                await using var client = logName is null ? null : host.Connect(parse.GetValue(CommandLine.Node));
                try
                {
                    await ClaimKeyChecks.RefuseOthersAsync(host, secret.PublicKey, client, logName, cancellationToken);
                    var root = parse.GetValue(store) is ['/', ..] local ? local : "";
                    using var views = await ClaimFormOptions.OpenViewsAsync(host, claims, form.ViewCacheOf(parse, host.Variable));
                    var examination = new BuildExamination(nix.FactsAsync, root, claims.ViewFormat, views);
                    var run = new SigningRun(examination, signer, caches, client, logName);
                    var outcomes = await SignAsync(run, nix, builds, cancellationToken);
                    await SigningReport.PrintAsync(host, outcomes, parse.GetValue(json), toOutput: client is null && caches.Length == 0);
                    return outcomes.Exists(o => o.Build is ExaminedBuild.Contradicted) ? ExitCode.Rejected
                        : outcomes.Exists(o => o.Problems.Count > 0) ? ExitCode.Error
                        : ExitCode.Ok;
                }
                finally
                {
                    foreach (var cache in caches)
                    {
                        cache.Dispose();
                    }
                }
            }
        );
        return command;
    }

    static async Task<List<SigningOutcome>> SignAsync(
        SigningRun run,
        NixStore nix,
        IReadOnlyList<NamedBuild> builds,
        CancellationToken cancellationToken
    )
    {
        var outcomes = new List<SigningOutcome>();
        foreach (var build in builds)
        {
            var (paths, problem) = build.Paths is { } given
                ? (given, "")
                : await new StoreQuestion([nix]).OutputsAsync(build.Derivation, cancellationToken);
            var outcome = await run.SignAsync(build.Derivation, paths ?? [], cancellationToken);
            // Of a derivation that is skipped Nix need not know the outputs.
            outcomes.Add(
                paths is not null || outcome.Build is ExaminedBuild.Skipped
                    ? outcome
                    : throw new CliException($"{build.Derivation}: Nix does not tell its outputs ({problem}); name them with --out-paths")
            );
        }
        return outcomes;
    }

    static TraceCache[] Caches(CliHost host, string[] named, string? directory, string? tokenFile)
    {
        string[] urls = [.. named, .. directory is null ? Array.Empty<string>() : [$"dir:{directory}"]];
        if (tokenFile is not null && urls.Length != 1)
        {
            throw new CliException("--token-file goes with a single --to: a token is told to nobody else");
        }
        var options = new TraceCacheOptions { WriteToken = HeaderOf(tokenFile) };
        return [.. urls.Select(url => new TraceCache(AddressOf(url), host.Clock, options))];
    }

    static TraceCacheAddress AddressOf(string text) =>
        TraceCacheAddress.TryParse(text, out var address)
            ? address
            : throw new CliException($"'{text}' is not a trace cache: http(s)://host[:port][/prefix], file:///directory or dir:PATH");

    static string? HeaderOf(string? tokenFile)
    {
        if (tokenFile is null)
        {
            return null;
        }
        using var token = TrustixToken.Read(tokenFile, out _);
        return token.Header(TrustixMethods.LogRpc.Submit.Procedure);
    }
}
