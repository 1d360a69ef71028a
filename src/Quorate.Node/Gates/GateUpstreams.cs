using System.Collections.Concurrent;
using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Gates;

/// <summary>One upstream's description of a path. Nothing in it is believed but where bytes are, and only if their NAR hash is the decided one.</summary>
sealed record UpstreamFile(BinaryCacheClient Cache, NarInfo Info);

/// <summary>What all upstreams have for one hash part, in configured order, and which of them could not say.</summary>
sealed record UpstreamFiles(ImmutableArray<UpstreamFile> Files, ImmutableArray<string> Faults)
{
    public IEnumerable<UpstreamFile> WithNarHash(Sha256Digest narHash) => Files.Where(file => file.Info.NarHash == narHash);
}

/// <summary>
/// The caches that the gate fetches bytes from. They are asked together; one that is down is left alone for a moment, so that it delays few
/// requests. Thread-safe.
/// </summary>
sealed class GateUpstreams : IDisposable
{
    static readonly TimeSpan s_foundIsBelieved = TimeSpan.FromMinutes(5);

    // Builders upload right after a build; what was absent a moment ago may be there now.
    static readonly TimeSpan s_absentIsBelieved = TimeSpan.FromSeconds(2);
    static readonly TimeSpan s_faultIsBelieved = TimeSpan.FromSeconds(3);
    static readonly TimeSpan s_outagePause = TimeSpan.FromSeconds(10);

    /// <summary>In answers with up to <see cref="ReferencesPerWeight"/> references: some 100 MiB at the most, whatever upstreams make up.</summary>
    const int MaxKept = 40_000;

    const int ReferencesPerWeight = 10;

    readonly string _storeDir;
    readonly TimeProvider _time;
    readonly ConcurrentDictionary<BinaryCacheClient, Outage> _outages = new();
    readonly SharedWork<string, UpstreamFiles> _lookups;
    readonly Lock _lock = new();
    readonly ImmutableArray<BinaryCacheClient> _configured;
    ImmutableArray<BinaryCacheClient> _all;

    public GateUpstreams(IEnumerable<Uri> configured, string storeDir, TimeProvider time)
    {
        _storeDir = storeDir;
        _time = time;
        _configured = [.. configured.Select(Client)];
        _all = _configured;
        _lookups = new SharedWork<string, UpstreamFiles>(AskAllAsync, BelievedFor, MaxKept, time, WeightOf);
    }

    /// <summary>Sets the upstreams that followed logs name and the operator opted in to; they come after the configured ones.</summary>
    public void UseFromLogs(IReadOnlyCollection<Uri> urls)
    {
        lock (_lock)
        {
            var known = _all.ToDictionary(client => client.Address.ToString(), StringComparer.Ordinal);
            var next = _configured.ToBuilder();
            foreach (var url in urls)
            {
                // A log names these itself: a directory of this machine is none of its business.
                if (!BinaryCacheAddress.TryCreate(url, out var address) || address.IsFile)
                {
                    continue;
                }
                var client = known.TryGetValue(address.ToString(), out var existing) ? existing : new BinaryCacheClient(address, _time);
                if (!next.Contains(client))
                {
                    next.Add(client);
                }
            }
            // A client that is dropped here may still serve a download; its connections end with their idle time.
            _all = next.ToImmutable();
        }
        _lookups.Forget();
    }

    public Task<UpstreamFiles> LookupAsync(string hashPart, CancellationToken cancellationToken) =>
        _lookups.GetAsync(hashPart, cancellationToken);

    /// <summary>As <see cref="LookupAsync"/>, but asks again: what was found before is of no use.</summary>
    public Task<UpstreamFiles> LookupAgainAsync(string hashPart, CancellationToken cancellationToken)
    {
        _lookups.Forget(hashPart);
        return LookupAsync(hashPart, cancellationToken);
    }

    public void Dispose()
    {
        _lookups.Dispose();
        foreach (var client in _all)
        {
            client.Dispose();
        }
    }

    static TimeSpan BelievedFor(UpstreamFiles files) =>
        files.Faults.Length > 0 ? s_faultIsBelieved
        : files.Files.Length > 0 ? s_foundIsBelieved
        : s_absentIsBelieved;

    static int WeightOf(UpstreamFiles files) => 1 + files.Files.Sum(file => 1 + file.Info.References.Count / ReferencesPerWeight);

    BinaryCacheClient Client(Uri url) => new(BinaryCacheAddress.Create(url), _time);

    async Task<UpstreamFiles> AskAllAsync(string hashPart, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(_all.Select(client => AskAsync(client, hashPart, cancellationToken)));
        return new UpstreamFiles(
            [.. answers.Where(answer => answer.File is not null).Select(answer => answer.File!)],
            [.. answers.Where(answer => answer.Fault is not null).Select(answer => answer.Fault!)]
        );
    }

    async Task<(UpstreamFile? File, string? Fault)> AskAsync(BinaryCacheClient client, string hashPart, CancellationToken cancellationToken)
    {
        if (_outages.TryGetValue(client, out var outage) && _time.GetElapsedTime(outage.Since) < s_outagePause)
        {
            return (null, outage.Reason);
        }
        try
        {
            var file = await client.NarInfoAsync(hashPart, _storeDir, cancellationToken);
            _outages.TryRemove(client, out _);
            return (file is null ? null : new UpstreamFile(client, file.Info), null);
        }
        catch (BinaryCacheException e)
        {
            if (e.IsOutage)
            {
                _outages[client] = new Outage(_time.GetTimestamp(), e.Message);
            }
            return (null, e.Message);
        }
    }

    sealed record Outage(long Since, string Reason);
}
