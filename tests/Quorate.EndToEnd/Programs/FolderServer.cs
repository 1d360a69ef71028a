using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Quorate.EndToEnd.Programs;

/// <summary>A folder's files over HTTP, on a free port of the loopback interface.</summary>
sealed class FolderServer : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly string _folder;

    FolderServer(WebApplication app, string folder) => (_app, _folder) = (app, folder);

    public string Url { get; private set; } = null!;

    public static async Task<FolderServer> StartAsync(string folder)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var server = new FolderServer(builder.Build(), folder);
        server._app.Run(server.AnswerAsync);
        await server._app.StartAsync();
        server.Url = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    Task AnswerAsync(HttpContext context)
    {
        var file = Path.Combine(_folder, context.Request.Path.Value!.TrimStart('/'));
        if (!File.Exists(file))
        {
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        }
        return context.Response.Body.WriteAsync(File.ReadAllBytes(file)).AsTask();
    }
}
