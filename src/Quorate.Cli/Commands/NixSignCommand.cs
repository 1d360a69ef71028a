using System.CommandLine;
using System.Text;
using System.Text.Json;
using Quorate.Cli.Rendering;
using Quorate.Cli.Signing;
using Quorate.Crypto.Keys;
using Quorate.Crypto.Tokens;
using Quorate.Nix;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;
using Quorate.Rpc;
using Quorate.Sources.Control;
using Quorate.Sources.Traces;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix sign</c>: claims about single build steps, for those who verify the whole way from the sources.</summary>
static class NixSignCommand
{
    const string Notes = """
        Signs that this machine built a resolved derivation to its outputs. The derivation is read from the store; the NAR hash and the
        content-addressed path of every output are recomputed from the disk, and anything that does not fit is refused. Unresolved,
        fixed-output, deferred and impure derivations are skipped, and said to be; so are input-addressed ones, unless --input-addressed is given:
        then the content-addressed view of the build is signed, for which everything that it was built from is read as well.
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
        var format = new Option<string>("--format")
        {
            Description = "bundle, jws2 or jws3",
            HelpName = "FORMAT",
            DefaultValueFactory = _ => "bundle",
        };
        format.AcceptOnlyFromAmong("bundle", "jws2", "jws3");
        var inputAddressed = new Option<bool>("--input-addressed")
        {
            Description = "Sign the content-addressed view of input-addressed builds (bundle and jws3)",
        };
        var to = new Option<string[]>("--to") { Description = "Add the claims to this trace cache; repeatable", HelpName = "URL" };
        var directory = new Option<string?>("--out") { Description = "Likewise, a directory: the same as --to dir:DIR", HelpName = "DIR" };
        var token = new Option<string?>("--token-file")
        {
            Description = "Write token for --to, as `quorate token new` makes it; a node's trace store asks for one",
            HelpName = "FILE",
        };
        var log = new Option<string?>("--log") { Description = "Append them to this log of the node", HelpName = "NAME" };
        var relayed = new Option<bool>("--relayed") { Description = "Say that this machine did not execute the builds (bundles only)" };
        var dependencies = new Option<bool>("--dependencies") { Description = "List the inputs in the claim (bundles only)" };
        var software = new Option<string?>("--builder-software")
        {
            Description = "Reference to this builder's own software: a flake reference or URL (bundles only)",
            HelpName = "URI",
        };
        var softwareDigest = new Option<string[]>("--builder-software-digest")
        {
            Description = "Its digest, as SCHEME=VALUE (nix-nar-sha256=…, gitCommit=…); repeatable",
            HelpName = "DIGEST",
        };
        var nixStore = NixCommands.NixStoreOption();
        var store = NixCommands.StoreOption();
        var json = CommandLine.Json();
        var command = new Command("sign", "Sign that this machine built resolved derivations to their outputs")
        {
            derivations,
            key,
            outPaths,
            format,
            inputAddressed,
            to,
            directory,
            token,
            log,
            relayed,
            dependencies,
            software,
            softwareDigest,
            nixStore,
            store,
            json,
        };
        command.Teach(
            Notes,
            "quorate nix sign --key /etc/quorate/claims.key --log alice-traces /nix/store/…-hello-2.12.drv",
            "quorate nix sign --key claims.key --to https://traces.example.org $(nix-store -q --deriver ./result)"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var chosen = FormatOf(parse.GetRequiredValue(format));
                var withViews = parse.GetValue(inputAddressed);
                if (withViews && chosen == TraceFormat.Jws2)
                {
                    throw new CliException("--format jws2 cannot say that a build was input-addressed; use bundle or jws3");
                }
                if (
                    chosen != TraceFormat.Bundle
                    && (parse.GetValue(relayed) || parse.GetValue(dependencies) || parse.GetValue(software) is not null)
                )
                {
                    throw new CliException("a JWS has no place for --relayed, --dependencies or --builder-software: say --format bundle");
                }
                var builds = Builds(host, parse.GetValue(derivations) ?? [], parse.GetValue(outPaths));
                var program = NixCommands.ProgramOf(host, parse.GetValue(nixStore));
                var nix = new NixStore(program, parse.GetValue(store));
                using var secret = await ReadKeyAsync(host, parse.GetRequiredValue(key));
                var provenance = await ProvenanceAsync(
                    nix,
                    parse.GetValue(software),
                    parse.GetValue(softwareDigest) ?? [],
                    cancellationToken
                );
                var signer = new TraceSigner(secret, chosen, provenance, built: !parse.GetValue(relayed));
                string[] urls =
                [
                    .. parse.GetValue(to) ?? [],
                    .. parse.GetValue(directory) is { } dir ? [$"dir:{dir}"] : Array.Empty<string>(),
                ];
                if (parse.GetValue(token) is not null && urls.Length != 1)
                {
                    throw new CliException("--token-file goes with a single --to: a token is told to nobody else");
                }
                var options = new TraceCacheOptions { WriteToken = HeaderOf(parse.GetValue(token)) };
                TraceCache[] caches = [.. urls.Select(url => new TraceCache(AddressOf(url), host.Clock, options))];
                var logName = parse.GetValue(log);
                await using var client = logName is null ? null : host.Connect(parse.GetValue(CommandLine.Node));
                try
                {
                    await RefuseKeyOfOthersAsync(host, secret.PublicKey, client, logName, cancellationToken);
                    var root = parse.GetValue(store) is ['/', ..] local ? local : "";
                    var run = new SigningRun(
                        new BuildExamination(nix.FactsAsync, root, withViews ? chosen : null),
                        signer,
                        caches,
                        client,
                        logName,
                        parse.GetValue(dependencies)
                    );
                    return await SignAsync(
                        host,
                        run,
                        nix,
                        builds,
                        parse.GetValue(json),
                        toOutput: client is null && caches.Length == 0,
                        cancellationToken
                    );
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

    /// <param name="Paths">Null: Nix is asked.</param>
    sealed record NamedBuild(StorePath Derivation, IReadOnlyList<StorePath>? Paths);

    static List<NamedBuild> Builds(CliHost host, string[] named, string? outPaths)
    {
        // Nix's own words are used only where no other derivation is meant.
        var fromNix = host.Variable("DRV_PATH");
        string[] texts =
            named.Length > 0 ? named
            : fromNix is { Length: > 0 } ? [fromNix]
            : throw new CliException("name the derivations to sign, or set $DRV_PATH");
        if (outPaths is not null && texts.Length != 1)
        {
            throw new CliException("--out-paths goes with a single derivation");
        }
        return
        [
            .. texts.Select(text =>
            {
                var derivation =
                    StorePathArgument.Resolve(text) is { } path && path.Name.EndsWith(".drv", StringComparison.Ordinal)
                        ? path
                        : throw new CliException($"'{text}' is not a derivation in a Nix store");
                var paths = outPaths ?? (derivation.ToString() == fromNix ? host.Variable("OUT_PATHS") : null);
                return new NamedBuild(derivation, paths is { Length: > 0 } ? [.. Paths(paths)] : null);
            }),
        ];
    }

    static IEnumerable<StorePath> Paths(string text) =>
        text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(word => StorePath.TryParse(word, out var path) ? path : throw new CliException($"'{word}' is not a store path"));

    static TraceFormat FormatOf(string text) =>
        text switch
        {
            "jws2" => TraceFormat.Jws2,
            "jws3" => TraceFormat.Jws3,
            _ => TraceFormat.Bundle,
        };

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

    static async Task<NixCacheSecretKey> ReadKeyAsync(CliHost host, string file)
    {
        var key = NixCacheSecretKey.Read(file, out var readableByOthers);
        if (readableByOthers)
        {
            await host.Error.WriteLineAsync($"quorate: others may read {file}; run: chmod 600 {file}");
        }
        return key;
    }

    static async Task<TraceProvenance> ProvenanceAsync(
        NixStore nix,
        string? software,
        string[] digests,
        CancellationToken cancellationToken
    )
    {
        if (software is null && digests.Length > 0)
        {
            throw new CliException("--builder-software-digest says something of --builder-software, which is not given");
        }
        var parsed = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var digest in digests)
        {
            var parts = digest.Split('=', 2);
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0 || !parsed.TryAdd(parts[0], parts[1]))
            {
                throw new CliException($"--builder-software-digest '{digest}': not SCHEME=VALUE, or the scheme is there twice");
            }
        }
        return TraceProvenance.None with
        {
            Versions = (await nix.VersionAsync(cancellationToken)).ToComponents(),
            Software = software is null ? null : new TraceResource(Name: null, software, parsed),
        };
    }

    static async Task RefuseKeyOfOthersAsync(
        CliHost host,
        NixCachePublicKey key,
        ControlClient? client,
        string? log,
        CancellationToken cancellationToken
    )
    {
        var use = ClaimKeyChecks.UsedByNix(key, host.Variable);
        if (client is not null)
        {
            var logs = (await client.LogsAsync(cancellationToken)).Value;
            var gates = (await client.StatusAsync(cancellationToken)).Value.Gates;
            use ??= ClaimKeyChecks.UsedBy(key, logs, gates);
            var target =
                logs.Published.FirstOrDefault(l => l.Name == log || l.LogId == log)
                ?? throw new CliException($"the node publishes no log '{log}'");
            if (target.Protocol != "nix-trace")
            {
                throw new CliException(
                    $"log '{target.Name}' is one of protocol {target.Protocol}; claims about build steps go to one of nix-trace"
                );
            }
        }
        if (use is not null)
        {
            throw new CliException(
                $"the key '{key.Name}' must not sign claims: {use}. Make one with `nix-store --generate-binary-cache-key`."
            );
        }
    }

    static async Task<int> SignAsync(
        CliHost host,
        SigningRun run,
        NixStore nix,
        IReadOnlyList<NamedBuild> builds,
        bool json,
        bool toOutput,
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
        if (json)
        {
            await host.WriteJsonAsync(w => Write(w, outcomes));
        }
        else
        {
            foreach (var outcome in outcomes)
            {
                await PrintAsync(host, outcome, toOutput);
            }
        }
        return outcomes.Exists(o => o.Build is ExaminedBuild.Contradicted) ? ExitCode.Rejected
            : outcomes.Exists(o => o.Problems.Count > 0) ? ExitCode.Error
            : ExitCode.Ok;
    }

    static async Task PrintAsync(CliHost host, SigningOutcome outcome, bool toOutput)
    {
        switch (outcome.Build)
        {
            case ExaminedBuild.Skipped skipped:
                await host.Error.WriteLineAsync($"skipped {outcome.Derivation}: {skipped.Code}: {skipped.Reason}");
                break;
            case ExaminedBuild.Contradicted contradicted:
                await host.Error.WriteLineAsync($"REFUSED {outcome.Derivation}: {Screen.Printable(contradicted.Reason)}");
                break;
            default:
                if (toOutput)
                {
                    await host.Out.WriteLineAsync(Encoding.UTF8.GetString(outcome.Trace!.Element.Raw.Span));
                }
                foreach (var place in outcome.Places)
                {
                    await host.Out.WriteLineAsync($"{outcome.Trace!.Input} {place}");
                }
                foreach (var problem in outcome.Problems)
                {
                    await host.Error.WriteLineAsync($"quorate: {Screen.Printable(problem)}");
                }
                break;
        }
    }

    static void Write(Utf8JsonWriter w, IReadOnlyList<SigningOutcome> outcomes)
    {
        w.WriteStartArray("builds");
        foreach (var outcome in outcomes)
        {
            w.WriteStartObject();
            w.WriteString("derivation", outcome.Derivation.ToString());
            w.WriteString(
                "status",
                outcome.Build switch
                {
                    ExaminedBuild.Skipped => "skipped",
                    ExaminedBuild.Contradicted => "refused",
                    _ => "signed",
                }
            );
            w.WriteString("code", (outcome.Build as ExaminedBuild.Skipped)?.Code);
            w.WriteString(
                "reason",
                (outcome.Build as ExaminedBuild.Skipped)?.Reason ?? (outcome.Build as ExaminedBuild.Contradicted)?.Reason
            );
            w.WriteString("input", outcome.Trace?.Input.ToString());
            w.WriteStartObject("outputs");
            foreach (var output in outcome.Trace?.Outputs ?? [])
            {
                w.WriteString(output.Name, output.Path.ToString());
            }
            w.WriteEndObject();
            w.WriteString("claim", outcome.Trace is { } trace ? Encoding.UTF8.GetString(trace.Element.Raw.Span) : null);
            WriteTexts(w, "places", outcome.Places);
            WriteTexts(w, "problems", outcome.Problems);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    static void WriteTexts(Utf8JsonWriter w, string name, IReadOnlyList<string> texts)
    {
        w.WriteStartArray(name);
        foreach (var text in texts)
        {
            w.WriteStringValue(text);
        }
        w.WriteEndArray();
    }
}
