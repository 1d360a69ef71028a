using Quorate.Core;
using Quorate.Log.Tiles;

namespace Quorate.Log.Mirroring;

/// <summary>The fast way to the same: remotes that give bundles are asked for those, and for single entries only beyond them.</summary>
sealed partial class SyncSession
{
    /// <summary>
    /// Stages entries from bundles, as far as the remote gives them; false when some do not belong to the offered head. A remote whose bundles fail is
    /// asked in the slow way for the rest.
    /// </summary>
    async Task<bool> FetchBundlesAsync(Offer offer, IBundledLogSource remote, CancellationToken cancellationToken)
    {
        var log = _options.Identity.Id;
        try
        {
            var sizes = await remote.BundledAsync(log, cancellationToken);
            var end = Math.Min(sizes?.Entries ?? 0, offer.Head.TreeSize);
            if (end <= _state.StagedSize)
            {
                return true;
            }
            var began = (Time: _options.Time.GetTimestamp(), Size: _state.StagedSize);
            var waited = TimeSpan.Zero;
            await using var fetcher = new BundleFetcher(remote, log, _state.StagedSize, end, _limits.MaxValueBytes, cancellationToken);
            while (true)
            {
                var asked = _options.Time.GetTimestamp();
                var batch = await fetcher.BatchAsync();
                waited += _options.Time.GetElapsedTime(asked);
                if (batch.Count == 0)
                {
                    return true;
                }
                if (!await StageAsync(offer, batch, cancellationToken))
                {
                    return false;
                }
                if (_remotes.Count > 1 && waited > s_patience + (_state.StagedSize - began.Size) * s_patiencePerEntry)
                {
                    throw new RemoteFaultException(
                        remote,
                        "slow",
                        $"{_state.StagedSize - began.Size} entries in {waited.TotalSeconds:0} s"
                    );
                }
            }
        }
        catch (LogSourceException e)
        {
            Report(new RemoteFault(remote.Remote, "unreachable", $"bundles: {e.Message}"));
            return true;
        }
    }

    async Task<bool> StageAsync(Offer offer, IReadOnlyList<FetchedBundle> batch, CancellationToken cancellationToken)
    {
        LogEntry[] entries = [.. batch.SelectMany(b => b.Entries)];
        ReadOnlyMemory<byte>?[] given = [.. batch.SelectMany(b => b.Values)];
        if (!await BelongAsync(offer, entries, cancellationToken))
        {
            return false;
        }
        if (batch.Select(b => b.WrongValue).FirstOrDefault(w => w is not null) is { } wrong)
        {
            Report(new RemoteFault(offer.Remote.Remote, "bad-value", $"bytes that do not hash to {wrong}"));
        }
        for (var done = 0; done < entries.Length; )
        {
            var rest = new ArraySegment<LogEntry>(entries, done, entries.Length - done);
            var wanted = WantedValues(rest);
            var missing = new List<Sha256Digest?>(wanted.Count);
            var anyMissing = false;
            for (var i = 0; i < wanted.Count; i++)
            {
                var isMissing = wanted[i] is not null && given[done + i] is null;
                missing.Add(isMissing ? wanted[i] : null);
                anyMissing |= isMissing;
            }
            // Long values, and those that this remote withholds or has wrong: one by one, from whoever has them.
            var fetched = anyMissing ? await _values.FetchAsync(missing, cancellationToken) : new ReadOnlyMemory<byte>?[wanted.Count];
            for (var i = 0; i < fetched.Length; i++)
            {
                fetched[i] ??= wanted[i] is null ? null : given[done + i];
            }
            CheckBytes(offer, rest, fetched);
            await _writer.AppendAsync(rest, fetched, CancellationToken.None);
            done += fetched.Length;
            _progress?.Report(new SyncProgress(_state.StagedSize, offer.Head.TreeSize, _state.Bytes));
        }
        return true;
    }

    /// <summary>
    /// The signed heads from number <paramref name="start"/> on, as far as the remote gives them: each is a leaf of the map-history log that somebody
    /// answers for. Empty where it gives none.
    /// </summary>
    async Task<List<LogHead>> HeadsAsync(Offer offer, ulong start, CancellationToken cancellationToken)
    {
        var heads = new List<LogHead>();
        if (offer.Remote is not IBundledLogSource remote)
        {
            return heads;
        }
        try
        {
            var log = _options.Identity.Id;
            var end = Math.Min((await remote.BundledAsync(log, cancellationToken))?.Heads ?? 0, offer.Head.MhTreeSize);
            while (start < end)
            {
                var index = start / TileNumber.FullWidth;
                var first = index * TileNumber.FullWidth;
                var width = (int)Math.Min(TileNumber.FullWidth, end - first);
                var bundle = await remote.HeadBundleAsync(log, new TileNumber(index, width), cancellationToken);
                if (!HeadRecordBundle.TryRead(bundle.Span, width, out var some))
                {
                    throw new LogSourceException($"it sent something else than the {width} heads from {first} on");
                }
                for (var i = (int)(start - first); i < width; i++)
                {
                    var head = some[i];
                    if (
                        head.MhTreeSize != first + (ulong)i + 1
                        || head.TreeSize > offer.Head.TreeSize
                        || !head.Verify(_options.Identity.Key).IsVerified
                    )
                    {
                        throw new LogSourceException($"head {first + (ulong)i} is not signed by the log, or stands in a wrong place");
                    }
                    heads.Add(head);
                }
                start = first + (ulong)width;
            }
        }
        catch (LogSourceException e)
        {
            Report(new RemoteFault(offer.Remote.Remote, "unreachable", $"heads: {e.Message}"));
        }
        return heads;
    }
}
