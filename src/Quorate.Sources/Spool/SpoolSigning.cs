using Quorate.Crypto.Keys;
using Quorate.Nix.Store;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;

namespace Quorate.Sources.Spool;

/// <summary>What one pass over a spool's builds to sign came to.</summary>
/// <param name="Signed">Claims that now wait for delivery.</param>
/// <param name="Withheld">Builds of which the publish filter holds an output back.</param>
/// <param name="Skipped">Builds of which there is nothing to sign.</param>
/// <param name="Refused">Set aside because disk and derivation contradict each other.</param>
/// <param name="Waiting">Builds that still wait.</param>
/// <param name="Problem">Why something was refused or waits; empty when nothing does.</param>
public readonly record struct SigningProgress(int Signed, int Withheld, int Skipped, int Refused, int Waiting, string Problem)
{
    public static SigningProgress operator +(SigningProgress left, SigningProgress right) =>
        new(
            left.Signed + right.Signed,
            left.Withheld + right.Withheld,
            left.Skipped + right.Skipped,
            left.Refused + right.Refused,
            left.Waiting + right.Waiting,
            string.IsNullOrEmpty(left.Problem) ? right.Problem : left.Problem
        );
}

/// <summary>
/// Signs the builds that hooks noted in a spool: hashing large outputs takes longer than a build should wait. The claims become batches like any
/// other. A note is removed only after that, so that a crash in between signs twice, which is the same claim.
/// </summary>
/// <param name="program">Absolute path of the <c>nix-store</c> to ask. Never one that a spool names.</param>
/// <param name="filterLog">The log under whose name hooks keep their publish filter.</param>
/// <param name="form">What the hook was told of its claims.</param>
/// <param name="views">Views of inputs that earlier runs computed; null reads them all.</param>
public sealed class SpoolSigning(
    HookSpool spool,
    string program,
    NixCacheSecretKey key,
    string filterLog,
    TimeProvider clock,
    ClaimForm form,
    IViewCache? views = null
)
{
    /// <summary>Stops early, and says so as its problem, when <paramref name="deadline"/> passes.</summary>
    /// <param name="files">How many to look at, oldest first.</param>
    public async Task<SigningProgress> SignAsync(CancellationToken deadline, int files = int.MaxValue)
    {
        var sum = default(SigningProgress);
        foreach (var name in spool.ToSign().Take(files))
        {
            if (spool.ReadPaths(name) is not { } build)
            {
                continue;
            }
            try
            {
                sum += deadline.IsCancellationRequested
                    ? Wait("there was no time left to sign it")
                    : await SignAsync(name, build, deadline);
            }
            catch (OperationCanceledException)
            {
                sum += Wait("reading its outputs takes longer than a build should wait; run `quorate nix hook flush`");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                sum += GiveUpOrWait(name, build, e.Message.Split('\n')[0]);
            }
        }
        return sum;
    }

    static SigningProgress Wait(string problem) => new(0, 0, 0, 0, 1, problem);

    async Task<SigningProgress> SignAsync(string name, BarePaths build, CancellationToken deadline)
    {
        if (!spool.IsOwn && !build.MeansOwnStore)
        {
            // As for bare paths: root opens no store that another user names.
            return Wait("the spool belongs to another user, who has to ask the store that it names");
        }
        var filter = HookFilter.Load(spool, filterLog);
        if (!filter.IsKnown)
        {
            return Wait("no publish filter is known any more");
        }
        var store = build.Stores[0];
        var nix = new NixStore(program, store, build.StoreDir, build.StateDir);
        var examination = new BuildExamination(nix.FactsAsync, store is ['/', ..] ? store : "", form.ViewFormat, views);
        var (outputs, problem) =
            build.Paths.Count > 0 ? (build.Paths, "") : await new StoreQuestion([nix]).OutputsAsync(build.Derivation!, deadline);
        switch (await examination.ExamineAsync(build.Derivation!, outputs ?? [], deadline))
        {
            case ExaminedBuild.Skipped:
                spool.Remove(name);
                return new SigningProgress(0, 0, 1, 0, 0, "");
            case not ExaminedBuild.Sound when outputs is null:
                return GiveUpOrWait(name, build, problem);
            case ExaminedBuild.Contradicted contradicted:
                spool.SetAside(name);
                return new SigningProgress(0, 0, 0, 1, 0, contradicted.Reason);
            case ExaminedBuild.Sound sound:
                return await SignAsync(name, build, sound, nix, filter, deadline);
            default:
                throw new InvalidOperationException();
        }
    }

    async Task<SigningProgress> SignAsync(
        string name,
        BarePaths build,
        ExaminedBuild.Sound sound,
        NixStore nix,
        HookFilter filter,
        CancellationToken deadline
    )
    {
        var deriver = build.Derivation!.ToString();
        // A claim names all outputs, so one that may not be published holds back all.
        if (!sound.Facts.All(fact => filter.Judge(fact.Claim, deriver).MayPublish))
        {
            spool.Remove(name);
            return new SigningProgress(0, 1, 0, 0, 0, "");
        }
        var trace = new TraceSigner(key, form, (await nix.VersionAsync(deadline)).ToComponents()).Sign(sound);
        var item = new SpoolItem(trace.LogKey, trace.Element.Raw, deriver, trace.Aterm);
        if (!spool.TryAddResolved(name, new SpoolBatch(build.Log, [item])))
        {
            return Wait($"the spool {spool.Path} is full");
        }
        spool.Remove(name);
        return new SigningProgress(1, 0, 0, 0, 0, "");
    }

    /// <summary>Outputs are collected and stores go away; after a week nobody will find them again.</summary>
    SigningProgress GiveUpOrWait(string name, BarePaths build, string problem)
    {
        if (clock.GetUtcNow() - build.Time <= SpoolResolution.Patience)
        {
            return Wait(problem);
        }
        spool.Remove(name);
        spool.CountDropped(1);
        return default;
    }
}
