using Quorate.Sources.Control;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>
/// What Nix runs after each build. It states what was built to the node, or leaves it in the spool, and whatever happens the build goes on: the
/// caller exits 0. All waiting together ends after <see cref="Budget"/>; what Nix did not say by then is spooled by name only.
/// </summary>
sealed class PostBuildHook(HookOptions options, Func<string, string?> environment, Func<NodeAddress, IControlTransport> connect)
{
    /// <summary>Files of bare paths that one run looks at in the time that is left: somebody waits for this build.</summary>
    const int MaxResolved = 2;

    /// <summary>Command lines of this process's ancestors, by generation; a seam for tests.</summary>
    public Func<int, string?> Ancestors { get; init; } = BuildStore.AncestorCommandLine;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>For Nix and the node together.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>For a dry run, where a person waits and not a build.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Does the work and says what became of it.</summary>
    public async Task<HookReport> RunAsync(CancellationToken cancellationToken)
    {
        var build = new BuildQuestion(options, environment, Ancestors);
        if (build.IsEmpty)
        {
            return HookReport.Nothing;
        }
        using var budget = new CancellationTokenSource(Budget, Clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, budget.Token);
        using var spool = OpenSpool(out var spoolFault);
        var filter = spool is null ? HookFilter.Unknown : HookFilter.Load(spool, options.Log ?? "");

        var answer = await AskAsync(build, spool, deadline.Token);
        var (report, undelivered) = await DeliverAsync([.. answer.Facts.Select(build.Item)], spool, filter, deadline.Token);
        spool?.CountDropped(report.Dropped);
        if (answer.Problem.Length > 0)
        {
            report = report with { Problem = Both(answer.Problem, report.Problem) };
        }
        report = Keep(report, build, answer, undelivered, spool, spoolFault);
        if (options.ClaimKey is not null)
        {
            var signing = new HookSigning(options, Clock);
            report = await signing.RunAsync(report, build, answer, spool, Client, deadline.Token);
        }
        if (spool is not null && report.Problem.Length == 0 && !deadline.IsCancellationRequested)
        {
            // Claims made of them are delivered by the next run, or by the node.
            await new SpoolResolution(spool, options.NixStore, Clock).ResolveAsync(deadline.Token, MaxResolved);
            PauseIfLate(spool, deadline.Token);
        }
        return report;
    }

    /// <summary>What would be published and what not, and why. Nothing is sent or kept.</summary>
    public async Task<DryRunReport> DryRunAsync(CancellationToken cancellationToken)
    {
        var build = new BuildQuestion(options, environment, Ancestors);
        if (build.Paths.Count == 0)
        {
            return DryRunReport.Nothing("no store path given: name some, or set $OUT_PATHS");
        }
        using var patience = new CancellationTokenSource(Patience, Clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var answer = await build.AskAsync(deadline.Token);
        if (answer.Problem.Length > 0)
        {
            return DryRunReport.Nothing($"cannot say what was built: {answer.Problem}");
        }
        using var spool = HookSpoolOrNull();
        var remembered = spool is null ? HookFilter.Unknown : HookFilter.Load(spool, options.Log ?? "");
        try
        {
            await using var client = Client();
            var log = HookDelivery.PickLog((await client.LogsAsync(deadline.Token)).Value, options.Log);
            var stated = HookFilter.From(log.Filter);
            return new DryRunReport(log, stated.IsOpen ? "none" : "current", Problem: null, Judge(build, answer, remembered.With(stated)));
        }
        catch (Exception e) when (e is IOException or FormatException or OperationCanceledException)
        {
            return new DryRunReport(
                Log: null,
                remembered.IsKnown ? "remembered" : "unknown",
                e is OperationCanceledException ? "the node is too slow" : FirstLine(e),
                Judge(build, answer, remembered)
            );
        }
    }

    static DryRunPath[] Judge(BuildQuestion build, BuildAnswer answer, HookFilter filter) =>
        [.. answer.Facts.Select(fact => new DryRunPath(fact.Claim, filter.Judge(fact.Claim, build.Item(fact).Deriver)))];

    async Task<BuildAnswer> AskAsync(BuildQuestion build, HookSpool? spool, CancellationToken deadline)
    {
        if (new HookPause(spool, "nix-store", Clock).IsOn())
        {
            return build.Unasked("nix-store was too slow a moment ago");
        }
        var answer = await build.AskAsync(deadline);
        PauseIfLate(spool, deadline);
        return answer;
    }

    void PauseIfLate(HookSpool? spool, CancellationToken deadline)
    {
        if (deadline.IsCancellationRequested)
        {
            new HookPause(spool, "nix-store", Clock).Begin();
        }
    }

    async Task<(HookReport Report, SpoolBatch? Undelivered)> DeliverAsync(
        IReadOnlyList<SpoolItem> items,
        HookSpool? spool,
        HookFilter filter,
        CancellationToken deadline
    )
    {
        if (items.Count == 0)
        {
            return (HookReport.Nothing, null);
        }
        var pause = new HookPause(spool, "node", Clock);
        if (pause.IsOn())
        {
            return Undelivered("the node was too slow a moment ago", items, filter);
        }
        if (deadline.IsCancellationRequested)
        {
            return Undelivered("no time was left", items, filter);
        }
        HookDelivery? delivery = null;
        try
        {
            await using var client = Client();
            delivery = new HookDelivery(client, spool, options.Log);
            if ((await delivery.CatchUpAsync(deadline)).Stopped)
            {
                return Undelivered("older claims are still waiting", items, delivery.Filter!, delivery.Log);
            }
            var log = delivery.Log!;
            var (publish, withheld) = delivery.Filter!.Apply(items);
            var outcome = publish.Count > 0 ? await delivery.SubmitAsync(log, publish, deadline) : null;
            return (
                new HookReport
                {
                    Log = log.Name,
                    Published = publish.Count,
                    Added = outcome?.Added ?? 0,
                    Divergent = outcome?.Divergences.Count ?? 0,
                    Withheld = withheld + (outcome?.Filtered ?? 0),
                },
                null
            );
        }
        catch (OperationCanceledException)
        {
            pause.Begin();
            return Undelivered("the node is too slow", items, delivery?.Filter ?? filter, delivery?.Log);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return Undelivered(FirstLine(e), items, delivery?.Filter ?? filter, delivery?.Log);
        }
    }

    (HookReport, SpoolBatch?) Undelivered(string reason, IReadOnlyList<SpoolItem> items, HookFilter filter, LogInfo? log = null)
    {
        if (!filter.IsKnown)
        {
            return (new HookReport { Problem = $"{reason}; {NoFilter}", Dropped = items.Count }, null);
        }
        var (publish, withheld) = filter.Apply(items);
        return (
            new HookReport { Problem = reason, Withheld = withheld },
            publish.Count == 0 ? null : new SpoolBatch(log?.Name ?? options.Log ?? "", publish)
        );
    }

    const string NoFilter = "no publish filter is known, so nothing is kept or published (run `quorate nix hook install` again)";

    /// <summary>The spool has counted them.</summary>
    static HookReport Full(HookReport report, HookSpool spool, int dropped) =>
        report with
        {
            Dropped = report.Dropped + dropped,
            Problem = Both(report.Problem, $"the spool {spool.Path} is full"),
        };

    /// <summary>Spools what could not be delivered and what could not be learnt.</summary>
    HookReport Keep(
        HookReport report,
        BuildQuestion build,
        BuildAnswer answer,
        SpoolBatch? undelivered,
        HookSpool? spool,
        string spoolFault
    )
    {
        var unknown = answer.Unanswered.Count + (answer.OutputsUnknown ? 1 : 0);
        if (spool is null)
        {
            var lost = unknown + (undelivered?.Items.Count ?? 0);
            return lost == 0
                ? report
                : report with
                {
                    Dropped = report.Dropped + lost,
                    Problem = Both(report.Problem, $"it cannot be kept for later: {spoolFault}"),
                };
        }
        if (unknown > 0)
        {
            // Delivery may just have learnt the filter.
            var filter = HookFilter.Load(spool, options.Log ?? "");
            if (!filter.IsKnown)
            {
                spool.CountDropped(unknown);
                report = report with { Dropped = report.Dropped + unknown, Problem = Both(report.Problem, NoFilter) };
            }
            else
            {
                var rest = build.Rest(answer, filter, Clock.GetUtcNow(), out var withheld);
                report = report with { Withheld = report.Withheld + withheld };
                if (rest is not null)
                {
                    report = spool.TryAdd(rest)
                        ? report with
                        {
                            KeptPaths = rest.Count,
                            Spool = spool.Path,
                        }
                        : Full(report, spool, rest.Count);
                }
            }
        }
        if (undelivered is not null)
        {
            var items = undelivered.Items.Count;
            report = spool.TryAdd(undelivered) ? report with { KeptClaims = items, Spool = spool.Path } : Full(report, spool, items);
        }
        return report;
    }

    static string Both(string first, string second) =>
        first.Length == 0 ? second
        : second.Length == 0 || first.Contains(second, StringComparison.Ordinal) ? first
        : $"{first}; {second}";

    static string FirstLine(Exception e) => e.Message.Split('\n')[0];

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

    /// <summary>A dry run makes none.</summary>
    HookSpool? HookSpoolOrNull()
    {
        try
        {
            return HookSpool.Open(options.Spool, create: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
