using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Tests.Gates;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>A binary cache in memory, with what Nix signed.</summary>
sealed class MemoryEntries(string name = "cache") : INixEntrySource
{
    readonly Dictionary<string, ISignedOutput> _entries = new(StringComparer.Ordinal);
    int _asked;

    public string Name => name;

    public int Asked => _asked;

    /// <summary>Whether it answers nothing at all.</summary>
    public bool IsDown { get; set; }

    /// <summary>What is under the name of an identifier, whatever it says.</summary>
    public void Put(DrvOutputId id, Realisation realisation) => _entries[id.CachePath] = realisation;

    public void Put(BuildTraceEntry entry) => _entries[entry.Key.CachePath] = entry;

    public MemoryEntries Realised(NixCacheSecretKey key, ResolvedDerivation resolved, string output, StorePath path)
    {
        var id = DrvOutputId.Of(resolved, output);
        Put(id, new Realisation(id, path).SignedBy(key));
        return this;
    }

    public MemoryEntries Traced(NixCacheSecretKey key, ResolvedDerivation resolved, string output, StorePath path)
    {
        Put(new BuildTraceEntry(new BuildTraceKey(resolved.Path, output), path).SignedBy(key));
        return this;
    }

    /// <summary>In the form of Nix up to 2.34, or of Nix since 2.35.</summary>
    public MemoryEntries Signed(bool isNew, NixCacheSecretKey key, ResolvedDerivation resolved, string output, StorePath path) =>
        isNew ? Traced(key, resolved, output, path) : Realised(key, resolved, output, path);

    /// <summary>Says what <c>top</c> was built to, whatever its input turned out to be.</summary>
    public MemoryEntries Unresolved(NixCacheSecretKey key, StorePath path)
    {
        Put(TraceScene.UnresolvedTopId, new Realisation(TraceScene.UnresolvedTopId, path).SignedBy(key));
        return this;
    }

    public Task<NixEntryLookup> FindAsync(DrvOutputId id, string storeDir, CancellationToken cancellationToken) => Find(id.CachePath);

    public Task<NixEntryLookup> FindAsync(BuildTraceKey key, CancellationToken cancellationToken) => Find(key.CachePath);

    Task<NixEntryLookup> Find(string path)
    {
        Interlocked.Increment(ref _asked);
        return Task.FromResult(
            IsDown ? new NixEntryLookup.Unavailable("it is down")
            : _entries.TryGetValue(path, out var entry) ? new NixEntryLookup.Found(entry)
            : NixEntryLookup.Absent
        );
    }
}
