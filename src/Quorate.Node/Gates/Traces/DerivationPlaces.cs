using System.Collections.Concurrent;
using Quorate.Nix.Derivations;
using Quorate.Node.Traces;
using Quorate.Sources.Traces;

namespace Quorate.Node.Gates.Traces;

/// <summary>
/// Where resolved derivations may be kept by their hash: this node's own folder, then caches and the nodes that logs are followed from. Nothing found
/// is believed to be what its name says. Thread-safe.
/// </summary>
/// <param name="own">Null for none.</param>
sealed class DerivationPlaces(DerivationFiles? own, IReadOnlyList<TraceCache> others, TimeProvider time) : IDisposable
{
    /// <summary>A place that did not answer would cost each of the next questions its time-out.</summary>
    static readonly TimeSpan s_rest = TimeSpan.FromSeconds(10);

    readonly ConcurrentDictionary<TraceCache, long> _failed = new();
    readonly SemaphoreSlim _slots = new(32);

    /// <summary>Only of the own folder; null when it has none.</summary>
    public byte[]? ReadOwn(ResolvedInputHash hash) => own?.Read(hash);

    /// <summary>The first derivation that <paramref name="read"/> recognises; null when no place that answers has it.</summary>
    /// <param name="read">Gives the derivation if the bytes have the hash.</param>
    public async Task<ResolvedDerivation?> FindAsync(
        ResolvedInputHash hash,
        Func<ReadOnlyMemory<byte>, ResolvedDerivation?> read,
        CancellationToken cancellationToken
    )
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            if (own is not null && await own.ReadAsync(hash, cancellationToken) is { } kept && read(kept) is { } mine)
            {
                return mine;
            }
            foreach (var cache in others.Where(cache => !IsResting(cache)))
            {
                if (await AskAsync(cache, hash, cancellationToken) is { } aterm && read(aterm) is { } theirs)
                {
                    return theirs;
                }
            }
            return null;
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Keeps a derivation in the own folder. False when there is none, or the disk does not take it.</summary>
    public bool TryKeep(ResolvedDerivation derivation)
    {
        try
        {
            if (own is not null && !own.Has(derivation.Hash))
            {
                own.Write(derivation);
            }
            return own is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It can be fetched again.
            return false;
        }
    }

    public void Dispose() => _slots.Dispose();

    bool IsResting(TraceCache cache) => _failed.TryGetValue(cache, out var since) && time.GetElapsedTime(since) < s_rest;

    async Task<ReadOnlyMemory<byte>?> AskAsync(TraceCache cache, ResolvedInputHash hash, CancellationToken cancellationToken)
    {
        try
        {
            return await cache.FindDerivationAsync(hash, cancellationToken);
        }
        catch (TraceCacheException)
        {
            // Another one may have it; without any, the request is refused.
            _failed[cache] = time.GetTimestamp();
            return null;
        }
    }
}
