using Quorate.Log.Tiles;

namespace Quorate.Log.Mirroring;

/// <summary>
/// Fetches entries and values of one remote by bundles, several in flight, in order. What waits in memory is bounded: a few bundles, each of a size
/// that its format bounds.
/// </summary>
sealed class BundleFetcher : IAsyncDisposable
{
    /// <summary>Bundles asked for ahead. Each may be 32 MiB with its values, and is about 100 KiB for claims of builds.</summary>
    const int InFlight = 6;

    /// <summary>Once this many bytes wait, only one bundle more is asked for at a time.</summary>
    const long Budget = 32 << 20;

    /// <summary>Entries that are checked and written together.</summary>
    const int BatchEntries = 1 << 14;

    readonly IBundledLogSource _remote;
    readonly LogId _log;
    readonly int _maxValueBytes;
    readonly ulong _end;
    readonly CancellationTokenSource _stop;
    readonly Queue<Task<FetchedBundle>> _asked = new();
    ulong _next;
    long _lastBytes;

    /// <param name="start">The first entry that is wanted.</param>
    /// <param name="end">Behind the last one.</param>
    internal BundleFetcher(
        IBundledLogSource remote,
        LogId log,
        ulong start,
        ulong end,
        int maxValueBytes,
        CancellationToken cancellationToken
    )
    {
        (_remote, _log, _next, _end, _maxValueBytes) = (remote, log, start, end, maxValueBytes);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>The next entries: some thousands, or what is left; none at the end.</summary>
    /// <exception cref="LogSourceException">The remote failed, or gave no bundles.</exception>
    internal async Task<IReadOnlyList<FetchedBundle>> BatchAsync()
    {
        var batch = new List<FetchedBundle>();
        var (entries, bytes) = (0, 0L);
        while (entries < BatchEntries && bytes < Budget)
        {
            Ask();
            if (!_asked.TryDequeue(out var task))
            {
                break;
            }
            var bundle = await task;
            batch.Add(bundle);
            entries += bundle.Entries.Length;
            bytes += bundle.Bytes;
            _lastBytes = bundle.Bytes;
        }
        // The next ones come while these are checked and written.
        Ask();
        return batch;
    }

    /// <summary>Waits for what is in flight: it uses the remote.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_asked).ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    void Ask()
    {
        while (_next < _end && _asked.Count < InFlight && (_asked.Count == 0 || _asked.Count * _lastBytes < Budget))
        {
            var (index, skip) = (_next / TileNumber.FullWidth, (int)(_next % TileNumber.FullWidth));
            var first = index * TileNumber.FullWidth;
            var width = (int)Math.Min(TileNumber.FullWidth, _end - first);
            _asked.Enqueue(Task.Run(() => FetchAsync(new TileNumber(index, width), skip), _stop.Token));
            _next = first + (ulong)width;
        }
    }

    async Task<FetchedBundle> FetchAsync(TileNumber number, int skip)
    {
        var values = _remote.ValueBundleAsync(_log, number, _stop.Token);
        var entries = await _remote.EntryBundleAsync(_log, number, _stop.Token);
        return FetchedBundle.Parse(number.Index * TileNumber.FullWidth, number.Width, skip, entries, await values, _maxValueBytes);
    }
}
