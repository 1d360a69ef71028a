using System.Collections.Immutable;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Crypto.Keys;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Sources.NixCaches;
using Quorate.Trust;

namespace Quorate.Node.Gates;

/// <summary>The gate cannot run as configured; the message says why.</summary>
public sealed class GateException : InvalidOperationException
{
    public GateException(string message)
        : base(message) { }

    public GateException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>
/// Keeps the running gate in step with the configuration. Start and reload call <see cref="ApplyAsync"/> one at a time; everything else is
/// thread-safe.
/// </summary>
/// <param name="metricsScope">Scope of the node's meter.</param>
public sealed class GateHost(
    IDecisionService decisions,
    LogRegistry logs,
    TimeProvider time,
    ILoggerFactory loggers,
    string meterName = "Quorate.Node",
    object? metricsScope = null
) : IAsyncDisposable
{
    /// <summary>What downloads under way get when the gate is taken down.</summary>
    static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);

    Running? _running;

    /// <summary>Where the gate listens, with its real port; null when none is configured.</summary>
    public Uri? Address => _running?.Gate.Address;

    /// <summary>What the gate signs with; null when none is configured.</summary>
    public NixCachePublicKey? PublicKey => _running?.Key.PublicKey;

    public ImmutableArray<GateRefusal> RecentRefusals => _running?.Gate.RecentRefusals ?? [];

    /// <summary>Starts, replaces or ends the gate. What can be wrong with the configuration is found before the old gate is touched.</summary>
    /// <exception cref="GateException">Key or upstreams cannot be used (the old gate goes on), or the address cannot be bound (no gate runs).</exception>
    public async Task ApplyAsync(NodeConfiguration configuration, IReadOnlyList<SignedCache> caches, CancellationToken cancellationToken)
    {
        if (configuration.NixGate is not { } section)
        {
            await StopAsync();
            return;
        }
        var key = ReadKey(section.SigningKey);
        if (configuration.Builders.Values.FirstOrDefault(b => b.ClaimKeys.Any(k => k.Key.Equals(key.PublicKey.Key))) is { } builder)
        {
            key.Dispose();
            throw new GateException($"{section.SigningKey} is a claim key of builder '{builder.Name}'; the gate needs a key of its own");
        }
        FollowSection[] optedIn = [.. configuration.Follow.Where(follow => follow.UseUpstream && follow.Protocol == Protocol.Nix)];
        if (_running is { } running && running.IsSame(section, key, caches, optedIn))
        {
            key.Dispose();
            return;
        }
        NixGate gate;
        try
        {
            gate = new NixGate(new NixGateParts(section, key, decisions, logs, caches, time, loggers, meterName, metricsScope));
        }
        catch (FormatException e)
        {
            key.Dispose();
            throw new GateException(e.Message, e);
        }
        // The old gate first: the new one may want the same port.
        await StopAsync();
        try
        {
            await gate.StartAsync(cancellationToken);
        }
        catch (Exception e)
        {
            await gate.DisposeAsync();
            key.Dispose();
            // A port in use is an IOException; one that needs privileges, or an address that this machine has not, a bare SocketException.
            if (e is IOException or SocketException)
            {
                throw new GateException($"the Nix gate cannot listen on {section.Listen.OriginalString}: {e.Message}", e);
            }
            throw;
        }
        var upstreams = new LogUpstreams(optedIn, time, loggers.CreateLogger<NixGate>(), gate.UseUpstreamsOfLogs);
        _running = new Running(gate, section, key, caches, optedIn, upstreams);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    static NixCacheSecretKey ReadKey(string path)
    {
        try
        {
            return NixCacheSecretKey.Read(path, out _);
        }
        catch (Exception e) when (e is MalformedException or IOException or UnauthorizedAccessException)
        {
            throw new GateException($"the gate's signing key cannot be used: {e.Message}", e);
        }
    }

    async Task StopAsync()
    {
        if (_running is not { } running)
        {
            return;
        }
        _running = null;
        await running.Upstreams.DisposeAsync();
        using var grace = new CancellationTokenSource(s_grace, time);
        await running.Gate.StopAsync(grace.Token);
        await running.Gate.DisposeAsync();
        running.Key.Dispose();
    }

    sealed record Running(
        NixGate Gate,
        GateSection Section,
        NixCacheSecretKey Key,
        IReadOnlyList<SignedCache> Caches,
        IReadOnlyList<FollowSection> OptedIn,
        LogUpstreams Upstreams
    )
    {
        public bool IsSame(
            GateSection section,
            NixCacheSecretKey key,
            IReadOnlyList<SignedCache> caches,
            IReadOnlyList<FollowSection> optedIn
        ) =>
            Section with { Upstreams = section.Upstreams } == section
            && Section.Upstreams.SequenceEqual(section.Upstreams)
            && Key.PublicKey == key.PublicKey
            && Caches.SequenceEqual(caches)
            && OptedIn.Select(Place).SequenceEqual(optedIn.Select(Place), StringComparer.Ordinal);

        static string Place(FollowSection follow) => $"{follow.Name} {follow.Key} {string.Join(' ', follow.Remotes)}";
    }
}
