using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Quorate.Crypto.Keys;
using Quorate.Node.Configuration;
using Quorate.Node.Gates.Traces;
using Quorate.Node.Logs;
using Quorate.Sources.NixCaches;
using Quorate.Trust;

namespace Quorate.Node.Gates;

/// <summary>Everything that a gate is made of. The gate owns none of it but the caches of <see cref="Traces"/>.</summary>
/// <param name="MetricsScope">Tells several nodes in one process apart; see the node's own meter.</param>
/// <param name="Traces">Null for a gate that knows nothing of build traces.</param>
public sealed record NixGateParts(
    GateSection Section,
    NixCacheSecretKey Key,
    IDecisionService Decisions,
    LogRegistry Logs,
    IReadOnlyList<SignedCache> Caches,
    TimeProvider Time,
    ILoggerFactory Loggers,
    string MeterName = "Quorate.Node",
    object? MetricsScope = null,
    GateTraceParts? Traces = null
);

/// <summary>
/// A Nix binary cache on a listener of its own that answers only for what the trust model accepts. See docs/nix-gate.md.
/// </summary>
public sealed class NixGate : IAsyncDisposable
{
    const int RefusalsKept = 200;

    readonly NixGateParts _parts;
    readonly GateUpstreams _upstreams;
    readonly GateTraces? _traces;
    readonly GateMetrics _metrics;
    readonly RefusalRing _refusals = new(RefusalsKept);
    readonly SharedWork<string, GateAnswer> _answers;
    readonly GateEndpoint _endpoint;
    readonly WebApplication _app;

    /// <exception cref="FormatException">An upstream URL is not one that a binary cache can have.</exception>
    public NixGate(NixGateParts parts)
    {
        _parts = parts;
        var section = parts.Section;
        _upstreams = new GateUpstreams(section.Upstreams, section.StoreDir, parts.Time);
        _metrics = new GateMetrics(parts.MeterName, parts.MetricsScope);
        var synchronisations = new FirstSynchronisations(parts.Logs, parts.Time);
        _traces = parts.Traces is { } traces ? new GateTraces(traces, parts.Key, section.StoreDir, synchronisations, parts.Time) : null;
        var decider = new GateDecider(
            section,
            parts.Key,
            parts.Decisions,
            parts.Logs,
            parts.Caches,
            _upstreams,
            _traces,
            synchronisations,
            parts.Time
        );
        // Zero: only simultaneous requests share an answer. How long a decision holds is the decision service's business.
        _answers = new SharedWork<string, GateAnswer>(decider.DecideAsync, _ => TimeSpan.Zero, maxEntries: 10_000, parts.Time);
        var logger = parts.Loggers.CreateLogger<NixGate>();
        _endpoint = new GateEndpoint(section, _answers, _traces, _upstreams, _refusals, _metrics, parts.Time, logger);
        _app = Build(section, parts.Loggers);
        _app.Run(_endpoint.HandleAsync);
    }

    /// <summary>Where the gate listens, with the port that was really taken; null before it was started.</summary>
    public Uri? Address { get; private set; }

    /// <summary>The last refusals, newest first; in report mode, what would have been refused.</summary>
    public ImmutableArray<GateRefusal> RecentRefusals => _refusals.Snapshot();

    /// <summary>Sets the upstreams that logs followed with <c>use_upstream</c> name in their metadata.</summary>
    public void UseUpstreamsOfLogs(IReadOnlyCollection<Uri> urls) => _upstreams.UseFromLogs(urls);

    /// <summary>What was judged so far is judged again: the logs and keys that count may have changed.</summary>
    public void Forget() => _traces?.Forget();

    /// <exception cref="IOException">The address is in use.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The address cannot be bound for another reason.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _app.StartAsync(cancellationToken);
        var bound = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Address = new Uri(bound);
        _parts
            .Loggers.CreateLogger<NixGate>()
            .Started(bound, _parts.Section.Mode == GateMode.Report ? "report" : "enforce", string.Join(", ", _parts.Section.Upstreams));
    }

    /// <summary>Ends the listener; requests under way are given until <paramref name="cancellationToken"/>.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _endpoint.Dispose();
        _answers.Dispose();
        _traces?.Dispose();
        _upstreams.Dispose();
        _metrics.Dispose();
    }

    static WebApplication Build(GateSection section, ILoggerFactory loggers)
    {
        if (!ListenAddress.TryParse(section.Listen.OriginalString, out var address) || address.EndPoint is null || address.Tls)
        {
            throw new FormatException(
                string.Create(CultureInfo.InvariantCulture, $"the gate cannot listen on '{section.Listen.OriginalString}'")
            );
        }
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddLogging();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Nix opens 25 connections and asks for whole closures at once; HTTP/2 needs TLS, which this listener does not have.
            kestrel.Limits.MaxConcurrentConnections = 1024;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.MaxRequestLineSize = 4096;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 << 10;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Listen(address.EndPoint, listen => listen.Protocols = HttpProtocols.Http1);
        });
        return builder.Build();
    }
}
