using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Quorate.Testing;

/// <summary>A remote that nobody should trust: answers everything with garbage, with errors, or not at all.</summary>
public sealed class NonsenseServer : IAsyncDisposable
{
    readonly WebApplication _application;

    NonsenseServer(WebApplication application) => _application = application;

    public string Url => _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <param name="kind"><c>garbage</c>, <c>error</c> or <c>slow</c>.</param>
    public static async Task<NonsenseServer> StartAsync(string kind)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var application = builder.Build();
        application.Run(context => AnswerAsync(context, kind));
        await application.StartAsync();
        return new NonsenseServer(application);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    static async Task AnswerAsync(HttpContext context, string kind)
    {
        switch (kind)
        {
            case "garbage":
                context.Response.ContentType = "application/proto";
                await context.Response.Body.WriteAsync(Enumerable.Range(0, 1000).Select(i => (byte)(i * 31)).ToArray());
                break;
            case "error":
                context.Response.StatusCode = 500;
                await context.Response.WriteAsync("<html>no</html>");
                break;
            default:
                try
                {
                    await Task.Delay(TimeSpan.FromMinutes(5), context.RequestAborted);
                }
                catch (OperationCanceledException)
                {
                    // The client gave up, which is what the test is about.
                    return;
                }
                break;
        }
    }
}
