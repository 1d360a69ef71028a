using Quorate.Nix;
using Quorate.Nix.Store;

namespace Quorate.Sources.Spool;

/// <summary>What one pass over a spool's bare paths came to.</summary>
/// <param name="Resolved">Claims that now wait for delivery.</param>
/// <param name="Withheld">Held back by the filter now that references are known.</param>
/// <param name="Collected">Paths about which nothing can be said any more.</param>
/// <param name="Expired">Given up after <see cref="SpoolResolution.Patience"/>.</param>
/// <param name="Waiting">Files that still wait.</param>
/// <param name="Problem">Why the first of those does; empty when none does.</param>
public readonly record struct ResolutionProgress(int Resolved, int Withheld, int Collected, int Expired, int Waiting, string Problem);

/// <summary>
/// Makes claims of the bare paths in a spool by asking Nix, without hurry. Their order among each other and among claims does not matter: Nix
/// tells what is in the store now, so a path that was built twice gives the claim of the later build both times.
/// </summary>
/// <param name="program">Absolute path of the <c>nix-store</c> to ask. Never one that a spool names.</param>
public sealed class SpoolResolution(HookSpool spool, string program, TimeProvider clock)
{
    /// <summary>How long a store may stay silent before its paths are given up.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromDays(7);

    /// <summary>File systems round times; a build's outputs are made well before its hook runs.</summary>
    static readonly TimeSpan s_rounding = TimeSpan.FromSeconds(2);

    /// <summary>Stops early, and says so as its problem, when <paramref name="deadline"/> passes.</summary>
    /// <param name="files">How many to look at, oldest first.</param>
    public async Task<ResolutionProgress> ResolveAsync(CancellationToken deadline, int files = int.MaxValue)
    {
        var sum = new ResolutionProgress(0, 0, 0, 0, 0, "");
        foreach (var name in spool.Unresolved().Take(files))
        {
            if (spool.ReadPaths(name) is not { } record)
            {
                continue;
            }
            var one = deadline.IsCancellationRequested ? Wait("there was no time left") : await ResolveAsync(name, record, deadline);
            sum = new ResolutionProgress(
                sum.Resolved + one.Resolved,
                sum.Withheld + one.Withheld,
                sum.Collected + one.Collected,
                sum.Expired + one.Expired,
                sum.Waiting + one.Waiting,
                sum.Problem.Length == 0 ? one.Problem : sum.Problem
            );
        }
        return sum;
    }

    static ResolutionProgress Wait(string problem) => new(0, 0, 0, 0, 1, problem);

    async Task<ResolutionProgress> ResolveAsync(string name, BarePaths record, CancellationToken deadline)
    {
        if (!spool.IsOwn && !record.MeansOwnStore)
        {
            // A store URI can make Nix open databases and start programs: root does not do that for whoever owns the spool.
            return Wait("the spool belongs to another user, who has to ask the store that it names");
        }
        var filter = HookFilter.Load(spool, record.Log);
        if (!filter.IsKnown)
        {
            return Wait("no publish filter is known any more");
        }
        var stores = record.Stores.Where(s => s is null || !s.StartsWith('/') || Directory.Exists(s)).ToArray();
        if (stores.Length == 0)
        {
            // Asking would make the store again, empty.
            return Collected(name, record.Count);
        }
        var question = new StoreQuestion([.. stores.Select(s => new NixStore(program, s, record.StoreDir, record.StateDir))]);
        var paths = record.Paths;
        if (paths.Count == 0)
        {
            var (outputs, problem) = await question.OutputsAsync(record.Derivation!, deadline);
            if (outputs is null)
            {
                return await WithoutOutputsAsync(name, record, question, problem, deadline);
            }
            paths = outputs;
        }
        var answer = await question.FactsAsync(paths, deadline);
        var gone = await question.CollectedAsync(answer.Unanswered, deadline) ?? [];
        var replaced = answer.Facts.Where(f => EnteredLater(f.Claim.Path, stores, record.Time)).ToList();
        var (publish, withheld) = filter.Apply([.. answer.Facts.Except(replaced).Select(f => Item(f, record))]);
        if (publish.Count > 0 && !spool.TryAddResolved(name, new SpoolBatch(record.Log, publish)))
        {
            return Wait($"the spool {spool.Path} is full");
        }
        var rest = answer.Unanswered.Except(gone).ToArray();
        var lost = gone.Count + replaced.Count;
        var progress = new ResolutionProgress(publish.Count, withheld, lost, 0, 0, "");
        spool.CountCollected(lost);
        if (rest.Length == 0)
        {
            spool.Remove(name);
            return progress;
        }
        if (IsExpired(record))
        {
            spool.Remove(name);
            spool.CountDropped(rest.Length);
            return progress with { Expired = rest.Length };
        }
        if (rest.Length < paths.Count || record.Paths.Count == 0)
        {
            spool.Rewrite(name, record with { Paths = rest });
        }
        return progress with { Waiting = 1, Problem = answer.Problem };
    }

    /// <summary>The derivation is gone, Nix does not answer, or there are no outputs to speak of.</summary>
    async Task<ResolutionProgress> WithoutOutputsAsync(
        string name,
        BarePaths record,
        StoreQuestion question,
        string problem,
        CancellationToken deadline
    )
    {
        switch (await question.CollectedAsync([record.Derivation!], deadline))
        {
            case null when !IsExpired(record):
                return Wait(problem);
            case null:
                spool.Remove(name);
                spool.CountDropped(1);
                return new ResolutionProgress(0, 0, 0, 1, 0, "");
            case { Count: > 0 }:
                return Collected(name, 1);
            default:
                // Content-addressed and not resolved: Nix calls the hook again for the resolved derivation, which knows its outputs.
                spool.Remove(name);
                return default;
        }
    }

    ResolutionProgress Collected(string name, int paths)
    {
        spool.Remove(name);
        spool.CountCollected(paths);
        return new ResolutionProgress(0, 0, paths, 0, 0, "");
    }

    bool IsExpired(BarePaths record) => clock.GetUtcNow() - record.Time > Patience;

    /// <summary>
    /// A path that was collected and fetched again from a cache is not what was built here. The file's birth tells; where that cannot be seen, because
    /// the store is another machine's or the file system does not keep it, the path counts as the one that was built.
    /// </summary>
    static bool EnteredLater(StorePath path, IReadOnlyList<string?> stores, DateTimeOffset hookRan) =>
        stores
            .Select(s => s is ['/', ..] ? s.TrimEnd('/') + path : path.ToString())
            .Any(file => new DateTimeOffset(File.GetCreationTimeUtc(file), TimeSpan.Zero) > hookRan + s_rounding);

    static SpoolItem Item(PathFacts fact, BarePaths record) =>
        new(NixKeyForms.FullKey(fact.Claim.Path), fact.Claim.ToBytes(), fact.Deriver ?? record.Derivation?.ToString());
}
