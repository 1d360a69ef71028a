namespace Quorate.Tests.Cli;

/// <summary>The real time of day, and timers that end when a test says so and never before.</summary>
sealed class BudgetTime : TimeProvider
{
    readonly List<Action> _timers = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_timers)
        {
            _timers.Add(() => callback(state));
        }
        return new Silent();
    }

    /// <summary>All timers that were made so far end now.</summary>
    public void Expire()
    {
        Action[] timers;
        lock (_timers)
        {
            timers = [.. _timers];
            _timers.Clear();
        }
        foreach (var timer in timers)
        {
            timer();
        }
    }

    sealed class Silent : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() { }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
