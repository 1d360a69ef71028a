using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Quorate.Nix;
using Quorate.Nix.Realisations;
using Quorate.Node.Configuration;
using Quorate.Node.Gates.Traces;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Gates;

/// <summary>The gate's HTTP side: which request is meant, and how answers are written.</summary>
sealed class GateEndpoint(
    GateSection section,
    SharedWork<string, GateAnswer> answers,
    GateTraces? traces,
    GateUpstreams upstreams,
    RefusalRing refusals,
    GateMetrics metrics,
    TimeProvider time,
    ILogger logger
) : IDisposable
{
    /// <summary>Decisions and upstream look-ups have limits of their own, below this one.</summary>
    static readonly TimeSpan s_narInfoTimeout = TimeSpan.FromSeconds(60);

    readonly SemaphoreSlim _narInfoSlots = new(256);
    readonly SemaphoreSlim _narSlots = new(128);

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await RouteAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away.
            context.Abort();
        }
        catch (OperationCanceledException)
        {
            logger.TimedOut(context.Request.Path);
            await FailAsync(context, "the request took too long");
        }
        catch (Exception e)
        {
            logger.Failed(e, context.Request.Path);
            await FailAsync(context, "internal error; the node's log says more");
        }
    }

    public void Dispose()
    {
        _narInfoSlots.Dispose();
        _narSlots.Dispose();
    }

    async Task RouteAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            await TextAsync(context, StatusCodes.Status405MethodNotAllowed, "only GET and HEAD\n");
            return;
        }
        var path = context.Request.Path.Value is { Length: > 1 } value ? value[1..] : "";
        if (path == BinaryCacheNames.CacheInfo)
        {
            var info = new NixCacheInfo(section.StoreDir, WantMassQuery: true, section.Priority);
            await WriteAsync(context, StatusCodes.Status200OK, "text/x-nix-cache-info", "max-age=60", info.ToText());
        }
        else if (BinaryCacheNames.TryNarInfo(path, out var hashPart))
        {
            await LimitedAsync(context, _narInfoSlots, () => ReplyAsync(context, async cancel => await answers.GetAsync(hashPart, cancel)));
        }
        else if (traces is not null && TryTrace(path, traces, out var trace))
        {
            await LimitedAsync(context, _narInfoSlots, () => ReplyAsync(context, trace));
        }
        else if (NarUrl.TryParse(path, out var nar))
        {
            await LimitedAsync(context, _narSlots, () => NarAsync(context, nar));
        }
        else
        {
            await TextAsync(context, StatusCodes.Status404NotFound, "not part of what this binary cache serves\n");
        }
    }

    static async Task LimitedAsync(HttpContext context, SemaphoreSlim slots, Func<Task> action)
    {
        if (!await slots.WaitAsync(TimeSpan.FromSeconds(20), context.RequestAborted))
        {
            await FailAsync(context, "too many requests at once");
            return;
        }
        try
        {
            await action();
        }
        finally
        {
            slots.Release();
        }
    }

    /// <summary>
    /// <c>realisations/ID.doi</c>, whose exclamation mark newer clients escape, and <c>build-trace-v2/DRV/OUTPUT.doi</c>.
    /// </summary>
    bool TryTrace(string path, GateTraces known, [NotNullWhen(true)] out Func<CancellationToken, Task<GateReply>>? reply)
    {
        var parts = path.Split('/');
        reply = null;
        if (parts is ["realisations", var file] && DrvOutputId.TryParseFileName(file, out var id))
        {
            reply = async cancellationToken => await known.RealisationAsync(id, cancellationToken);
        }
        else if (
            parts is ["build-trace-v2", var derivation, var output]
            && BuildTraceKey.TryParse(section.StoreDir, derivation, output, out var key)
        )
        {
            reply = async cancellationToken => await known.EntryAsync(key, cancellationToken);
        }
        return reply is not null;
    }

    async Task ReplyAsync(HttpContext context, Func<CancellationToken, Task<GateReply>> decide)
    {
        using var deadline = new CancellationTokenSource(s_narInfoTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted);
        var answer = await decide(linked.Token);
        Record(answer);
        var headers = context.Response.Headers;
        headers["X-Quorate-Verdict"] = answer.Verdict;
        if (answer.IsRefusal && answer.Reasons.Count > 0)
        {
            headers["X-Quorate-Reason"] = Printable(answer.Reasons[0], 300);
        }
        if (answer.Body is { } body)
        {
            await WriteAsync(context, StatusCodes.Status200OK, answer.ContentType, "private, max-age=60", body);
            return;
        }
        if (answer.Outcome == GateOutcome.NotReady)
        {
            headers.RetryAfter = "2";
        }
        await TextAsync(
            context,
            answer.Outcome == GateOutcome.NotReady ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status404NotFound,
            Explain(answer)
        );
    }

    void Record(GateReply answer)
    {
        var served = answer.Body is not null;
        metrics.Answered(answer.Outcome, served);
        if (!answer.IsRefusal)
        {
            logger.Served(answer.Path, answer.Outcome);
            return;
        }
        var reasons = string.Join("; ", answer.Reasons);
        if (served)
        {
            logger.WouldRefuse(answer.Path, answer.Outcome, reasons);
        }
        else if (answer.Outcome == GateOutcome.UnknownPath)
        {
            logger.Unknown(answer.Path, reasons);
            return;
        }
        else
        {
            logger.Refused(answer.Path, answer.Outcome, reasons);
        }
        refusals.Add(new GateRefusal(time.GetUtcNow(), answer.Path, answer.Outcome, answer.Reasons, served));
    }

    async Task NarAsync(HttpContext context, NarUrl nar)
    {
        var files = await upstreams.LookupAsync(nar.HashPart, context.RequestAborted);
        var faults = new List<string>(files.Faults);
        foreach (var file in files.WithNarHash(nar.NarHash).Where(file => file.Info.Compression == nar.Compression))
        {
            try
            {
                await using var download = await file.Cache.OpenNarAsync(file.Info, context.RequestAborted);
                if (download is not null)
                {
                    await PassAsync(context, download);
                    return;
                }
                faults.Add($"{file.Cache.Address} has the narinfo file but not the NAR");
            }
            catch (BinaryCacheException e)
            {
                faults.Add(e.Message);
                if (context.Response.HasStarted)
                {
                    // Half a NAR is with the client already; a broken connection is the only honest end.
                    metrics.DownloadFailed();
                    logger.DownloadFailed(nar.ToString(), e.Message);
                    context.Abort();
                    return;
                }
            }
        }
        metrics.DownloadFailed();
        var reason = faults.Count == 0 ? "no upstream has these bytes" : string.Join("; ", faults);
        logger.DownloadFailed(nar.ToString(), reason);
        context.Response.Headers["X-Quorate-Verdict"] = "no-bytes";
        await TextAsync(context, StatusCodes.Status404NotFound, $"{nar}: {reason}\n");
    }

    async Task PassAsync(HttpContext context, NarDownload download)
    {
        var response = context.Response;
        response.ContentType = "application/x-nix-nar";
        response.ContentLength = download.Length;
        // The name contains the hash of what it stands for.
        response.Headers.CacheControl = "max-age=31536000, immutable";
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }
        try
        {
            metrics.Passed(await download.CopyToAsync(response.Body, context.RequestAborted));
        }
        catch (BinaryCacheException) when (!response.HasStarted)
        {
            // Nothing has left yet, so another upstream may still answer.
            response.Clear();
            throw;
        }
    }

    static string Explain(GateReply answer)
    {
        var text = new StringBuilder();
        text.Append(Printable(answer.Path, 600)).Append(": ").Append(answer.Verdict).Append('\n');
        foreach (var reason in answer.Reasons.Take(50))
        {
            text.Append("  ").Append(Printable(reason, 1000)).Append('\n');
        }
        if (answer.Path.StartsWith('/'))
        {
            text.Append("  see: quorate why ").Append(answer.Path).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Reasons quote foreign text, which must end neither a header nor a terminal's good manners.</summary>
    static string Printable(string text, int maxLength)
    {
        var printable = new StringBuilder(Math.Min(text.Length, maxLength));
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, maxLength)))
        {
            printable.Append(c is >= ' ' and <= '~' ? c : '?');
        }
        return printable.ToString();
    }

    static Task FailAsync(HttpContext context, string reason)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }
        context.Response.Clear();
        return TextAsync(context, StatusCodes.Status503ServiceUnavailable, reason + "\n");
    }

    static Task TextAsync(HttpContext context, int status, string text) =>
        WriteAsync(context, status, "text/plain; charset=utf-8", "no-store", text);

    static async Task WriteAsync(HttpContext context, int status, string contentType, string cacheControl, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = bytes.Length;
        response.Headers.CacheControl = cacheControl;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(bytes, context.RequestAborted);
        }
    }
}
