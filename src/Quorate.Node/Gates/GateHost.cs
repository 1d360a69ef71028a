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

    /// <summary>What the configuration that was last taken over names and files hold. It outlives a gate that made way for one that could not start.</summary>
    Material? _material;

    /// <summary>Where the gate listens, with its real port; null when none is configured.</summary>
    public Uri? Address => _running?.Gate.Address;

    /// <summary>What the gate signs with; null when none is configured.</summary>
    public NixCachePublicKey? PublicKey => _running?.Material.Key.PublicKey;

    public ImmutableArray<GateRefusal> RecentRefusals => _running?.Gate.RecentRefusals ?? [];

    /// <summary>
    /// Starts, replaces or ends the gate; one that is to stay as it is judges everything anew. What can be wrong with the configuration is found before the
    /// old gate is touched.
    /// </summary>
    /// <exception cref="GateException">Key or upstreams cannot be used (the old gate goes on), or the address cannot be bound (no gate runs).</exception>
    public Task ApplyAsync(NodeConfiguration configuration, IReadOnlyList<SignedCache> caches, CancellationToken cancellationToken) =>
        TakeOverAsync(configuration, caches, before: null, cancellationToken);

    /// <summary>
    /// Puts the gate of the configuration before back, with the key and the trust model that it had: what their files hold by now was refused.
    /// </summary>
    /// <exception cref="GateException">The address cannot be bound.</exception>
    public Task RestoreAsync(NodeConfiguration configuration, IReadOnlyList<SignedCache> caches, CancellationToken cancellationToken) =>
        TakeOverAsync(configuration, caches, _material, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Replace(null);
    }

    /// <param name="before">Null reads the files.</param>
    async Task TakeOverAsync(
        NodeConfiguration configuration,
        IReadOnlyList<SignedCache> caches,
        Material? before,
        CancellationToken cancellationToken
    )
    {
        if (configuration.NixGate is not { } section)
        {
            await StopAsync();
            Replace(null);
            return;
        }
        FollowSection[] optedIn = [.. configuration.Follow.Where(follow => follow.UseUpstream && follow.Protocol == Protocol.Nix)];
        string[] keepers = section.Traces is null ? [] : Keepers(configuration);
        var material = before ?? await ReadAsync(section, configuration, cancellationToken);
        var isTaken = false;
        try
        {
            if (_running is { } running && running.IsSame(section, material, caches, optedIn, keepers))
            {
                running.Gate.Forget();
                return;
            }
            var gate = Create(section, material, caches, keepers);
            // The old gate first: the new one may want the same port.
            await StopAsync();
            await StartAsync(gate, section, cancellationToken);
            var upstreams = new LogUpstreams(optedIn, time, loggers.CreateLogger<NixGate>(), gate.UseUpstreamsOfLogs);
            Replace(material);
            isTaken = true;
            _running = new Running(gate, section, material, caches, optedIn, keepers, upstreams);
        }
        finally
        {
            if (!isTaken && material != _material)
            {
                material.Dispose();
            }
        }
    }

    NixGate Create(GateSection section, Material material, IReadOnlyList<SignedCache> caches, string[] keepers)
    {
        try
        {
            return new NixGate(
                new NixGateParts(
                    section,
                    material.Key,
                    decisions,
                    logs,
                    caches,
                    time,
                    loggers,
                    meterName,
                    metricsScope,
                    Traces(section, material.Trust, keepers)
                )
            );
        }
        catch (FormatException e)
        {
            throw new GateException(e.Message, e);
        }
    }

    static async Task StartAsync(NixGate gate, GateSection section, CancellationToken cancellationToken)
    {
        try
        {
            await gate.StartAsync(cancellationToken);
        }
        catch (Exception e)
        {
            await gate.DisposeAsync();
            // A port in use is an IOException; one that needs privileges, or an address that this machine has not, a bare SocketException.
            if (e is IOException or SocketException)
            {
                throw new GateException($"the Nix gate cannot listen on {section.Listen.OriginalString}: {e.Message}", e);
            }
            throw;
        }
    }

    void Replace(Material? material)
    {
        if (material != _material)
        {
            _material?.Dispose();
            _material = material;
        }
    }

    async Task<Material> ReadAsync(GateSection section, NodeConfiguration configuration, CancellationToken cancellationToken)
    {
        var key = ReadKey(section.SigningKey);
        try
        {
            if (OtherUse(key.PublicKey.Key, configuration) is { } use)
            {
                throw new GateException($"{section.SigningKey} is {use}; the gate needs a key of its own");
            }
            return section.Traces is { } traces ? await ReadAsync(key, traces.Trust, cancellationToken) : new Material(key, null, null);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Nodes that logs of build traces are followed from. Those behind a socket of this machine have no trace store that HTTP reaches.</summary>
    static string[] Keepers(NodeConfiguration configuration) =>
        [
            .. configuration
                .Follow.Where(follow => follow.Protocol == Protocol.NixTrace)
                .SelectMany(follow => follow.Remotes)
                .Where(remote => remote.Scheme == Uri.UriSchemeHttp || remote.Scheme == Uri.UriSchemeHttps)
                .Select(remote => remote.OriginalString)
                .Distinct(StringComparer.Ordinal),
        ];

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

    static async Task<Material> ReadAsync(NixCacheSecretKey key, string path, CancellationToken cancellationToken)
    {
        try
        {
            var trust = await TraceTrustFile.ReadAsync(
                path,
                (file, cancel) => TraceTrustFile.EvaluateAsync("nix-instantiate", file, cancel),
                cancellationToken
            );
            return new Material(key, trust, Sha256Digest.HashData(await File.ReadAllBytesAsync(path, cancellationToken)));
        }
        catch (Exception e)
            when (e is FormatException or ConfigurationException or NixStoreException or IOException or UnauthorizedAccessException)
        {
            throw new GateException($"the gate's trust model for traces cannot be used: {e.Message}", e);
        }
    }

    GateTraceParts? Traces(GateSection section, TraceTrust? trust, string[] keepers)
    {
        if (section.Traces is not { } traces || trust is null)
        {
            return null;
        }
        var addresses = traces.Sources.Select(AddressOf).ToList();
        List<TraceCache> caches = [.. addresses.Select(address => new TraceCache(address, time))];
        return new GateTraceParts(
            trust,
            traces.Derivations,
            caches,
            [.. keepers.Except(traces.Sources, StringComparer.Ordinal).Select(AddressOf).Select(address => new TraceCache(address, time))],
            () => [.. caches, .. NodeTraceSources.Of(logs, trust)],
            traceFolder,
            new LoggedInputs(logs).Next
        );
    }

    static TraceCacheAddress AddressOf(string source) =>
        TraceCacheAddress.TryParse(source, out var address)
            ? address
            : throw new FormatException($"the gate cannot look for traces at '{source}'");

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
    }

    /// <summary>What the files hold that a configuration names.</summary>
    /// <param name="TrustFile">Hash of the trust model's file.</param>
    sealed record Material(NixCacheSecretKey Key, TraceTrust? Trust, Sha256Digest? TrustFile) : IDisposable
    {
        public void Dispose() => Key.Dispose();
    }

    sealed record Running(
        NixGate Gate,
        GateSection Section,
        Material Material,
        IReadOnlyList<SignedCache> Caches,
        IReadOnlyList<FollowSection> OptedIn,
        IReadOnlyList<string> Keepers,
        LogUpstreams Upstreams
    )
    {
        public bool IsSame(
            GateSection section,
            Material material,
            IReadOnlyList<SignedCache> caches,
            IReadOnlyList<FollowSection> optedIn,
            IReadOnlyList<string> keepers
        ) =>
            Section with { Upstreams = section.Upstreams } == section
            && Section.Upstreams.SequenceEqual(section.Upstreams)
            && Material.Key.PublicKey == material.Key.PublicKey
            && Caches.SequenceEqual(caches)
            && OptedIn.Select(Place).SequenceEqual(optedIn.Select(Place), StringComparer.Ordinal)
            && Keepers.SequenceEqual(keepers, StringComparer.Ordinal)
            && Material.TrustFile == material.TrustFile
            && Text(Material.Trust) == Text(material.Trust);

        /// <summary>The rule, every key and whose log is whose. An expression may say something else although its file is the same.</summary>
        static string? Text(TraceTrust? trust) => trust is null ? null : $"{trust.Text}\n{string.Join('\n', trust.Builders.Select(Text))}";

        static string Text(TraceBuilder builder) =>
            $"{builder.Name} {builder.IsLegacy} {builder.Keys.LogId} {string.Join(' ', builder.Keys.ClaimKeys.Concat(builder.Keys.LegacyKeys).Concat(builder.Keys.NixKeys))}";

        static string Place(FollowSection follow) => $"{follow.Name} {follow.Key} {string.Join(' ', follow.Remotes)}";
    }
}
