namespace Quorate.Sources.NixCaches;

/// <summary>
/// Does each piece of work once for everybody who asks at the same time, and believes the result for a while. One caller's cancellation
/// does not stop the work for the others; the work limits its own time. Failures are not kept. Thread-safe.
/// </summary>
/// <param name="believedFor">How long a result is given out again; zero for results that only simultaneous callers share.</param>
/// <param name="maxEntries">Results kept, counted by <paramref name="weigh"/>; more push old ones out.</param>
/// <param name="weigh">How many ordinary results one is as large as; null when all are alike. Results come from strangers and may be huge.</param>
public sealed class SharedWork<TKey, TResult>(
    Func<TKey, CancellationToken, Task<TResult>> work,
    Func<TResult, TimeSpan> believedFor,
    int maxEntries,
    TimeProvider time,
    Func<TResult, int>? weigh = null
) : IDisposable
    where TKey : notnull
{
    readonly Lock _lock = new();
    readonly Dictionary<TKey, Entry> _entries = [];
    readonly CancellationTokenSource _stopped = new();

    /// <summary>Sum over the entries. Guarded by the lock.</summary>
    long _weight;

    public async Task<TResult> GetAsync(TKey key, CancellationToken cancellationToken)
    {
        Entry entry;
        var started = false;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped.IsCancellationRequested, this);
            if (!_entries.TryGetValue(key, out entry!) || entry.IsOver(time.GetTimestamp()))
            {
                Remove(key);
                MakeRoom();
                entry = new Entry();
                _entries[key] = entry;
                _weight += entry.Weight;
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
            Remove(key);
        }
    }

    /// <summary>Forgets every result; work under way goes on for those who wait for it, and is not given to new callers.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _entries.Clear();
            _weight = 0;
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
            Keep(key, entry, result);
            entry.Result.SetResult(result);
        }
        catch (Exception e)
        {
            // Handed to the callers; the next one tries again.
            lock (_lock)
            {
                RemoveIfCurrent(key, entry);
            }
            entry.Result.SetException(e);
            _ = entry.Result.Task.Exception;
        }
    }

    void Keep(TKey key, Entry entry, TResult result)
    {
        var lifetime = believedFor(result);
        var weight = Math.Max(1, weigh?.Invoke(result) ?? 1);
        lock (_lock)
        {
            entry.Until = time.GetTimestamp() + checked((long)(lifetime.TotalSeconds * time.TimestampFrequency));
            if (!RemoveIfCurrent(key, entry) || lifetime <= TimeSpan.Zero || weight > maxEntries)
            {
                return;
            }
            _entries[key] = entry;
            entry.Weight = weight;
            _weight += weight;
            MakeRoom();
        }
    }

    /// <summary>Called under the lock.</summary>
    bool RemoveIfCurrent(TKey key, Entry entry) =>
        _entries.TryGetValue(key, out var current) && ReferenceEquals(current, entry) && Remove(key);

    /// <summary>Called under the lock.</summary>
    bool Remove(TKey key)
    {
        if (!_entries.Remove(key, out var entry))
        {
            return false;
        }
        _weight -= entry.Weight;
        return true;
    }

    /// <summary>Called under the lock.</summary>
    void MakeRoom()
    {
        if (_weight < maxEntries)
        {
            return;
        }
        var now = time.GetTimestamp();
        foreach (var (key, _) in _entries.Where(pair => pair.Value.IsOver(now)).ToList())
        {
            Remove(key);
        }
        if (_weight >= maxEntries)
        {
            // Full of results that are still believed: drop those that end first, a quarter at a time, so that this stays rare.
            var enough = _weight - maxEntries / 4 - 1;
            foreach (var (key, _) in _entries.Where(pair => pair.Value.Until is not null).OrderBy(pair => pair.Value.Until).ToList())
            {
                if (_weight <= enough)
                {
                    break;
                }
                Remove(key);
            }
        }
    }

    sealed class Entry
    {
        public TaskCompletionSource<TResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Timestamp at which the result is no longer believed; null while the work is under way. Guarded by the lock.</summary>
        public long? Until { get; set; }

        /// <summary>One while the work is under way. Guarded by the lock.</summary>
        public int Weight { get; set; } = 1;

        public bool IsOver(long now) => Until is { } until && now >= until;
    }
}
