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
    /// <summary>Paths decided for one request. An honest path is named by several logs, so a log that invents names only crowds itself out.</summary>
    const int MaxCandidates = 16;

    const int MaxKeysPerLog = 64;

    /// <summary>A cache that takes longer to name the path contributes no name; the decision waits for its claim on its own terms.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public async Task<IReadOnlyList<StorePath>> FindAsync(string hashPart, UpstreamFiles upstreams, CancellationToken cancellationToken)
    {
        var namedBy = new Dictionary<StorePath, int>();
        var answers = Task.WhenAll(caches.Select(cache => NameAsync(cache, hashPart, cancellationToken)));
        foreach (var view in Views())
        {
            Count(namedBy, await NamesAsync(view, hashPart, cancellationToken));
        }
        foreach (var answer in await answers)
        {
            if (answer is not null)
            {
                Count(namedBy, [answer]);
            }
        }
        foreach (var file in upstreams.Files)
        {
            Count(namedBy, [file.Info.StorePath]);
        }
        return
        [
            .. namedBy
                .Where(pair => pair.Key.StoreDir == storeDir && pair.Key.HashPart == hashPart)
                .OrderByDescending(pair => pair.Value)
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
        var names = new HashSet<StorePath>();
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

    static void Count(Dictionary<StorePath, int> namedBy, IEnumerable<StorePath> paths)
    {
        foreach (var path in paths)
        {
            namedBy[path] = namedBy.GetValueOrDefault(path) + 1;
        }
    }
}
