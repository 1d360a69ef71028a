using Quorate.Sources.NixCaches;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class SharedWorkTests
{
    [Fact]
    public async Task GetAsync_simultaneous_callers_share_one_run()
    {
        var result = new TaskCompletionSource<int>();
        var runs = 0;
        using var work = new SharedWork<string, int>(
            (_, _) =>
            {
                runs++;
                return result.Task;
            },
            _ => TimeSpan.Zero,
            maxEntries: 10,
            TimeProvider.System
        );
        var callers = Enumerable.Range(0, 5).Select(_ => work.GetAsync("a", CancellationToken.None)).ToArray();
        result.SetResult(7);
        Assert.All(await Task.WhenAll(callers), value => Assert.Equal(7, value));
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task GetAsync_result_is_believed_for_its_time_only()
    {
        var time = new ManualTime();
        var runs = 0;
        using var work = new SharedWork<string, int>((_, _) => Task.FromResult(++runs), _ => TimeSpan.FromSeconds(60), 10, time);
        Assert.Equal(1, await work.GetAsync("a", CancellationToken.None));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(1, await work.GetAsync("a", CancellationToken.None));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, await work.GetAsync("a", CancellationToken.None));
    }

    [Fact]
    public async Task GetAsync_failure_is_not_kept()
    {
        var runs = 0;
        using var work = new SharedWork<string, int>(
            (_, _) => ++runs == 1 ? Task.FromException<int>(new IOException("first")) : Task.FromResult(runs),
            _ => TimeSpan.FromHours(1),
            10,
            TimeProvider.System
        );
        await Assert.ThrowsAsync<IOException>(() => work.GetAsync("a", CancellationToken.None));
        Assert.Equal(2, await work.GetAsync("a", CancellationToken.None));
    }

    [Fact]
    public async Task GetAsync_cancelled_caller_does_not_stop_the_others()
    {
        var result = new TaskCompletionSource<int>();
        using var work = new SharedWork<string, int>((_, _) => result.Task, _ => TimeSpan.Zero, 10, TimeProvider.System);
        using var cancelled = new CancellationTokenSource();
        var first = work.GetAsync("a", cancelled.Token);
        var second = work.GetAsync("a", CancellationToken.None);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        result.SetResult(1);
        Assert.Equal(1, await second);
    }

    [Fact]
    public async Task GetAsync_many_keys_stay_within_the_limit()
    {
        var runs = 0;
        using var work = new SharedWork<int, int>((key, _) => Task.FromResult(++runs), _ => TimeSpan.FromHours(1), 8, new ManualTime());
        for (var key = 0; key < 100; key++)
        {
            await work.GetAsync(key, CancellationToken.None);
        }
        await work.GetAsync(0, CancellationToken.None);
        Assert.Equal(101, runs);
    }

    [Fact]
    public async Task GetAsync_heavy_results_push_others_out()
    {
        var runs = 0;
        using var work = new SharedWork<int, int>(
            (key, _) => Task.FromResult(++runs),
            _ => TimeSpan.FromHours(1),
            maxEntries: 8,
            new ManualTime(),
            weigh: _ => 5
        );
        await work.GetAsync(0, CancellationToken.None);
        await work.GetAsync(1, CancellationToken.None);
        await work.GetAsync(0, CancellationToken.None);
        Assert.Equal(3, runs);
    }

    [Fact]
    public async Task GetAsync_result_heavier_than_everything_together_is_given_out_but_not_kept()
    {
        var runs = 0;
        using var work = new SharedWork<int, int>(
            (key, _) => Task.FromResult(++runs),
            _ => TimeSpan.FromHours(1),
            maxEntries: 8,
            new ManualTime(),
            weigh: _ => 9
        );
        Assert.Equal(1, await work.GetAsync(0, CancellationToken.None));
        Assert.Equal(2, await work.GetAsync(0, CancellationToken.None));
    }
}
