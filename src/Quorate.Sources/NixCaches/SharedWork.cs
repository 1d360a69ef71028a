namespace Quorate.Sources.NixCaches;

/// <summary>
/// Does each piece of work once for everybody who asks at the same time, and believes the result for a while. One caller's cancellation
/// does not stop the work for the others; the work limits its own time. Failures are not kept. Thread-safe.
/// </summary>
/// <param name="believedFor">How long a result is given out again; zero for results that only simultaneous callers share.</param>
/// <param name="maxEntries">Results kept; more push old ones out.</param>
public sealed class SharedWork<TKey, TResult>(
    Func<TKey, CancellationToken, Task<TResult>> work,
    Func<TResult, TimeSpan> believedFor,
    int maxEntries,
    TimeProvider time
) : IDisposable
    where TKey : notnull
{
    readonly Lock _lock = new();
    readonly Dictionary<TKey, Entry> _entries = [];
    readonly CancellationTokenSource _stopped = new();

    public async Task<TResult> GetAsync(TKey key, CancellationToken cancellationToken)
    {
        Entry entry;
        var started = false;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped.IsCancellationRequested, this);
            if (!_entries.TryGetValue(key, out entry!) || entry.IsOver(time.GetTimestamp()))
            {
                MakeRoom();
                entry = new Entry();
                _entries[key] = entry;
                started = true;
            }
        }
        if (started)
        {
            _ = RunAsync(key, entry);
        }
        return await entry.Result.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Forgets one result, so that the next caller has the work done anew.</summary>
    public void Forget(TKey key)
    {
        lock (_lock)
        {
            _entries.Remove(key);
        }
    }

    /// <summary>Forgets every result; work under way goes on for those who wait for it, and is not given to new callers.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _entries.Clear();
        }
    }

    public void Dispose()
    {
        // The source itself is left to the collector: work under way still holds its token.
        _stopped.Cancel();
    }

    async Task RunAsync(TKey key, Entry entry)
    {
        try
        {
            var result = await work(key, _stopped.Token);
            var until = time.GetTimestamp() + checked((long)(believedFor(result).TotalSeconds * time.TimestampFrequency));
            lock (_lock)
            {
                entry.Until = until;
            }
            entry.Result.SetResult(result);
        }
        catch (Exception e)
        {
            // Handed to the callers; the next one tries again.
            lock (_lock)
            {
                if (_entries.TryGetValue(key, out var current) && ReferenceEquals(current, entry))
                {
                    _entries.Remove(key);
                }
            }
            entry.Result.SetException(e);
            _ = entry.Result.Task.Exception;
        }
    }

    /// <summary>Called under the lock.</summary>
    void MakeRoom()
    {
        if (_entries.Count < maxEntries)
        {
            return;
        }
        var now = time.GetTimestamp();
        foreach (var (key, _) in _entries.Where(pair => pair.Value.IsOver(now)).ToList())
        {
            _entries.Remove(key);
        }
        if (_entries.Count >= maxEntries)
        {
            // Full of results that are still believed: drop those that end first, a quarter at a time, so that this stays rare.
            foreach (
                var (key, _) in _entries
                    .Where(pair => pair.Value.Until is not null)
                    .OrderBy(pair => pair.Value.Until)
                    .Take(maxEntries / 4 + 1)
                    .ToList()
            )
            {
                _entries.Remove(key);
            }
        }
    }

    sealed class Entry
    {
        public TaskCompletionSource<TResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Timestamp at which the result is no longer believed; null while the work is under way. Guarded by the lock.</summary>
        public long? Until { get; set; }

        public bool IsOver(long now) => Until is { } until && now >= until;
    }
}
