namespace Quorate.Tests.Decisions;

/// <summary>A clock that the test moves; timers fire when it passes them.</summary>
sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    readonly Lock _lock = new();
    readonly List<ManualTimer> _timers = [];
    readonly TaskCompletionSource[] _armed = [new(TaskCreationOptions.RunContinuationsAsynchronously)];
    DateTimeOffset _now = start;

    public override DateTimeOffset GetUtcNow() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Waits until something waits for a delay of at least this.</summary>
    public async Task TimerArmedAsync(TimeSpan due)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            Task armed;
            lock (_lock)
            {
                if (_timers.Exists(timer => timer.Due is { } at && at - _now == due))
                {
                    return;
                }
                armed = _armed[0].Task;
            }
            await armed.WaitAsync(limit.Token);
        }
    }

    public void Advance(TimeSpan by)
    {
        List<ManualTimer> due;
        lock (_lock)
        {
            _now += by;
            due = _timers.FindAll(timer => timer.Due <= _now);
            due.ForEach(timer => timer.Due = null);
        }
        due.ForEach(timer => timer.Fire());
    }

    sealed class ManualTimer(ManualTime time, Action fire) : ITimer
    {
        public DateTimeOffset? Due { get; set; }

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                Due = dueTime == Timeout.InfiniteTimeSpan ? null : time._now + dueTime;
                if (!time._timers.Contains(this))
                {
                    time._timers.Add(this);
                }
                var armed = time._armed[0];
                time._armed[0] = new(TaskCreationOptions.RunContinuationsAsynchronously);
                armed.SetResult();
            }
            return true;
        }

        public void Dispose()
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
