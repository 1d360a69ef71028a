using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quorate.Node.Configuration;

namespace Quorate.Node.Hosting;

/// <summary>What one Kestrel server of the node needs.</summary>
sealed record ListenerOptions
{
    public required string Name { get; init; }

    public required IReadOnlyList<ListenAddress> Addresses { get; init; }

    public TlsSection? Tls { get; init; }

    public long MaxBody { get; init; } = 16 << 20;

    public int MaxConnections { get; init; } = 1024;

    public InheritedSockets Inherited { get; init; } = InheritedSockets.None;

    public required ILoggerFactory Logging { get; init; }
}

/// <summary>
/// One Kestrel server with its own endpoints and limits. The public, the control and the gate listener are servers of their own, so that no
/// route can appear on the wrong one by mistake.
/// </summary>
sealed class Listener : IAsyncDisposable
{
    readonly WebApplication _application;
    readonly IReadOnlyList<ListenAddress> _configured;
    readonly IReadOnlyList<string> _ownSockets;
    readonly X509Certificate2? _certificate;

    Listener(
        WebApplication application,
        IReadOnlyList<ListenAddress> configured,
        IReadOnlyList<string> ownSockets,
        X509Certificate2? certificate
    )
    {
        _application = application;
        _configured = configured;
        _ownSockets = ownSockets;
        _certificate = certificate;
        var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        Addresses = [.. addresses.Select(Readable)];
    }

    /// <summary>Where it really listens: with the port that was taken for port 0.</summary>
    public IReadOnlyList<string> Addresses { get; }

    /// <exception cref="StartException">An address cannot be used; the message says which and why.</exception>
    public static async Task<Listener> StartAsync(
        ListenerOptions options,
        RequestGuard guard,
        Action<IEndpointRouteBuilder> map,
        CancellationToken cancellationToken
    )
    {
        // The empty builder reads no environment variables and no files: the configuration file is the only source of settings.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(options.Logging);
        builder.Services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        var certificate = options.Tls is { } tls ? LoadCertificate(tls) : null;
        var descriptors = options.Addresses.ToDictionary(a => a, options.Inherited.Take);
        string[] ownSockets = [.. options.Addresses.Where(a => descriptors[a] is null).Select(a => a.SocketPath).OfType<string>()];
        builder.WebHost.UseKestrelCore();
        // Handlers never block, so they may run where the bytes were read, and answers be sent where they were written: two changes of thread
        // less for each request. A connection keeps its buffer (4 KiB) while it waits, which saves a system call for each request.
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.UnsafePreferInlineScheduling = true;
            sockets.WaitForDataBeforeAllocatingBuffer = false;
        });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Limit(kestrel.Limits, options);
            kestrel.AddServerHeader = false;
            foreach (var address in options.Addresses)
            {
                Listen(kestrel, address, descriptors[address], certificate);
            }
        });
        var application = builder.Build();
        application.Use(next => context => guard.InvokeAsync(context, next));
        application.UseRouting();
        map(application);
        application.MapFallback(
            "{**path}",
            context =>
                Control.ControlJsonIo.WriteErrorAsync(
                    context,
                    Control.ControlException.NotFound($"there is nothing at {context.Request.Method} {context.Request.Path}")
                )
        );
        try
        {
            foreach (var path in ownSockets)
            {
                await StaleSocket.RemoveAsync(path, cancellationToken);
            }
            await application.StartAsync(cancellationToken);
            foreach (var path in ownSockets)
            {
                // Owner and group may submit; the directory above may narrow that further.
                File.SetUnixFileMode(path, (UnixFileMode)0b110_110_000);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException or InvalidOperationException)
        {
            await application.DisposeAsync();
            certificate?.Dispose();
            var where = string.Join(", ", options.Addresses);
            var reason = e.GetBaseException() is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
                ? "the address is already in use"
                : e.GetBaseException().Message;
            throw new StartException($"the {options.Name} listener cannot listen on {where}: {reason}", e);
        }
        return new Listener(application, options.Addresses, ownSockets, certificate);
    }

    public bool ListensOn(IEnumerable<ListenAddress> addresses) => _configured.SequenceEqual(addresses);

    /// <summary>Takes no more connections and lets running requests end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync(CancellationToken.None);
        await _application.DisposeAsync();
        _certificate?.Dispose();
        foreach (var path in _ownSockets)
        {
            File.Delete(path);
        }
    }

    static void Limit(KestrelServerLimits limits, ListenerOptions options)
    {
        limits.MaxRequestBodySize = options.MaxBody;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestHeadersTotalSize = 16 << 10;
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestLineSize = 8 << 10;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(75);
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
    }

    static void Listen(KestrelServerOptions kestrel, ListenAddress address, ulong? inherited, X509Certificate2? certificate)
    {
        void Configure(Microsoft.AspNetCore.Server.Kestrel.Core.ListenOptions listen)
        {
            // Cleartext HTTP/2 needs a port of its own, and Connect needs no HTTP/2.
            listen.Protocols = address.Tls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
            if (address.Tls)
            {
                listen.UseHttps(certificate ?? throw new InvalidOperationException("https without a certificate"));
            }
        }
        if (inherited is { } descriptor)
        {
            kestrel.ListenHandle(descriptor, Configure);
        }
        else if (address.SocketPath is { } path)
        {
            kestrel.ListenUnixSocket(path, Configure);
        }
        else if (address.EndPoint!.Address.Equals(IPAddress.IPv6Any))
        {
            kestrel.ListenAnyIP(address.EndPoint.Port, Configure);
        }
        else
        {
            kestrel.Listen(address.EndPoint, Configure);
        }
    }

    static X509Certificate2 LoadCertificate(TlsSection tls)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(tls.Certificate, tls.Key);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new StartException($"node.tls: {e.Message}", e);
        }
    }

    /// <summary>Kestrel writes unix sockets as <c>http://unix:/path</c>.</summary>
    static string Readable(string address)
    {
        const string unix = "http://unix:";
        return address.StartsWith(unix, StringComparison.Ordinal) ? "unix://" + address[unix.Length..] : address;
    }
}
