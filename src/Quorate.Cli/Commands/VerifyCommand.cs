using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Cli.Verify;
using Quorate.Nix;
using Quorate.Nix.Realisations;
using Quorate.Nix.Store;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Nix.Transparency;
using Quorate.Nix.Verification;
using Quorate.Sources.Configuration;
using Quorate.Trust;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix verify</c>: redoes the resolution of a derivation under a trust model of the user.</summary>
static class VerifyCommand
{
    const int RemoteParallel = 64;
    const string ClearLine = "\r\u001b[K";

    public static Command Build(CliHost host)
    {
        var target = new Argument<string>("target")
        {
            Description = "A .drv, a store path, or a link such as ./result",
            HelpName = "TARGET",
        };
        var trust = new Option<string>("--trust")
        {
            Description = "Whom you believe: rules as YAML, laut's JSON, or a Nix file",
            HelpName = "FILE",
            Required = true,
        };
        var source = new Option<string[]>("--source")
        {
            Description =
                "Where traces are, or what Nix signed: http(s)://…, dir:PATH, log:DIR for the logs in a folder, bundle:PATH for loose files (repeatable)",
            HelpName = "URL",
            Required = true,
        };
        var expect = new Option<string[]>("--expect")
        {
            Description = "An output that the target must have been built to (repeatable)",
            HelpName = "OUTPUT=PATH",
        };
        var drvs = new Option<string?>("--drvs")
        {
            Description = "Directory with the derivations, named as in the store (default: the store)",
            HelpName = "DIR",
        };
        var mode = new Option<string>("--mode") { Description = "What is asked of the evidence", DefaultValueFactory = _ => "coalition" };
        mode.AcceptOnlyFromAmong("coalition", "position", "paths");
        var inputAddressed = new Option<bool>("--input-addressed")
        {
            Description = "Verify the content-addressed view of input-addressed builds; a TARGET that is no .drv is compared with it",
        };
        var requireLog = new Option<bool>("--require-log")
        {
            Description = "Count only bundles that prove that a transparency log has them (Rekor v2)",
        };
        var trustedRoot = new Option<string?>("--trusted-root")
        {
            Description = "The logs that --require-log believes: Sigstore's trusted root, as JSON",
            HelpName = "FILE",
        };
        var checkStore = new Option<bool>("--check-store") { Description = "Compare the bytes of verified paths that are on this machine" };
        var graph = new Option<string?>("--graph") { Description = "Draw the verified graph", HelpName = "FILE.svg|FILE.html" };
        var sbom = new Option<string?>("--sbom") { Description = "Write the verified graph as CycloneDX 1.6", HelpName = "FILE" };
        var vsa = new Option<string?>("--vsa") { Description = "Write a signed verification summary (in-toto, SLSA)", HelpName = "FILE" };
        var vsaKey = new Option<string?>("--vsa-key") { Description = "Your key for --vsa", HelpName = "FILE" };
        var nixStore = NixCommands.NixStoreOption();
        var store = NixCommands.StoreOption();
        var json = CommandLine.Json();
        var command = new Command(
            "verify",
            "Verify every step that led to a build's output, with what builders claim, under your own trust model"
        )
        {
            target,
            trust,
            source,
            expect,
            drvs,
            mode,
            inputAddressed,
            requireLog,
            trustedRoot,
            checkStore,
            graph,
            sbom,
            vsa,
            vsaKey,
            nixStore,
            store,
            json,
        };
        command.Teach(
            "Exit status: 0 accepted, 2 rejected, 3 inconclusive (evidence could not be seen), 1 error.\n"
                + "No builder's word about inputs is believed: every derivation is resolved again, here.",
            "quorate nix verify /nix/store/…-hello.drv --trust trust.yaml --source https://traces.example.org",
            "quorate nix verify …-hello.drv --trust trust.yaml --source https://cache.example.org   (legacy_keys or nix_keys in trust.yaml)",
            "quorate nix verify ./result --trust trust.nix --source dir:/srv/traces --check-store",
            "quorate nix verify …-hello.drv --drvs ./drvs --trust trust.json --source dir:. --sbom bom.json"
        );
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var reports = new VerifyReports(parse.GetValue(graph), parse.GetValue(sbom), parse.GetValue(vsa), parse.GetValue(vsaKey));
                reports.Check();
                var log = RequiredLog(parse.GetValue(requireLog), parse.GetValue(trustedRoot));
                var trustFile = parse.GetRequiredValue(trust);
                var model = await TraceTrustFile.ReadAsync(trustFile, (path, token) => EvaluateAsync(host, path, token), cancellationToken);
                var directory = parse.GetValue(drvs) ?? DerivationsOf(parse.GetValue(store) ?? host.Variable("NIX_REMOTE"));
                NixStore Nix() => NixCommands.Store(host, parse.GetValue(nixStore), parse.GetValue(store));
                var expected = Expected(parse.GetValue(expect) ?? []);
                var regime = parse.GetValue(inputAddressed) ? TraceRegime.SyntheticContentAddressed : TraceRegime.ContentAddressed;
                var named = parse.GetRequiredValue(target);
                var found = await VerifyTarget.FindAsync(
                    named,
                    directory,
                    expected,
                    Nix,
                    regime == TraceRegime.SyntheticContentAddressed,
                    cancellationToken
                );
                using var sources = VerifySources.Open(
                    parse.GetRequiredValue(source),
                    model.WitnessesOf,
                    host.Clock,
                    // Over the count of what is done.
                    message => host.Error.WriteLine($"{(host.Interactive ? ClearLine : "")}quorate: {message}"),
                    cancellationToken
                );
                foreach (var left in sources.LeftOut)
                {
                    await host.Error.WriteLineAsync($"quorate: left out: {left}");
                }

                var root = parse.GetValue(store) is ['/', ..] diverted ? diverted.TrimEnd('/') : "";
                var result = await VerifyAsync(
                    host,
                    found,
                    sources,
                    directory,
                    derivation => new VerificationRequest(derivation, found.Expected, model)
                    {
                        Mode = Mode(parse.GetRequiredValue(mode)),
                        Regime = regime,
                        RequiredLog = log,
                        // Only asked where it may help, and only where there is a Nix to ask.
                        Realised =
                            regime == TraceRegime.SyntheticContentAddressed && NixCommands.HasNix(host, parse.GetValue(nixStore))
                                ? new RegisteredObjects(Nix().FactsAsync, root)
                                : null,
                        Parallel = sources.AreRemote ? RemoteParallel : Environment.ProcessorCount,
                    },
                    cancellationToken
                );
                // An input-addressed path says nothing of the content that was verified: only its bytes tie the two together.
                var isOutput = regime == TraceRegime.SyntheticContentAddressed && !named.EndsWith(".drv", StringComparison.Ordinal);
                if (parse.GetValue(checkStore) || isOutput)
                {
                    result = result.Compared(await LocalAsync(host, result, Nix(), root, cancellationToken));
                }
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(writer => VerificationJson.Write(writer, result));
                }
                else
                {
                    host.Write(VerificationTree.Of(result));
                }
                await reports.WriteAsync(host, result, trustFile);
                return DecideCommand.ExitOf(VerificationJson.Word(result.Verdict));
            }
        );
        return command;
    }

    static async Task<TraceVerification> VerifyAsync(
        CliHost host,
        VerifyTarget target,
        VerifySources sources,
        string? directory,
        Func<StorePath, VerificationRequest> request,
        CancellationToken cancellationToken
    )
    {
        TraceVerification? last = null;
        foreach (var derivation in target.Derivations)
        {
            var verifier = new TraceVerifier(
                new DerivationDirectory(directory ?? derivation.StoreDir),
                sources.Sources,
                host.Clock,
                [.. sources.Sources.OfType<INixEntrySource>()]
            );
            var result = await verifier.VerifyAsync(request(derivation), Shown(host), cancellationToken);
            if (host.Interactive)
            {
                await host.Error.WriteAsync(ClearLine);
            }
            if (result.Verdict == Verdict.Accepted)
            {
                return result;
            }
            // One that could not be seen in full says more than one that is something else.
            last = last?.Verdict == Verdict.Inconclusive ? last : result;
        }
        return last!;
    }

    static Counter? Shown(CliHost host) => host.Interactive ? new Counter(host.Error) : null;

    /// <summary>Reports at once, on the thread that made progress; <see cref="Progress{T}"/> would report after the end.</summary>
    sealed class Counter(TextWriter error) : IProgress<(int Done, int Of)>
    {
        public void Report((int Done, int Of) value)
        {
            if (value.Done % 16 == 0 || value.Done == value.Of)
            {
                error.Write($"\r{value.Done}/{value.Of}");
            }
        }
    }

    static async Task<byte[]> EvaluateAsync(CliHost host, string path, CancellationToken cancellationToken) =>
        NixPrograms.Find("nix-instantiate", host.Variable) is { } program
            ? await TraceTrustFile.EvaluateAsync(program, path, cancellationToken)
            : throw new CliException(
                $"{path} is a Nix expression, and nix-instantiate is not on $PATH; evaluate it elsewhere and give its JSON"
            );

    static async Task<IReadOnlyList<LocalContent>> LocalAsync(
        CliHost host,
        TraceVerification result,
        NixStore nix,
        string root,
        CancellationToken cancellationToken
    )
    {
        var checker = new LocalContentChecker(
            path => root + path,
            async (path, token) =>
            {
                try
                {
                    return (await nix.FactsAsync([path], token))[0].Claim.References;
                }
                catch (NixStoreException)
                {
                    return null;
                }
            },
            new SyntheticView(new RegisteredObjects(nix.FactsAsync, root), FixedOutputs(result))
        );
        var derivations = result.Exploration?.Closure.Derivations.ToDictionary(d => d.Path, d => d.Derivation) ?? [];
        var local = new List<LocalContent>();
        var outputs = VerifiedOutputs.Of(result).ToList();
        var progress = new Progress(host, outputs.Count);
        foreach (var output in outputs)
        {
            local.Add(await checker.CheckAsync(output, derivations[output.Position.Derivation], cancellationToken));
            progress.Step();
        }
        progress.Done();
        return local;
    }

    /// <summary>A store that lies elsewhere than its paths say has its derivations there; null for the others.</summary>
    static string? DerivationsOf(string? store) => store is ['/', ..] ? store.TrimEnd('/') + StorePath.DefaultStoreDir : null;

    static RequiredLog? RequiredLog(bool isRequired, string? trustedRoot)
    {
        if (isRequired != trustedRoot is not null)
        {
            throw new CliException("--require-log and --trusted-root belong together");
        }
        if (trustedRoot is null)
        {
            return null;
        }
        return TrustedRoot.TryParse(SmallFile.Read(trustedRoot, TrustedRoot.MaxBytes), out var root, out var problem)
            ? new RequiredLog(root)
            : throw new CliException($"{trustedRoot}: {problem}");
    }

    static HashSet<StorePath> FixedOutputs(TraceVerification result) =>
        [
            .. (result.Exploration?.Closure.Derivations ?? [])
                .Where(derivation => derivation.IsFixed)
                .SelectMany(derivation => derivation.Derivation.Outputs)
                .Select(output => output.Path!),
        ];

    static OutputPaths Expected(IReadOnlyList<string> texts)
    {
        var outputs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (
                equals <= 0
                || !StorePath.TryParse(text.AsSpan(equals + 1), out var path)
                || !outputs.TryAdd(text[..equals], path.ToString())
            )
            {
                throw new CliException($"--expect takes OUTPUT=PATH, each output once, not '{text}'");
            }
        }
        return OutputPaths.Of(outputs);
    }

    static VerificationMode Mode(string word) =>
        word switch
        {
            "position" => VerificationMode.Position,
            "paths" => VerificationMode.Paths,
            _ => VerificationMode.Coalition,
        };
}
