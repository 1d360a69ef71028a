using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Node.Configuration;
using Quorate.Node.Control;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Rpc;

namespace Quorate.Node.Traces;

/// <summary>
/// The trace store (docs/nix.md): <c>/traces/RIH</c> and <c>/traces/aterm/RIH</c> as laut's caches have them, and <c>/traces/drv/RIH</c>, the resolved derivation. Anyone
/// may read. Writing needs what <c>LogRPC/Submit</c> needs, because it is the same.
/// </summary>
sealed class TraceEndpoints(TraceStore store, DerivationFiles derivations, LogRegistry registry, Publisher publisher, SurfaceGuard guard)
{
    const string Json = "application/json";
    const string JsonLines = "application/jsonl";
    const string Aterm = "application/octet-stream";
    const string Mutable = "no-cache";
    const string Immutable = "public, max-age=604800, immutable";
    static readonly string[] s_reads = [HttpMethods.Get, HttpMethods.Head];
    static readonly string[] s_writes = [HttpMethods.Put];

    public void Map(IEndpointRouteBuilder routes)
    {
        Add(routes, "/traces/{input}", TraceLayout.JwsSet, Json);
        Add(routes, "/traces/aterm/{input}", TraceLayout.BundleLines, JsonLines);
        routes.MapMethods("/traces/drv/{input}", s_reads, GetDerivationAsync);
        routes.MapMethods("/traces/drv/{input}", s_writes, PutDerivationAsync);
    }

    void Add(IEndpointRouteBuilder routes, string pattern, TraceLayout layout, string type)
    {
        routes.MapMethods(pattern, s_reads, context => GetAsync(context, layout, type));
        routes.MapMethods(pattern, s_writes, context => PutAsync(context, layout));
    }

    async Task GetAsync(HttpContext context, TraceLayout layout, string type)
    {
        var input = InputOf(context);
        var document =
            await store.ReadAsync(layout, input, context.RequestAborted)
            ?? throw ControlException.NotFound($"no claim about {input} is known here in this layout");
        await WriteAsync(context, document.Bytes, document.ETag, type, Mutable);
    }

    async Task PutAsync(HttpContext context, TraceLayout layout)
    {
        var (input, token) = (InputOf(context), Authorize(context));
        var conditions = TraceConditions.Of(context.Request);
        await WithBodyAsync(
            context,
            async body =>
            {
                if (!TraceObject.TryRead(body, out var written, out var problem))
                {
                    throw ControlException.Invalid(problem);
                }
                var (document, added) = await store.WriteAsync(
                    layout,
                    input,
                    written,
                    before => conditions.Allow(before?.ETag),
                    section => MayWrite(token, section),
                    context.RequestAborted
                );
                context.Response.Headers.ETag = document.ETag;
                context.Response.StatusCode = added > 0 ? StatusCodes.Status201Created : StatusCodes.Status200OK;
            }
        );
    }

    async Task GetDerivationAsync(HttpContext context)
    {
        var input = InputOf(context);
        var aterm =
            await derivations.ReadAsync(input, context.RequestAborted)
            ?? throw ControlException.NotFound($"the resolved derivation {input} is not kept here");
        await WriteAsync(context, aterm, ETagOf(input), Aterm, Immutable);
    }

    async Task PutDerivationAsync(HttpContext context)
    {
        var (input, token) = (InputOf(context), Authorize(context));
        var conditions = TraceConditions.Of(context.Request);
        var log =
            registry.Published.FirstOrDefault(entry => entry.Section.Protocol == Core.Protocol.NixTrace && MayWrite(token, entry.Section))
            ?? throw new ControlException("permission_denied", "the token may not write to a log of protocol nix-trace here");
        await WithBodyAsync(
            context,
            body =>
            {
                if (!DerivationFiles.TryRead(body, input, out var derivation, out var problem))
                {
                    throw ControlException.Invalid(problem);
                }
                var isThere = derivations.Has(input);
                if (!conditions.Allow(isThere ? ETagOf(input) : null))
                {
                    throw new ControlException("failed_precondition", $"{input} is there already");
                }
                if (!publisher.MayName(log.Section, derivation.Path.ToString()))
                {
                    throw new ControlException("permission_denied", $"held back by the publish filter of log '{log.Section.Name}'");
                }
                if (!isThere)
                {
                    derivations.Write(derivation);
                }
                context.Response.Headers.ETag = ETagOf(input);
                context.Response.StatusCode = isThere ? StatusCodes.Status200OK : StatusCodes.Status201Created;
                return Task.CompletedTask;
            }
        );
    }

    ResolvedInputHash InputOf(HttpContext context)
    {
        if (!store.IsServed)
        {
            throw ControlException.NotFound("no log of protocol nix-trace is served here");
        }
        return ResolvedInputHash.TryParse(context.Request.RouteValues["input"] as string ?? "", out var input)
            ? input
            : throw ControlException.NotFound("traces are named by the 32 characters of a resolved derivation's hash");
    }

    TokenSection? Authorize(HttpContext context)
    {
        try
        {
            return guard.Authorize(context, TrustixMethods.LogRpc.Submit, writes: true);
        }
        catch (RpcException e)
        {
            throw new ControlException(e.Code == RpcCode.PermissionDenied ? "permission_denied" : "unauthenticated", e.Message);
        }
    }

    static bool MayWrite(TokenSection? token, PublishSection section) =>
        token is not { Logs.Count: > 0 } || token.Logs.Contains(section.Name);

    async Task WithBodyAsync(HttpContext context, Func<ReadOnlyMemory<byte>, Task> use)
    {
        await store.Bodies.WaitAsync(context.RequestAborted);
        try
        {
            await use(await ReadAsync(context));
        }
        finally
        {
            store.Bodies.Release();
        }
    }

    static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > TraceObject.MaxBytes)
        {
            throw TooLarge();
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // The limit here, which is another one than node.max_body.
            size.MaxRequestBodySize = null;
        }
        using var body = new MemoryStream();
        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            if (body.Length + result.Buffer.Length > TraceObject.MaxBytes)
            {
                throw TooLarge();
            }
            foreach (var part in result.Buffer)
            {
                body.Write(part.Span);
            }
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return body.GetBuffer().AsMemory(0, (int)body.Length);
            }
        }
    }

    static ControlException TooLarge() => new("too_large", $"an object has at most {TraceObject.MaxBytes} bytes");

    static string ETagOf(ResolvedInputHash input) => $"\"{input}\"";

    static Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body, string etag, string type, string caching)
    {
        var response = context.Response;
        response.Headers.ETag = etag;
        response.Headers.CacheControl = caching;
        if (TraceConditions.IsKnown(context.Request, etag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        response.ContentType = type;
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
