using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Quorate.Sources.Views;

namespace Quorate.Cli.Hook;

/// <summary>
/// Signs what was built, as far as the hook's time allows. The build is noted in the spool first: what is not signed by the end of the time is signed
/// by a later hook or by <c>quorate nix hook flush</c>. Nothing here can fail a build; what goes wrong is reported.
/// </summary>
sealed class HookSigning(HookOptions options, TimeProvider clock)
{
    /// <summary>The build itself, and one that an earlier hook had no time for.</summary>
    const int MaxSigned = 2;

    public async Task<HookReport> RunAsync(
        HookReport report,
        BuildQuestion build,
        BuildAnswer answer,
        HookSpool? spool,
        Func<ControlClient> connect,
        CancellationToken deadline
    )
    {
        if (spool is null)
        {
            return report with { Problem = Both(report.Problem, "not signed: there is no spool") };
        }
        var outputs = build.Paths.Count > 0 ? build.Paths : [.. answer.Facts.Select(fact => fact.Claim.Path), .. answer.Unanswered];
        if (build.ToSign(outputs, clock.GetUtcNow()) is { } note && !spool.TryAddToSign(note))
        {
            return report with
            {
                Problem = Both(report.Problem, $"not signed: the spool {spool.Path} is full"),
                Dropped = report.Dropped + 1,
            };
        }
        SigningProgress progress;
        try
        {
            using var key = NixCacheSecretKey.Read(options.ClaimKey!, out _);
            using var views = OpenViews();
            var signing = new SpoolSigning(spool, options.NixStore, key, options.Log ?? "", clock, options.Claims, views);
            progress = await signing.SignAsync(deadline, MaxSigned);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MalformedException)
        {
            progress = new SigningProgress(0, 0, 0, 0, Waiting: 1, e.Message.Split('\n')[0]);
        }
        if (progress.Signed > 0)
        {
            await TryDeliverAsync(spool, connect, deadline);
        }
        return report with
        {
            Signed = progress.Signed,
            Withheld = report.Withheld + progress.Withheld,
            KeptToSign = progress.Waiting,
            Problem = string.IsNullOrEmpty(progress.Problem) ? report.Problem : Both(report.Problem, $"not signed: {progress.Problem}"),
        };
    }

    /// <summary>Without a cache, signing takes longer and may be left to a flush, which says why there is none.</summary>
    ViewCache? OpenViews()
    {
        try
        {
            return options.ViewCache is null ? null : ViewCache.Open(options.ViewCache, clock);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The claims are in the spool: the node or the next hook delivers them if this does not.</summary>
    async Task TryDeliverAsync(HookSpool spool, Func<ControlClient> connect, CancellationToken deadline)
    {
        if (new HookPause(spool, "node", clock).IsOn())
        {
            return;
        }
        try
        {
            await using var client = connect();
            await new HookDelivery(client, spool, options.Log).CatchUpAsync(deadline);
        }
        catch (Exception e) when (e is IOException or FormatException or OperationCanceledException)
        {
            // They wait on; the hook's own delivery has said what is wrong with the node.
        }
    }

    static string Both(string first, string second) => first.Length == 0 ? second : $"{first}; {second}";
}
