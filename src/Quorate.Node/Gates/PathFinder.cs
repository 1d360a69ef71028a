using Quorate.Core;
using Quorate.Log;
using Quorate.Nix;
using Quorate.Node.Logs;
using Quorate.Sources.NixCaches;

namespace Quorate.Node.Gates;

/// <summary>
/// Finds the full paths that a hash part may stand for: Nix asks by hash alone, while claims are made about whole paths. A name found here
/// proves nothing; it only becomes a question to the trust model.
/// </summary>
sealed class PathFinder(LogRegistry logs, IReadOnlyList<SignedCache> caches, string storeDir, TimeProvider time)
{
    /// <summary>
    /// Paths decided for one request. Each source's first name goes before any source's second: an honest source has one name for a hash part, and
    /// one that invents many only crowds itself out.
    /// </summary>
    const int MaxCandidates = 16;

    const int MaxKeysPerLog = 64;

    /// <summary>A cache that takes longer to name the path contributes no name; the decision waits for its claim on its own terms.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public async Task<IReadOnlyList<StorePath>> FindAsync(string hashPart, UpstreamFiles upstreams, CancellationToken cancellationToken)
    {
        var named = new Dictionary<StorePath, Naming>();
        var answers = Task.WhenAll(caches.Select(cache => NameAsync(cache, hashPart, cancellationToken)));
        foreach (var view in Views())
        {
            Count(named, await NamesAsync(view, hashPart, cancellationToken));
        }
        foreach (var answer in await answers)
        {
            if (answer is not null)
            {
                Count(named, [answer]);
            }
        }
        foreach (var file in upstreams.Files)
        {
            Count(named, [file.Info.StorePath]);
        }
        return
        [
            .. named
                .Where(pair => pair.Key.StoreDir == storeDir && pair.Key.HashPart == hashPart)
                .OrderBy(pair => pair.Value.Rank)
                .ThenByDescending(pair => pair.Value.Sources)
                .ThenBy(pair => pair.Key)
                .Select(pair => pair.Key)
                .Take(MaxCandidates),
        ];
    }

    async Task<StorePath?> NameAsync(SignedCache cache, string hashPart, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await cache.LookupAsync(hashPart, cancellationToken).WaitAsync(s_patience, time, cancellationToken);
            return answer is SignedCacheAnswer.Signed signed ? signed.Claim.Path : null;
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    IEnumerable<ILogView> Views() =>
        logs
            .Published.Select(entry => (ILogView)entry.Log)
            .Concat(logs.Followed.Where(log => log.Mirror is not null).Select(log => log.Mirror!))
            .Where(view => view.Identity.Protocol == Protocol.Nix);

    static async Task<IReadOnlyCollection<StorePath>> NamesAsync(ILogView view, string hashPart, CancellationToken cancellationToken)
    {
        var names = new List<StorePath>();
        foreach (var key in view.KeysByStoreHash(hashPart).Take(MaxKeysPerLog))
        {
            if (NixKeyForms.TryPath(key.Span, out var path))
            {
                names.Add(path);
            }
        }
        // A legacy key holds no name; the claim under it does.
        foreach (var entry in view.EntriesOf(NixKeyForms.LegacyKey(hashPart)).Take(1))
        {
            if (
                await view.ValueAsync(entry.ValueDigest, cancellationToken) is { } value
                && NixClaim.TryParse(value.Span, out var claim, out _)
            )
            {
                names.Add(claim.Path);
            }
        }
        return names;
    }

    static void Count(Dictionary<StorePath, Naming> named, IEnumerable<StorePath> paths)
    {
        var rank = 0;
        foreach (var path in paths.Distinct())
        {
            var before = named.GetValueOrDefault(path, new Naming(rank, 0));
            named[path] = new Naming(Math.Min(before.Rank, rank), before.Sources + 1);
            rank++;
        }
    }

    /// <param name="Rank">How many names a source that names the path put before it, at the least.</param>
    readonly record struct Naming(int Rank, int Sources);
}
