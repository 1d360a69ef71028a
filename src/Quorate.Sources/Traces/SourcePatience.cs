namespace Quorate.Sources.Traces;

/// <summary>
/// How long one verification waits for a place in vain, all its lookups together. A closure is asked for level by level, so that a place that never answers would
/// cost every level its time-out. Only what failed counts: who answers slowly is waited for. Thread-safe.
/// </summary>
/// <param name="limit">Waited so long, the place is given up for good.</param>
/// <param name="told">Told once why it is given up.</param>
sealed class SourcePatience(TimeSpan limit, TimeProvider time, Action<string>? told)
{
    readonly Lock _lock = new();

    // The following two are guarded by the lock.
    TimeSpan _lost;
    long _lostUntil = long.MinValue;

    volatile string? _ended;

    /// <summary>Why nothing is asked of the place any more; null while it is.</summary>
    public string? Ended => _ended;

    /// <param name="began">The timestamp at which a lookup was sent that failed now. What is waited for at the same time is lost once.</param>
    public void Failed(long began, string reason)
    {
        string ended;
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var from = Math.Max(began, _lostUntil);
            _lostUntil = now;
            _lost += from < now ? time.GetElapsedTime(from, now) : TimeSpan.Zero;
            if (_ended is not null || _lost < limit)
            {
                return;
            }
            _ended = ended = $"given up after {_lost.TotalSeconds:0} s of waiting in vain: {reason}";
        }
        told?.Invoke(ended);
    }
}
