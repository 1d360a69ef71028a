using Quorate.Nix;
using Quorate.Nix.Store;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>What a hook found out about a build.</summary>
/// <param name="Unanswered">Output paths about which nothing is known yet.</param>
/// <param name="OutputsUnknown">Not even the output paths are known; the derivation is.</param>
/// <param name="Problem">Why something is not known; empty when all is.</param>
sealed record BuildAnswer(IReadOnlyList<PathFacts> Facts, IReadOnlyList<StorePath> Unanswered, bool OutputsUnknown, string Problem);

/// <summary>What was built, by Nix's environment or by a person's words, and what the store says of it.</summary>
sealed class BuildQuestion(HookOptions options, Func<string, string?> environment, Func<int, string?> ancestors)
{
    readonly IReadOnlyList<string?> _stores = [.. BuildStore.Candidates(options.Store, ancestors)];

    /// <summary>Named on the command line, else those in <c>$OUT_PATHS</c>.</summary>
    public IReadOnlyList<StorePath> Paths { get; } = OutPaths(options, environment);

    public StorePath? Derivation { get; } = StorePath.TryParse(environment("DRV_PATH") ?? "", out var derivation) ? derivation : null;

    public bool IsEmpty => Paths.Count == 0 && Derivation is null;

    public SpoolItem Item(PathFacts facts) =>
        new(NixKeyForms.FullKey(facts.Claim.Path), facts.Claim.ToBytes(), facts.Deriver ?? Derivation?.ToString());

    /// <summary>
    /// Nix 2.8.0 leaves <c>$OUT_PATHS</c> empty, but for derivations that it resolved: it calls the hook before it has noted what it built. The outputs
    /// are registered by then, so the derivation names them, or the realisations of it do.
    /// </summary>
    public async Task<BuildAnswer> AskAsync(CancellationToken deadline)
    {
        var question = new StoreQuestion([.. _stores.Select(s => new NixStore(options.NixStore, s, options.StoreDir))]);
        var paths = Paths;
        if (paths.Count == 0)
        {
            var (outputs, problem) = await question.OutputsAsync(Derivation!, deadline);
            if (outputs is null)
            {
                return new BuildAnswer([], [], OutputsUnknown: true, problem);
            }
            paths = outputs;
        }
        var answer = await question.FactsAsync(paths, deadline);
        return new BuildAnswer(answer.Facts, answer.Unanswered, OutputsUnknown: false, answer.Problem);
    }

    /// <summary>Nothing was asked.</summary>
    public BuildAnswer Unasked(string problem) => new([], Paths, Paths.Count == 0, problem);

    /// <summary>The build as it is noted to be signed; without outputs, Nix is asked for them then. Null where Nix named no derivation.</summary>
    public BarePaths? ToSign(IReadOnlyList<StorePath> outputs, DateTimeOffset now) =>
        Derivation is null || outputs.Count > BarePaths.MaxPaths || options.TraceLog is null ? null : Note(options.TraceLog, now, outputs);

    /// <summary>What is left to ask later; null when the filter lets nothing of it wait.</summary>
    public BarePaths? Rest(BuildAnswer answer, HookFilter filter, DateTimeOffset now, out int withheld)
    {
        var keep = answer.Unanswered.Where(p => filter.JudgeName(p, Derivation).MayPublish).ToArray();
        withheld = answer.Unanswered.Count - keep.Length;
        if (answer.OutputsUnknown && !filter.MayKeepDerivation(Derivation!))
        {
            withheld++;
            return null;
        }
        return keep.Length == 0 && !answer.OutputsUnknown ? null : Note(options.Log ?? "", now, keep);
    }

    BarePaths Note(string log, DateTimeOffset now, IReadOnlyList<StorePath> paths) =>
        new(
            log,
            DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()),
            paths,
            Derivation,
            BuildStore.ToAskLater(_stores, environment),
            options.StoreDir ?? environment("NIX_STORE_DIR"),
            environment("NIX_STATE_DIR")
        );

    static List<StorePath> OutPaths(HookOptions options, Func<string, string?> environment)
    {
        var named = options.Paths.Count > 0;
        var words = named ? options.Paths : (environment("OUT_PATHS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var paths = new List<StorePath>();
        foreach (var word in words.Take(named ? int.MaxValue : BarePaths.MaxPaths))
        {
            // People name links and files too; Nix gives whole store paths and nothing else is taken from it.
            var path =
                named ? StorePathArgument.Resolve(word)
                : StorePath.TryParse(word, out var parsed) ? parsed
                : null;
            if (path is not null && !paths.Contains(path))
            {
                paths.Add(path);
            }
        }
        return paths;
    }
}
