using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Verification;
using Quorate.Node.Traces;
using Quorate.Sources.Traces;

namespace Quorate.Node.Gates.Traces;

/// <summary>
/// The derivations that the gate can say something about: those of a directory, and resolved ones that are kept beside their claims. Realisations are
/// filed under hashes that only their derivation explains, so each hash is computed here; what a cache or a builder says belongs to a hash is never
/// asked for. Thread-safe.
/// </summary>
/// <param name="directory">Derivations by base name, as in a store; null for none.</param>
/// <param name="caches">May have resolved derivations.</param>
/// <param name="own">Resolved derivations that this node keeps itself; null for none.</param>
/// <param name="listed">Resolved derivations that somebody made claims about, and that were not given before.</param>
sealed class KnownDerivations(
    string? directory,
    IReadOnlyList<TraceCache> caches,
    DerivationFiles? own,
    Func<IEnumerable<ResolvedInputHash>> listed,
    string storeDir,
    TimeProvider time
) : IDerivationSource, IDisposable
{
    /// <summary>Derivations that are indexed; more are left out, so that what belongs to them is refused.</summary>
    const int MaxIndexed = 500_000;

    /// <summary>Bytes of resolved derivations that are kept in memory.</summary>
    const long MaxKeptBytes = 256 << 20;

    /// <summary>Derivations that one hash may stand for: those that differ in where a fixed output is fetched from.</summary>
    const int MaxPerHash = 16;

    const int MaxFetchedAtOnce = 256;

    /// <summary>A hash that is not known is looked for again, but not by every request.</summary>
    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    readonly DerivationDirectory? _directory = directory is null ? null : new DerivationDirectory(directory);
    readonly SemaphoreSlim _refreshing = new(1);
    readonly Lock _lock = new();

    // The following three are guarded by the lock.
    readonly Dictionary<Sha256Digest, ImmutableArray<StorePath>> _byHash = [];
    readonly Dictionary<StorePath, ReadOnlyMemory<byte>> _kept = [];
    long _keptBytes;

    // The following are used by one refresh at a time.
    readonly HashSet<StorePath> _indexed = [];
    readonly HashSet<ResolvedInputHash> _listed = [];
    readonly Queue<ResolvedInputHash> _missing = [];
    HashSet<StorePath> _seen = [];
    long? _refreshed;

    public byte[]? Read(StorePath derivation)
    {
        lock (_lock)
        {
            if (_kept.TryGetValue(derivation, out var aterm))
            {
                return aterm.ToArray();
            }
        }
        return _directory?.Read(derivation);
    }

    /// <summary>The derivations whose outputs realisations of this hash are about; empty when none is known.</summary>
    public async Task<ImmutableArray<StorePath>> OfAsync(Sha256Digest hash, CancellationToken cancellationToken)
    {
        if (Find(hash) is { IsEmpty: false } found)
        {
            return found;
        }
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            if (_refreshed is not { } last || time.GetElapsedTime(last) >= s_pause)
            {
                await RefreshAsync(cancellationToken);
                _refreshed = time.GetTimestamp();
            }
        }
        finally
        {
            _refreshing.Release();
        }
        return Find(hash);
    }

    /// <summary>Makes a resolved derivation readable if a cache has it. True when it can be read, from wherever.</summary>
    public async Task<bool> FetchAsync(StorePath derivation, CancellationToken cancellationToken)
    {
        if (Read(derivation) is not null)
        {
            return true;
        }
        var hash = ResolvedInputHash.Of(derivation);
        foreach (var aterm in await AtermsAsync(hash, cancellationToken))
        {
            if (TryResolved(aterm, DerivationPaths.NameOf(derivation), hash) is { } resolved)
            {
                Keep(resolved);
                return true;
            }
        }
        return false;
    }

    /// <summary>Takes note of a resolved derivation that was made here.</summary>
    public void Keep(ResolvedDerivation resolved)
    {
        var hash = DrvOutputId.Of(resolved, resolved.Derivation.Outputs[0].Name).Hash;
        lock (_lock)
        {
            if (_keptBytes + resolved.AtermBytes.Length > MaxKeptBytes || !_kept.TryAdd(resolved.Path, resolved.AtermBytes))
            {
                return;
            }
            _keptBytes += resolved.AtermBytes.Length;
            Index(hash, resolved.Path);
        }
    }

    public void Dispose() => _refreshing.Dispose();

    ImmutableArray<StorePath> Find(Sha256Digest hash)
    {
        lock (_lock)
        {
            return _byHash.GetValueOrDefault(hash, []);
        }
    }

    /// <summary>Called under the lock.</summary>
    void Index(Sha256Digest hash, StorePath derivation)
    {
        var known = _byHash.GetValueOrDefault(hash, []);
        if (known.Length < MaxPerHash && !known.Contains(derivation))
        {
            _byHash[hash] = known.Add(derivation);
        }
    }

    async Task RefreshAsync(CancellationToken cancellationToken)
    {
        ReadDirectory(cancellationToken);
        foreach (var hash in listed().Concat(caches.SelectMany(cache => cache.ListDerivations())))
        {
            if (_listed.Count < MaxIndexed && _listed.Add(hash))
            {
                _missing.Enqueue(hash);
            }
        }
        // Somebody may keep one only later, so those that are missing take turns.
        var round = Math.Min(_missing.Count, MaxFetchedAtOnce);
        var turns = Enumerable.Range(0, round).Select(_ => _missing.Dequeue()).ToList();
        foreach (var (hash, aterms) in turns.Zip(await Task.WhenAll(turns.Select(hash => AtermsAsync(hash, cancellationToken)))))
        {
            ResolvedDerivation? resolved = null;
            if (aterms.Any(aterm => DerivationFiles.TryRead(aterm, hash, out resolved, out _)))
            {
                Keep(resolved!);
            }
            else
            {
                _missing.Enqueue(hash);
            }
        }
    }

    void ReadDirectory(CancellationToken cancellationToken)
    {
        if (directory is null || !Directory.Exists(directory))
        {
            return;
        }
        var files = new HashSet<StorePath>();
        foreach (var file in Directory.EnumerateFiles(directory, "*" + DerivationPaths.Extension))
        {
            if (files.Count < MaxIndexed && StorePath.TryFromBaseName(storeDir, Path.GetFileName(file), out var path))
            {
                files.Add(path);
            }
        }
        // One that could not be hashed for want of an input can be when something was added.
        if (files.SetEquals(_seen))
        {
            return;
        }
        var parsed = new Dictionary<StorePath, Derivation?>();
        Derivation? At(StorePath path) => parsed.TryGetValue(path, out var known) ? known : parsed[path] = Parsed(path);
        var hashes = new ModuloHashes(At);
        foreach (var path in files.Where(path => !_indexed.Contains(path)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (
                At(path) is { Kind: DerivationKind.Floating } derivation
                && hashes.TryMasked(derivation, DerivationPaths.NameOf(path), out var hash, out _)
            )
            {
                _indexed.Add(path);
                lock (_lock)
                {
                    Index(hash.Digest, path);
                }
            }
        }
        _seen = files;
    }

    /// <summary>Null for what is not the derivation that its name says.</summary>
    Derivation? Parsed(StorePath path) =>
        Read(path) is { } aterm
        && Derivation.TryParse(aterm, storeDir, out var derivation, out _)
        && DerivationPaths.IsPathOf(path, derivation)
            ? derivation
            : null;

    async Task<IReadOnlyList<ReadOnlyMemory<byte>>> AtermsAsync(ResolvedInputHash hash, CancellationToken cancellationToken)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        if (own is not null && await own.ReadAsync(hash, cancellationToken) is { } kept)
        {
            found.Add(kept);
        }
        foreach (var cache in caches)
        {
            try
            {
                if (await cache.FindDerivationAsync(hash, cancellationToken) is { } aterm)
                {
                    found.Add(aterm);
                }
            }
            catch (TraceCacheException)
            {
                // Another one may have it; without any, the request is refused with that reason.
            }
        }
        return found;
    }

    ResolvedDerivation? TryResolved(ReadOnlyMemory<byte> aterm, string name, ResolvedInputHash hash)
    {
        try
        {
            return ResolvedDerivation.Parse(aterm, storeDir, name, hash);
        }
        catch (MalformedException)
        {
            // Stored under this hash by somebody, but not what the hash stands for.
            return null;
        }
    }
}
