using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Node.Control;

namespace Quorate.Node.Logs;

/// <summary>
/// Published logs for anybody's tile tools (C2SP tlog-tiles; docs/formats/tiles.md): <c>/logs/ID/checkpoint</c>, <c>tile/…</c>, and what Quorate adds:
/// values, heads, the head that belongs to the checkpoint, the verifier key. Nothing beyond the published checkpoint is ever served, and no error may be kept.
/// </summary>
sealed class TileEndpoints(LogRegistry registry)
{
    const string Mutable = "no-cache";
    const string Immutable = "public, max-age=604800, immutable";
    const string Text = "text/plain; charset=utf-8";
    const string Bytes = "application/octet-stream";
    static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Head];

    public void Map(IEndpointRouteBuilder routes)
    {
        Add(routes, "checkpoint", (context, log) => WriteAsync(context, log.Published.Note.Bytes, Text, Mutable));
        Add(routes, "vkey", (context, log) => WriteAsync(context, Encoding.UTF8.GetBytes($"{log.Entry.VerifierKey}\n"), Text, Mutable));
        Add(routes, "head", HeadAsync);
        Add(routes, "tile/{level}/{**number}", HashTileAsync);
        Add(routes, "tile/entries/{**number}", EntriesAsync);
        Add(routes, "value/{digest}", ValueAsync);
        Add(routes, "values/{**number}", ValuesAsync);
        Add(routes, "heads/{**number}", HeadsAsync);
    }

    void Add(IEndpointRouteBuilder routes, string path, Func<HttpContext, Served, Task> answer) =>
        routes.MapMethods(
            "/logs/{id}/" + path,
            s_methods,
            async context =>
            {
                context.Response.Headers.AccessControlAllowOrigin = "*";
                try
                {
                    await answer(context, Find(context));
                }
                catch (ControlException e)
                {
                    // Here and not at the edge, which would drop the header above.
                    await ControlJsonIo.WriteErrorAsync(context, e);
                }
            }
        );

    /// <summary>One checkpoint for the whole request, so that everything in the answer belongs to it.</summary>
    Served Find(HttpContext context)
    {
        if (
            !registry.TryGetPublished(Value(context, "id"), out var entry)
            || entry is not { Checkpoints: { } checkpoints, Log: LogView view }
        )
        {
            throw ControlException.NotFound("no log of this id is published here");
        }
        return checkpoints.Current is { } published
            ? new Served(entry, view, published)
            : throw ControlException.NotFound("no checkpoint of this log is published yet");
    }

    static Task HeadAsync(HttpContext context, Served log)
    {
        var head = log.View.HeadAt(log.HeadNumber);
        context.Response.Headers.CacheControl = Mutable;
        return ControlJsonIo.WriteAsync(context, ControlViews.Of(head), ControlJson.Default.HeadMessage);
    }

    static Task HashTileAsync(HttpContext context, Served log)
    {
        if (!StrictDecimal.TryParse(Value(context, "level"), out var level) || level >= 64)
        {
            throw ControlException.Invalid("a tile's level is a number from 0 to 63, without leading zeros");
        }
        var number = Number(context, (int)level, log.Size);
        return WriteAsync(context, log.View.HashTile((int)level, number, log.Size), Bytes, Immutable);
    }

    static Task EntriesAsync(HttpContext context, Served log) =>
        CompressibleBody.WriteAsync(context, log.View.EntryBundle(Number(context, 0, log.Size), log.Size), Bytes, Immutable);

    static async Task ValueAsync(HttpContext context, Served log)
    {
        if (!Sha256Digest.TryParseHex(Value(context, "digest"), out var digest))
        {
            throw ControlException.Invalid("a value is named by its SHA-256 in 64 lowercase hexadecimal characters");
        }
        var value =
            await log.View.ValueAsync(digest, log.Size, context.RequestAborted)
            ?? throw ControlException.NotFound("the log has no value with this digest");
        await CompressibleBody.WriteAsync(context, value, Bytes, Immutable);
    }

    static async Task ValuesAsync(HttpContext context, Served log)
    {
        var bundle = await log.View.ValueBundleAsync(Number(context, 0, log.Size), log.Size, context.RequestAborted);
        await CompressibleBody.WriteAsync(context, bundle, Bytes, Immutable);
    }

    static Task HeadsAsync(HttpContext context, Served log)
    {
        var count = log.HeadNumber + 1;
        return WriteAsync(context, log.View.HeadBundle(Number(context, 0, count), count), Bytes, Immutable);
    }

    static TileNumber Number(HttpContext context, int level, ulong size)
    {
        if (!TileNumber.TryParse(Value(context, "number"), out var number))
        {
            throw ControlException.Invalid("a tile is numbered like 000, x001/234 or x001/234.p/17");
        }
        return TileLayout.Has(level, number, size)
            ? number
            : throw ControlException.NotFound("the published checkpoint does not reach this far");
    }

    static Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body, string type, string caching)
    {
        var response = context.Response;
        response.ContentType = type;
        response.Headers.CacheControl = caching;
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    static string Value(HttpContext context, string name) => context.Request.RouteValues[name] as string ?? "";

    sealed record Served(PublishedLogEntry Entry, LogView View, PublishedCheckpoint Published)
    {
        public ulong Size => Published.Checkpoint.Size;

        /// <summary>Published logs make at most one head of a size.</summary>
        public ulong HeadNumber =>
            View.HeadNumberOf(Size) ?? throw new InvalidOperationException($"the published checkpoint of size {Size} has no head");
    }
}
