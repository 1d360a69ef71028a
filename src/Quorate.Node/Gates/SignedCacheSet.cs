using System.Collections.Immutable;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Node.Configuration;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Gates;

/// <summary>
/// The signed caches of the running configuration. An entry that a reload leaves as it was keeps its object, and so its connections and what
/// it has in memory. Not thread-safe: start and reload call it, one at a time.
/// </summary>
/// <param name="folder"><c>caches</c> in the state directory; each cache keeps its claims in a folder below it.</param>
public sealed class SignedCacheSet(string folder, TimeProvider time) : IDisposable
{
    ImmutableDictionary<Entry, SignedCache> _open = ImmutableDictionary<Entry, SignedCache>.Empty;

    /// <summary>One per <c>follow</c> entry with a cache, in the file's order. What is no longer configured is closed.</summary>
    /// <exception cref="FormatException">A cache's URL is not one that a binary cache can have.</exception>
    public IReadOnlyList<SignedCache> Apply(NodeConfiguration configuration)
    {
        var storeDir = configuration.NixGate?.StoreDir ?? StorePath.DefaultStoreDir;
        var next = ImmutableDictionary.CreateBuilder<Entry, SignedCache>();
        var caches = new List<SignedCache>();
        foreach (var follow in configuration.Follow)
        {
            if (follow.Cache is { } section)
            {
                var entry = new Entry(
                    follow.Name,
                    follow.Builder,
                    section.Url,
                    new NixCachePublicKey(section.KeyName, section.Key),
                    storeDir
                );
                var cache = _open.TryGetValue(entry, out var open) ? open : Open(entry);
                next[entry] = cache;
                caches.Add(cache);
            }
        }
        var before = _open;
        _open = next.ToImmutable();
        foreach (var (entry, cache) in before)
        {
            if (!_open.ContainsKey(entry))
            {
                cache.Dispose();
            }
        }
        return caches;
    }

    public void Dispose()
    {
        foreach (var cache in _open.Values)
        {
            cache.Dispose();
        }
        _open = _open.Clear();
    }

    SignedCache Open(Entry entry) =>
        new(
            entry.Name,
            entry.Builder,
            new BinaryCacheClient(BinaryCacheAddress.Create(entry.Url), time),
            entry.Key,
            entry.StoreDir,
            Path.Combine(folder, FolderName(entry.Name)),
            time
        );

    /// <summary>A name from the configuration as a single, ordinary file name.</summary>
    static string FolderName(string name) => "cache-" + Uri.EscapeDataString(name);

    sealed record Entry(string Name, string Builder, Uri Url, NixCachePublicKey Key, string StoreDir);
}
