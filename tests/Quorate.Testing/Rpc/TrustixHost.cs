using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Node.Telemetry;
using Quorate.Trust;

namespace Quorate.Testing.Rpc;

/// <summary>The Trustix services on a real Kestrel, on a free loopback port or a unix socket.</summary>
public sealed class TrustixHost : IAsyncDisposable
{
    readonly WebApplication _app;

    TrustixHost(WebApplication app) => _app = app;

    /// <summary><c>http://127.0.0.1:port</c>, or the <c>unix://</c> URL.</summary>
    public required string Url { get; init; }

    public Uri Uri => new(Url);

    public static async Task<TrustixHost> StartAsync(
        LogRegistry registry,
        RpcSurface surface,
        IDecisionService? decisions = null,
        NodeSection? settings = null,
        string? socketPath = null
    )
    {
        settings ??= new NodeSection { State = "/nonexistent", Control = "unix:///nonexistent/control.socket" };
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                if (socketPath is null)
                {
                    kestrel.Listen(System.Net.IPAddress.Loopback, 0, Http1);
                }
                else
                {
                    kestrel.ListenUnixSocket(socketPath, Http1);
                }
            });
        var app = builder.Build();
        app.UseRouting();
        var publisher = new Publisher(new NodeMetrics(registry), NullLogger<Publisher>.Instance);
        app.MapTrustix(
            new TrustixRpc(registry, decisions ?? new NoTrustModel(), publisher, () => settings, NullLogger<TrustixRpc>.Instance),
            surface
        );
        await app.StartAsync();
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new TrustixHost(app) { Url = socketPath is null ? url : $"unix://{socketPath}" };
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    static void Http1(ListenOptions options) => options.Protocols = HttpProtocols.Http1;

    sealed class NoTrustModel : IDecisionService
    {
        public Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken) =>
            throw new NoTrustModelException(input.Protocol.Name);
    }
}
