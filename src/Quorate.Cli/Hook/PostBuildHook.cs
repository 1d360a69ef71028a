using System.Globalization;
using System.Text;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>
/// What Nix runs after each build. It states what was built to the node, or leaves it in the spool, and whatever happens the build goes on: the
/// caller exits 0. Every wait has a deadline.
/// </summary>
sealed class PostBuildHook(HookOptions options, Func<string, string?> environment, Func<NodeAddress, IControlTransport> connect)
{
    /// <summary>One hook run covers one derivation; more outputs than this are not a derivation's.</summary>
    const int MaxPaths = 1_000;

    static readonly TimeSpan s_factsDeadline = TimeSpan.FromSeconds(8);
    static readonly TimeSpan s_deliveryDeadline = TimeSpan.FromSeconds(2);

    /// <summary>After a node was too slow, builds of this time only spool: Nix waits for every hook, so each attempt delays a build.</summary>
    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(30);

    const string PauseNote = "pause-until";

    /// <summary>Command lines of this process's ancestors, by generation; a seam for tests.</summary>
    public Func<int, string?> Ancestors { get; init; } = BuildStore.AncestorCommandLine;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Does the work and says in one line what became of it; empty when there is nothing to say.</summary>
    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<StorePath> paths = OutPaths();
        if (paths.Count == 0)
        {
            paths = await OutputsOfDerivationAsync(cancellationToken);
        }
        if (paths.Count == 0)
        {
            return "";
        }
        using var spool = OpenSpool(out var spoolFault);
        IReadOnlyList<PathFacts> facts;
        try
        {
            facts = await FactsAsync(paths, cancellationToken);
        }
        catch (NixStoreException e)
        {
            spool?.CountDropped(paths.Count);
            return $"cannot say what was built: {e.Message}";
        }
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_deliveryDeadline);
        var (summary, undelivered) = await DeliverAsync(facts, spool, deadline.Token);
        if (undelivered is null)
        {
            return summary;
        }
        if (spool is null)
        {
            return $"{summary}; and it cannot be kept for later: {spoolFault}";
        }
        return spool.TryAdd(undelivered)
            ? $"{summary}; kept for later in {spool.Path}"
            : $"{summary}; the spool {spool.Path} is full, {Count(undelivered.Items.Count)} dropped";
    }

    /// <summary>What would be published and what not, and why. Nothing is sent or kept.</summary>
    public async Task<DryRunReport> DryRunAsync(CancellationToken cancellationToken)
    {
        var paths = OutPaths();
        if (paths.Count == 0)
        {
            return DryRunReport.Nothing("no store path given: name some, or set $OUT_PATHS");
        }
        IReadOnlyList<PathFacts> facts;
        try
        {
            facts = await FactsAsync(paths, cancellationToken);
        }
        catch (NixStoreException e)
        {
            return DryRunReport.Nothing($"cannot say what was built: {e.Message}");
        }
        try
        {
            await using var client = Client();
            var log = PickLog((await client.LogsAsync(cancellationToken)).Value, options.Log);
            var filter = KnownFilter.From(log.Filter);
            return new DryRunReport(log, filter.IsOpen ? "none" : "current", Problem: null, Judge(facts, filter));
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            using var spool = OpenSpool(out _);
            var known = Known(spool);
            return new DryRunReport(
                Log: null,
                known is null ? "unknown" : "remembered",
                e.Message.Split('\n')[0],
                Judge(facts, known ?? PublishFilter.Open)
            );
        }
    }

    DryRunPath[] Judge(IReadOnlyList<PathFacts> facts, PublishFilter filter) =>
        [
            .. facts.Select(fact => new DryRunPath(
                fact.Claim,
                filter.Judge(fact.Claim.Path.ToString(), Deriver(fact), fact.Claim.References.Select(r => r.ToString()))
            )),
        ];

    async Task<(string Summary, SpoolBatch? Undelivered)> DeliverAsync(
        IReadOnlyList<PathFacts> facts,
        HookSpool? spool,
        CancellationToken deadline
    )
    {
        PublishFilter? filter = null;
        var items = Items(facts);
        var name = options.Log ?? "";
        if (spool is not null && IsPaused(spool))
        {
            return Undelivered("the node was too slow a moment ago", facts, Known(spool), name);
        }
        try
        {
            await using var client = Client();
            var logs = (await client.LogsAsync(deadline)).Value;
            var log = PickLog(logs, options.Log);
            name = log.Name;
            filter = KnownFilter.From(log.Filter);
            if (spool is not null)
            {
                KnownFilter.Save(spool, log);
                // Older claims first: a builder's first value for a path is its vote.
                var progress = await SpoolDelivery.DeliverAsync(
                    spool,
                    (batch, token) => DeliverBatchAsync(client, logs, log, batch, token),
                    deadline
                );
                if (progress.Stopped)
                {
                    return Undelivered("older claims are still waiting", facts, filter, name);
                }
            }
            var (publish, withheld) = Apply(filter, items);
            var outcome = publish.Count > 0 ? await SubmitAsync(client, log, publish, deadline) : null;
            return (Summarise(log, outcome, publish.Count, withheld + (outcome?.Filtered ?? 0)), null);
        }
        catch (OperationCanceledException)
        {
            spool?.TryWriteNote(PauseNote, Encoding.ASCII.GetBytes(Number((Clock.GetUtcNow() + s_pause).ToUnixTimeMilliseconds())));
            return Undelivered("the node is too slow", facts, filter ?? Known(spool), name);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return Undelivered(e.Message.Split('\n')[0], facts, filter ?? Known(spool), name);
        }
    }

    /// <summary>A time further ahead than any pause comes from a clock that was set back, and means nothing.</summary>
    bool IsPaused(HookSpool spool)
    {
        var now = Clock.GetUtcNow().ToUnixTimeMilliseconds();
        return spool.ReadNote(PauseNote) is { } note
            && long.TryParse(Encoding.ASCII.GetString(note), NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            && until > now
            && until - now <= s_pause.TotalMilliseconds;
    }

    static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    PublishFilter? Known(HookSpool? spool) => spool is null ? null : KnownFilter.Load(spool, options.Log);

    (string, SpoolBatch?) Undelivered(string reason, IReadOnlyList<PathFacts> facts, PublishFilter? filter, string log)
    {
        // Without a known filter the claims wait unfiltered in a private directory; whoever delivers them applies the log's filter first.
        var (publish, withheld) = Apply(filter ?? PublishFilter.Open, Items(facts));
        var summary = $"not delivered: {reason}{Withheld(withheld)}";
        return publish.Count == 0 ? (summary, null) : (summary, new SpoolBatch(log, filter is not null, publish));
    }

    static async Task<SpoolOutcome> DeliverBatchAsync(
        ControlClient client,
        LogList logs,
        LogInfo ours,
        SpoolBatch batch,
        CancellationToken cancellationToken
    )
    {
        // Hooks of several logs may share a spool; one that this node does not publish is somebody else's to deliver.
        var log = batch.Log.Length == 0 ? ours : logs.Published.FirstOrDefault(l => l.Name == batch.Log || l.LogId == batch.Log);
        if (log is null)
        {
            return SpoolOutcome.Skipped;
        }
        try
        {
            var (publish, _) = Apply(KnownFilter.From(log.Filter), batch.Items);
            if (publish.Count > 0)
            {
                await SubmitAsync(client, log, publish, cancellationToken);
            }
            return SpoolOutcome.Delivered;
        }
        catch (ControlException e) when (e.Status is 400 or 413)
        {
            return SpoolOutcome.Refused;
        }
    }

    static async Task<SubmitOutcome> SubmitAsync(
        ControlClient client,
        LogInfo log,
        IReadOnlyList<SpoolItem> items,
        CancellationToken cancellationToken
    ) =>
        (
            await client.SubmitAsync(log.Name, [.. items.Select(i => new SubmitEntry(i.Key, i.Value))], relayed: false, cancellationToken)
        ).Value;

    /// <summary>Splits into what may be published and how many may not. An item that is not a claim of its key is never published.</summary>
    internal static (IReadOnlyList<SpoolItem> Publish, int Withheld) Apply(PublishFilter filter, IReadOnlyList<SpoolItem> items)
    {
        var publish = items
            .Where(i =>
                NixClaim.TryParse(i.Value.Span, out var claim, out _)
                && claim.BelongsUnder(i.Key.Span, out _)
                && filter.Judge(claim.Path.ToString(), i.Deriver, claim.References.Select(r => r.ToString())).MayPublish
            )
            .ToArray();
        return (publish, items.Count - publish.Length);
    }

    /// <summary>The configured log, or the only one that a hook may mean.</summary>
    internal static LogInfo PickLog(LogList logs, string? wanted)
    {
        var published = logs.Published.Where(l => l.Protocol is "nix" || l.Protocol == Core.Protocol.Nix.Id).ToArray();
        if (wanted is not null)
        {
            return published.FirstOrDefault(l => l.Name == wanted || l.LogId == wanted)
                ?? throw new ControlException(404, "not_found", $"the node publishes no nix log '{wanted}'");
        }
        var built = published.Where(l => l.Claims == "built").ToArray();
        return built.Length switch
        {
            1 => built[0],
            0 => throw new ControlException(404, "not_found", "the node publishes no nix log of built claims"),
            _ => throw new ControlException(
                400,
                "invalid_argument",
                $"the node publishes several nix logs ({string.Join(", ", built.Select(l => l.Name))}): say --log NAME at install"
            ),
        };
    }

    /// <summary>
    /// Nix 2.8.0 leaves <c>$OUT_PATHS</c> empty: it calls the hook before it has noted what it built. The outputs are registered by then, so the
    /// derivation names them. Those of an unresolved content-addressed derivation are not known by it; Nix calls again for the resolved one.
    /// </summary>
    async Task<IReadOnlyList<StorePath>> OutputsOfDerivationAsync(CancellationToken cancellationToken)
    {
        if (!StorePath.TryParse(environment("DRV_PATH") ?? "", out var derivation))
        {
            return [];
        }
        try
        {
            return await AskStoreAsync((store, token) => store.OutputsAsync(derivation, token), cancellationToken);
        }
        catch (NixStoreException)
        {
            return [];
        }
    }

    Task<IReadOnlyList<PathFacts>> FactsAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken) =>
        AskStoreAsync((store, token) => store.FactsAsync(paths, token), cancellationToken);

    async Task<T> AskStoreAsync<T>(Func<NixStore, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_factsDeadline);
        NixStoreException? failure = null;
        foreach (var store in BuildStore.Candidates(options.Store, Ancestors))
        {
            try
            {
                return await ask(new NixStore(options.NixStore, store, options.StoreDir), deadline.Token);
            }
            catch (NixStoreException e)
            {
                failure ??= e;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new NixStoreException("nix-store takes too long");
            }
        }
        throw failure!;
    }

    List<StorePath> OutPaths()
    {
        var named = options.Paths.Count > 0;
        var words = named ? options.Paths : (environment("OUT_PATHS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var paths = new List<StorePath>();
        foreach (var word in words.Take(named ? int.MaxValue : MaxPaths))
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

    SpoolItem[] Items(IReadOnlyList<PathFacts> facts) =>
        [.. facts.Select(f => new SpoolItem(NixKeyForms.FullKey(f.Claim.Path), f.Claim.ToBytes(), Deriver(f)))];

    string? Deriver(PathFacts facts) => facts.Deriver ?? environment("DRV_PATH");

    ControlClient Client() => new(connect(NodeAddress.Locate(options.Node, environment)));

    HookSpool? OpenSpool(out string fault)
    {
        fault = "";
        try
        {
            return HookSpool.Open(options.Spool, create: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            fault = e.Message;
            return null;
        }
    }

    static string Summarise(LogInfo log, SubmitOutcome? outcome, int published, int withheld)
    {
        var text = outcome switch
        {
            null => "nothing to publish",
            { Divergences.Count: > 0 } =>
                $"{Count(published)} logged in {log.Name}, {outcome.Divergences.Count} DIFFERENT from what it logged before",
            { Added: 0 } => $"{log.Name} already has {Count(published)}",
            _ => $"{Count(outcome.Added)} logged in {log.Name}",
        };
        return text + Withheld(withheld);
    }

    static string Withheld(int count) => count == 0 ? "" : $", {count} withheld by its filter";

    static string Count(int paths) => paths == 1 ? "1 path" : $"{paths} paths";
}
