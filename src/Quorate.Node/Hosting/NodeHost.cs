using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Quorate.Nix;
using Quorate.Node.Alerts;
using Quorate.Node.Configuration;
using Quorate.Node.Control;
using Quorate.Node.Decisions;
using Quorate.Node.Gates;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Node.Telemetry;
using Quorate.Node.Traces;
using Quorate.Node.Witness;
using Quorate.Sources.NixCaches;
using Quorate.Sources.Script;

namespace Quorate.Node.Hosting;

/// <summary>What surrounds a node; tests replace parts of it.</summary>
public sealed record NodeHostOptions
{
    public required ILoggerFactory Logging { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads the configuration again for a reload.</summary>
    public required Func<NodeConfiguration> ReadConfiguration { get; init; }

    /// <summary>By what the files of logs reach the disk.</summary>
    public WriteAheadDisk Disk { get; init; } = WriteAheadDisk.Real;

    internal InheritedSockets Inherited { get; init; } = InheritedSockets.None;

    internal SystemdNotifier Notifier { get; init; } = new(notifySocket: null);
}

/// <summary>A running node: its logs, its subscriptions, its decisions and its listeners.</summary>
public sealed partial class NodeHost : IAsyncDisposable
{
    readonly NodeHostOptions _options;
    readonly ILogger _logger;
    readonly StateDirectory _state;
    readonly LogSet _logs;
    readonly OperatorAlerts _alerts;
    WitnessRole? _witness;
    readonly SignedCacheSet _caches;
    readonly GateHost _gate;
    readonly NodeMetrics _metrics;
    readonly PrometheusExporter _exporter;
    readonly SemaphoreSlim _reloading = new(1);
    readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    DecisionService? _decisions;
    Listener? _public;
    Listener? _control;
    SpoolService? _spool;
    ScrubService? _scrub;
    TraceStore? _traces;
    bool _disposed;

    NodeHost(NodeConfiguration configuration, NodeHostOptions options, StateDirectory state)
    {
        _options = options;
        _logger = options.Logging.CreateLogger<NodeHost>();
        _state = state;
        var registry = new LogRegistry();
        _metrics = new NodeMetrics(registry);
        _exporter = new PrometheusExporter(_metrics, options.Time);
        _alerts = new OperatorAlerts(
            () => Context?.Configuration.Node.Webhook,
            options.Time,
            options.Logging.CreateLogger<OperatorAlerts>()
        );
        _logs = new LogSet(state, registry, _metrics, _alerts, options.Time, options.Logging)
        {
            Disk = options.Disk,
            Failed = what => _failed.TrySetResult(what),
        };
        Context = new NodeContext(configuration, registry, options.Time)
        {
            Metrics = _metrics,
            Publisher = new Publisher(_metrics, options.Logging.CreateLogger<Publisher>()),
            Decisions = new CountedDecisions(() => _decisions!, _metrics),
            Reload = ReloadAsync,
            SyncNow = _logs.SyncNowAsync,
        };
        _caches = new SignedCacheSet(Path.Combine(state.Path, "caches"), options.Time);
        _gate = new GateHost(Context.Decisions, registry, options.Time, options.Logging, NodeMetrics.MeterName, _metrics, TraceFolder);
    }

    public NodeContext Context { get; }

    string TraceFolder => Path.Combine(_state.Path, "traces");

    /// <summary>
    /// Ends, with a sentence, when the storage of a published log failed. Nobody knows then what the disk holds, and only opening the log again tells: the
    /// process must end.
    /// </summary>
    public Task<string> Failed => _failed.Task;

    /// <summary>Where the public listener listens, in the order of <c>node.listen</c>; with real ports.</summary>
    public IReadOnlyList<string> PublicAddresses => _public?.Addresses ?? [];

    /// <summary>For <c>--node</c>: <c>unix:///path</c> or <c>http://127.0.0.1:port</c>.</summary>
    public string ControlAddress => _control!.Addresses[0];

    /// <exception cref="StartException">The node cannot start; the message says why and, where it can, what to do.</exception>
    public static async Task<NodeHost> StartAsync(
        NodeConfiguration configuration,
        NodeHostOptions options,
        CancellationToken cancellationToken
    )
    {
        StateDirectory state;
        try
        {
            state = StateDirectory.Open(configuration.Node.State);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException(e.Message, e);
        }
        var host = new NodeHost(configuration, options, state);
        try
        {
            await host.StartAsync(cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    async Task StartAsync(CancellationToken cancellationToken)
    {
        var configuration = Context.Configuration;
        _witness = configuration.Witness is { } role ? WitnessRole.Open(role, _state, _options.Time) : null;
        _logs.OwnWitness = _witness?.Witness.Key;
        _gate.WitnessKey = _witness?.Witness.Key.Key;
        await _logs.ApplyAsync(configuration, cancellationToken);
        var caches = Caches(configuration);
        _decisions = DecisionService.Create(
            configuration,
            Context.Registry,
            Ports(caches),
            _options.Time,
            _options.Logging.CreateLogger<DecisionService>()
        );
        var rpc = new TrustixRpc(
            Context.Registry,
            Context.Decisions,
            Context.Publisher,
            () => Context.Configuration.Node,
            _options.Logging.CreateLogger<TrustixRpc>()
        );
        var node = configuration.Node;
        var health = new HealthEndpoints(Context, _exporter);
        var control = new ControlApi(Context);
        _traces = new TraceStore(Context.Registry, Context.Publisher, () => Context.Configuration);
        var traces = _traces;
        var derivations = new DerivationFiles(TraceFolder);
        _control = await ListenAsync(
            "control",
            [node.Control],
            routes =>
            {
                control.Map(routes);
                health.MapControl(routes);
                MapTraces(routes, RpcSurface.Control);
                routes.MapTrustix(rpc, RpcSurface.Control);
            },
            cancellationToken
        );
        if (node.Listen.Count > 0)
        {
            _public = await ListenAsync(
                "public",
                node.Listen,
                routes =>
                {
                    health.MapPublic(routes);
                    new TileEndpoints(Context.Registry).Map(routes);
                    MapTraces(routes, RpcSurface.Public);
                    if (_witness is { Witness: var witness })
                    {
                        new WitnessEndpoints(witness, _metrics, _options.Logging.CreateLogger<WitnessEndpoints>()).Map(routes);
                    }
                    routes.MapTrustix(rpc, RpcSurface.Public);
                },
                cancellationToken
            );
            Context.PublicAddresses = _public.Addresses;
        }
        void MapTraces(IEndpointRouteBuilder routes, RpcSurface surface) =>
            new TraceEndpoints(
                traces,
                derivations,
                Context.Registry,
                Context.Publisher,
                new SurfaceGuard(surface, () => Context.Configuration.Node)
            ).Map(routes);
        await ApplyGateAsync(configuration, caches, isRestored: false, cancellationToken);
        _spool = new SpoolService(Context, _state.Path, derivations, _options.Logging.CreateLogger<SpoolService>());
        _spool.Start();
        _scrub = new ScrubService(
            () => Context.Configuration,
            _state.Path,
            Context.Registry,
            _metrics,
            _options.Time,
            _options.Logging.CreateLogger<ScrubService>()
        );
        _scrub.Start();
        foreach (var address in _options.Inherited.Unclaimed)
        {
            UnclaimedSocket(address);
        }
        Started(NodeVersion.Text, string.Join(", ", PublicAddresses.DefaultIfEmpty("nowhere")), ControlAddress);
        _options.Notifier.Ready();
    }

    Task<Listener> ListenAsync(
        string name,
        IReadOnlyList<string> addresses,
        Action<IEndpointRouteBuilder> map,
        CancellationToken cancellationToken
    )
    {
        var node = Context.Configuration.Node;
        var guard = new RequestGuard(
            name,
            node.MaxConcurrentRequests,
            node.RequestTimeout,
            _metrics,
            _options.Time,
            _options.Logging.CreateLogger<RequestGuard>()
        );
        var options = new ListenerOptions
        {
            Name = name,
            Addresses =
            [
                .. addresses.Select(a =>
                    ListenAddress.TryParse(a, out var parsed) ? parsed : throw new StartException($"'{a}' is no address")
                ),
            ],
            Tls = name == "public" ? node.Tls : null,
            MaxBody = node.MaxBody,
            Inherited = _options.Inherited,
            Logging = _options.Logging,
        };
        return Listener.StartAsync(options, guard, map, cancellationToken);
    }

    IReadOnlyList<SignedCache> Caches(NodeConfiguration configuration)
    {
        try
        {
            return _caches.Apply(configuration);
        }
        catch (FormatException e)
        {
            throw new StartException(e.Message, e);
        }
    }

    DecisionPorts Ports(IReadOnlyList<SignedCache> caches) =>
        new()
        {
            Formats = new Dictionary<string, Trust.IClaimFormat>(StringComparer.Ordinal) { [Protocol.Nix.Name] = NixClaimFormat.Instance },
            TestimonySources = caches,
            Script = new DukScriptEngine(_options.Time),
        };

    async Task ApplyGateAsync(
        NodeConfiguration configuration,
        IReadOnlyList<SignedCache> caches,
        bool isRestored,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await (
                isRestored
                    ? _gate.RestoreAsync(configuration, caches, cancellationToken)
                    : _gate.ApplyAsync(configuration, caches, cancellationToken)
            );
        }
        catch (GateException e)
        {
            throw new StartException(e.Message, e);
        }
        finally
        {
            Context.Gates = _gate is { Address: { } address, PublicKey: { } key }
                ? [new RunningGate(Protocol.Nix.Name, address.GetLeftPart(UriPartial.Authority), key.ToString())]
                : [];
        }
    }

    /// <summary>Listeners first, so that nothing new comes in; then the logs, which finish what they took.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }
        await _reloading.WaitAsync();
        _disposed = true;
        _options.Notifier.Stopping();
        foreach (var listener in new[] { _public, _control }.OfType<Listener>())
        {
            await listener.DisposeAsync();
        }
        await _gate.DisposeAsync();
        if (_spool is not null)
        {
            await _spool.DisposeAsync();
        }
        if (_scrub is not null)
        {
            await _scrub.DisposeAsync();
        }
        _traces?.Dispose();
        await _logs.DisposeAsync();
        await _alerts.DisposeAsync();
        _witness?.Dispose();
        _caches.Dispose();
        _exporter.Dispose();
        _metrics.Dispose();
        _state.Dispose();
        _reloading.Dispose();
        Stopped();
    }

    [LoggerMessage(40, LogLevel.Information, "quorated {Version} is ready: public {Public}, control {Control}")]
    partial void Started(string version, string @public, string control);

    [LoggerMessage(41, LogLevel.Information, "Stopped; everything acknowledged is durable")]
    partial void Stopped();

    [LoggerMessage(42, LogLevel.Warning, "systemd passed a socket for {Address}, which no listener is configured for")]
    partial void UnclaimedSocket(string address);
}
