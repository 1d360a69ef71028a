using System.Collections.Immutable;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Verification;
using Quorate.Node.Traces;

namespace Quorate.Node.Gates.Traces;

/// <summary>
/// The derivations that the gate can say something about: those of a directory, and resolved ones that are kept beside their claims. Realisations are
/// filed under hashes that only their derivation explains, so each hash is computed here; what a cache or a builder says belongs to a hash is never
/// asked for. Thread-safe.
/// </summary>
/// <param name="directory">Derivations by base name, as in a store; null for none.</param>
/// <param name="places">May have resolved derivations.</param>
/// <param name="logged">Resolved derivations that logs of this node hold claims about, and that were not given before.</param>
/// <param name="cached">Resolved derivations that caches list.</param>
sealed class KnownDerivations(
    string? directory,
    DerivationPlaces places,
    Func<IEnumerable<ResolvedInputHash>> logged,
    Func<IEnumerable<ResolvedInputHash>> cached,
    string storeDir,
    TimeProvider time
) : IDerivationSource, IDisposable
{
    /// <summary>Derivations that are indexed; more are left out, so that what belongs to them is refused.</summary>
    const int MaxIndexed = 500_000;

    /// <summary>Bytes of resolved derivations that are kept in memory, because they are in no folder of this machine.</summary>
    const long MaxKeptBytes = 256 << 20;

    /// <summary>Derivations that one hash may stand for: those that differ in where a fixed output is fetched from.</summary>
    const int MaxPerHash = 16;

    const int MaxFetchedAtOnce = 256;

    /// <summary>A hash that is not known is looked for again, but not by every request.</summary>
    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>What was listed for the first time is looked for at once, but the request that noticed it does not wait for all of it.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly DerivationDirectory? _directory = directory is null ? null : new DerivationDirectory(directory);
    readonly SemaphoreSlim _refreshing = new(1);
    readonly Lock _lock = new();

    // The following four are guarded by the lock. By hash are only those that no other derivation could be taken for.
    readonly Dictionary<Sha256Digest, ImmutableArray<StorePath>> _byHash = [];
    readonly HashSet<ResolvedInputHash> _resolved = [];
    readonly Dictionary<StorePath, ReadOnlyMemory<byte>> _kept = [];
    long _keptBytes;

    // The following are used by one refresh at a time.
    readonly HashSet<StorePath> _indexed = [];
    readonly HashSet<ResolvedInputHash> _listed = [];
    readonly Queue<Listed> _new = [];
    readonly Queue<Listed> _missing = [];
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
        return _directory?.Read(derivation) ?? places.ReadOwn(ResolvedInputHash.Of(derivation));
    }

    /// <summary>Whether the resolved derivation was found or made before.</summary>
    public bool Knows(ResolvedInputHash resolved)
    {
        lock (_lock)
        {
            return _resolved.Contains(resolved);
        }
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
            await RefreshAsync(cancellationToken);
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
        var name = DerivationPaths.NameOf(derivation);
        if (await places.FindAsync(hash, aterm => TryResolved(aterm, name, hash), cancellationToken) is not { } resolved)
        {
            return false;
        }
        Keep(resolved);
        return true;
    }

    /// <summary>Takes note of a resolved derivation that was made here.</summary>
    public void Keep(ResolvedDerivation resolved) => Keep(resolved, isOnDisk: false);

    public void Dispose()
    {
        _refreshing.Dispose();
        places.Dispose();
    }

    ImmutableArray<StorePath> Find(Sha256Digest hash)
    {
        lock (_lock)
        {
            return _byHash.GetValueOrDefault(hash, []);
        }
    }

    void Keep(ResolvedDerivation resolved, bool isOnDisk)
    {
        if (Knows(resolved.Hash))
        {
            return;
        }
        var hash = ModuloHashes.Masked(resolved);
        lock (_lock)
        {
            var size = isOnDisk ? 0 : resolved.AtermBytes.Length;
            if (_keptBytes + size > MaxKeptBytes || !_resolved.Add(resolved.Hash))
            {
                return;
            }
            if (!isOnDisk)
            {
                _kept[resolved.Path] = resolved.AtermBytes;
                _keptBytes += size;
            }
            Index(hash, resolved.Path);
        }
    }

    /// <summary>
    /// Called under the lock. A derivation that is not as evaluating makes it shares its hash with the one that is, and builders who were made to build it have said nothing
    /// about the other: it is known by its path alone.
    /// </summary>
    void Index(ModuloHash hash, StorePath derivation)
    {
        var known = _byHash.GetValueOrDefault(hash.Digest, []);
        if (hash.IsUnambiguous && known.Length < MaxPerHash && !known.Contains(derivation))
        {
            _byHash[hash.Digest] = known.Add(derivation);
        }
    }

    /// <summary>
    /// What logs newly hold is taken note of at once, however shortly after the last look: a client that was told to come back after the first
    /// synchronisation comes back within the pause. The directory and the lists of caches are read again only after it.
    /// </summary>
    async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var isDue = _refreshed is not { } last || time.GetElapsedTime(last) >= s_pause;
        TakeNote(logged(), isLogged: true);
        if (isDue)
        {
            ReadDirectory(cancellationToken);
            TakeNote(cached(), isLogged: false);
        }
        var began = time.GetTimestamp();
        while (_new.Count > 0 && time.GetElapsedTime(began) < s_patience)
        {
            await FetchAsync(_new, cancellationToken);
        }
        if (isDue)
        {
            // Somebody may keep one only later, so those that are missing take turns.
            await FetchAsync(_missing, cancellationToken);
            _refreshed = time.GetTimestamp();
        }
    }

    void TakeNote(IEnumerable<ResolvedInputHash> hashes, bool isLogged)
    {
        foreach (var hash in hashes)
        {
            if (_listed.Count < MaxIndexed && _listed.Add(hash))
            {
                _new.Enqueue(new Listed(hash, isLogged));
            }
        }
    }

    /// <summary>One round of a queue. What is not found is missing.</summary>
    async Task FetchAsync(Queue<Listed> queue, CancellationToken cancellationToken)
    {
        var turns = Enumerable.Range(0, Math.Min(queue.Count, MaxFetchedAtOnce)).Select(_ => queue.Dequeue()).ToList();
        try
        {
            var found = await Task.WhenAll(
                turns.Select(turn =>
                    places.FindAsync(
                        turn.Hash,
                        aterm => DerivationFiles.TryRead(aterm, turn.Hash, out var resolved, out _) ? resolved : null,
                        cancellationToken
                    )
                )
            );
            for (var i = 0; i < found.Length; i++)
            {
                if (found[i] is { } resolved)
                {
                    // As long as a log holds claims about it, it is worth keeping: the place where it was found may not last.
                    Keep(resolved, turns[i].IsLogged && places.TryKeep(resolved));
                }
                else
                {
                    _missing.Enqueue(turns[i]);
                }
            }
        }
        catch
        {
            // Whoever asked went away: the next one goes on.
            turns.ForEach(_missing.Enqueue);
            throw;
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
                    Index(hash, path);
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

    /// <param name="IsLogged">A log of this node has claims about it.</param>
    readonly record struct Listed(ResolvedInputHash Hash, bool IsLogged);
}
