using System.Collections.Immutable;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix.Store;
using Quorate.Nix.Verification;
using Quorate.Node.Configuration;
using Quorate.Node.Gates.Traces;
using Quorate.Node.Logs;
using Quorate.Node.Traces;
using Quorate.Sources.Configuration;
using Quorate.Sources.NixCaches;
using Quorate.Sources.Traces;
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
/// <param name="traceFolder">Where the node keeps resolved derivations.</param>
public sealed class GateHost(
    IDecisionService decisions,
    LogRegistry logs,
    TimeProvider time,
    ILoggerFactory loggers,
    string meterName = "Quorate.Node",
    object? metricsScope = null,
    string? traceFolder = null
) : IAsyncDisposable
{
    /// <summary>The key of this node's own witness, which the gate must not have.</summary>
    public Ed25519PublicKey? WitnessKey { get; set; }

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
        if (OtherUse(key.PublicKey.Key, configuration) is { } use)
        {
            key.Dispose();
            throw new GateException($"{section.SigningKey} is {use}; the gate needs a key of its own");
        }
        FollowSection[] optedIn = [.. configuration.Follow.Where(follow => follow.UseUpstream && follow.Protocol == Protocol.Nix)];
        TraceTrust? trust;
        try
        {
            trust = section.Traces is { } traces ? await ReadTrustAsync(traces.Trust, cancellationToken) : null;
        }
        catch (GateException)
        {
            key.Dispose();
            throw;
        }
        if (_running is { } running && running.IsSame(section, key, caches, optedIn, trust))
        {
            key.Dispose();
            return;
        }
        NixGate gate;
        try
        {
            gate = new NixGate(
                new NixGateParts(section, key, decisions, logs, caches, time, loggers, meterName, metricsScope, Traces(section, trust))
            );
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
        _running = new Running(gate, section, key, caches, optedIn, upstreams, trust);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>What else the key signs, compared by bytes: one key with two uses could make one kind of statement pass for the other.</summary>
    string? OtherUse(Ed25519PublicKey key, NodeConfiguration configuration) =>
        configuration.Builders.Values.FirstOrDefault(b => b.ClaimKeys.Any(k => k.Key.Equals(key))) is { } builder
            ? $"a claim key of builder '{builder.Name}'"
        : logs.Published.FirstOrDefault(p => p.Log.Identity.Key.Equals(key)) is { } published ? $"the key of log '{published.Section.Name}'"
        : logs.Followed.FirstOrDefault(f => f.Identity.Key.Equals(key)) is { } followed
            ? $"the key of a log of '{followed.Section.Builder}'"
        : WitnessKey is { } witness && witness.Equals(key) ? "the key of the witness"
        : null;

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

    static async Task<TraceTrust> ReadTrustAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await TraceTrustFile.ReadAsync(
                path,
                (file, cancel) => TraceTrustFile.EvaluateAsync("nix-instantiate", file, cancel),
                cancellationToken
            );
        }
        catch (Exception e)
            when (e is FormatException or ConfigurationException or NixStoreException or IOException or UnauthorizedAccessException)
        {
            throw new GateException($"the gate's trust model for traces cannot be used: {e.Message}", e);
        }
    }

    GateTraceParts? Traces(GateSection section, TraceTrust? trust)
    {
        if (section.Traces is not { } traces || trust is null)
        {
            return null;
        }
        List<TraceCache> caches = [];
        foreach (var source in traces.Sources)
        {
            caches.Add(
                TraceCacheAddress.TryParse(source, out var address)
                    ? new TraceCache(address, time)
                    : throw new FormatException($"the gate cannot look for traces at '{source}'")
            );
        }
        return new GateTraceParts(
            trust,
            traces.Derivations,
            caches,
            () => [.. caches, .. NodeTraceSources.Of(logs)],
            traceFolder,
            new LoggedInputs(logs).Next
        );
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
        LogUpstreams Upstreams,
        TraceTrust? Trust
    )
    {
        public bool IsSame(
            GateSection section,
            NixCacheSecretKey key,
            IReadOnlyList<SignedCache> caches,
            IReadOnlyList<FollowSection> optedIn,
            TraceTrust? trust
        ) =>
            Section with { Upstreams = section.Upstreams } == section
            && Section.Upstreams.SequenceEqual(section.Upstreams)
            && Key.PublicKey == key.PublicKey
            && Caches.SequenceEqual(caches)
            && OptedIn.Select(Place).SequenceEqual(optedIn.Select(Place), StringComparer.Ordinal)
            && (Trust is null ? trust is null : trust is not null && Text(Trust) == Text(trust));

        /// <summary>The rule and every key: all that a trust model for traces consists of.</summary>
        static string Text(TraceTrust trust) =>
            $"{trust.Text}\n{string.Join('\n', trust.Builders.Select(b => $"{b.Name} {b.IsLegacy} {string.Join(' ', b.Keys.ClaimKeys.Concat(b.Keys.LegacyKeys))}"))}";

        static string Place(FollowSection follow) => $"{follow.Name} {follow.Key} {string.Join(' ', follow.Remotes)}";
    }
}
