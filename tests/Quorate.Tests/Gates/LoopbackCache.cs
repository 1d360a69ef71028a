using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Quorate.Nix;

namespace Quorate.Tests.Gates;

/// <summary>A binary cache on a free loopback port that serves what a test puts into it, below <c>/prefix</c>.</summary>
sealed class LoopbackCache : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly ConcurrentDictionary<string, Func<HttpContext, Task>> _routes = new(StringComparer.Ordinal);

    LoopbackCache(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    public ConcurrentQueue<string> Requests { get; } = new();

    public static async Task<LoopbackCache> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var cache = new LoopbackCache(builder.Build());
        cache._app.Run(cache.HandleAsync);
        await cache._app.StartAsync();
        var address = cache._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        cache.Url = new Uri(address + "/prefix");
        return cache;
    }

    /// <param name="path">Below the prefix, without a slash in front.</param>
    public void Put(string path, byte[] bytes, string contentType = "application/octet-stream") =>
        Put(
            path,
            async context =>
            {
                context.Response.ContentType = contentType;
                context.Response.ContentLength = bytes.Length;
                await context.Response.Body.WriteAsync(bytes);
            }
        );

    public void Put(string path, Func<HttpContext, Task> answer) => _routes[path] = answer;

    public void Put(NarInfo info) =>
        Put(info.StorePath.HashPart + ".narinfo", Encoding.ASCII.GetBytes(info.ToText()), "text/x-nix-narinfo");

    public void Remove(string path) => _routes.TryRemove(path, out _);

    public int CountOf(string path) => Requests.Count(request => request == path);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        path = path.StartsWith("/prefix/", StringComparison.Ordinal) ? path["/prefix/".Length..] : path;
        Requests.Enqueue(path);
        if (_routes.TryGetValue(path, out var answer))
        {
            await answer(context);
        }
        else
        {
            context.Response.StatusCode = 404;
        }
    }
}
