using Quorate.Log;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Log;

/// <summary>Remotes that lie, drip or give too much: none of it costs an honest builder its log.</summary>
public sealed partial class MirroredLogTests
{
    [Fact]
    public async Task SyncAsync_with_junk_left_by_an_interrupted_lie_starts_over_and_succeeds()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var calls = 0;
        var liar = new ScriptedLogSource(log);
        liar.OnEntries = entries =>
        {
            liar.IsDown = ++calls == 2;
            return [.. entries.Select(e => Entry(e.Index, $"junk {e.Index}", e.ValueDigest))];
        };
        Assert.IsType<SyncOutcome.Failed>(await SyncAsync(mirror, liar));
        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, new ScriptedLogSource(log)));
        Assert.Equal(log.Head, mirror.Head);
        Assert.Empty(mirror.EntriesOf("junk 0"u8));
        Assert.Equal("value 0/3", await TextAsync(mirror, "0/3"));
    }

    [Fact]
    public async Task SyncAsync_with_a_liar_that_would_use_up_the_byte_limit_takes_the_honest_remote()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var padding = new string('x', 1000);
        var liar = new ScriptedLogSource(log, "http://liar.test")
        {
            OnEntries = entries => [.. entries.Select(e => Entry(e.Index, $"{padding}{e.Index}", e.ValueDigest))],
        };

        var outcome = await mirror
            .SyncAsync([liar, new ScriptedLogSource(log)], new(100, 15_000, 100), null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.IsType<SyncOutcome.Advanced>(outcome);
        Assert.Equal(("http://liar.test", "wrong-entries"), (outcome.Faults[0].Remote, outcome.Faults[0].Code));
        Assert.Equal(log.Head, mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_keeps_nothing_of_entries_that_are_not_in_the_signed_log()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var liar = new ScriptedLogSource(log)
        {
            OnEntries = entries => [.. entries.Select(e => Entry(e.Index, $"junk {e.Index}", e.ValueDigest))],
        };

        Assert.IsType<SyncOutcome.Failed>(await SyncAsync(mirror, liar));

        Assert.Equal(0, liar.ValueCalls);
        Assert.Empty(Directory.GetFiles(_mirror.Folder, "*.wal"));
    }

    [Fact]
    public async Task SyncAsync_with_a_remote_that_lies_late_keeps_what_it_gave_before()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var liar = new ScriptedLogSource(log)
        {
            OnEntries = entries => entries[0].Index < 20 ? entries : [.. entries.Select(e => Entry(e.Index, "junk", e.ValueDigest))],
        };
        var honest = new ScriptedLogSource(log);

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, liar, honest));

        Assert.Equal(1, honest.EntryCalls);
        Assert.Equal(log.Head, mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_with_a_remote_that_drips_entries_goes_on_with_the_next()
    {
        await using var log = await PublishAsync(30);
        var time = new ManualTime();
        await using var mirror = await OpenAsync(entriesPerCall: 2, time);
        var dripping = new ScriptedLogSource(log, "http://dripping.test")
        {
            OnEntries = entries =>
            {
                time.Advance(TimeSpan.FromSeconds(25));
                return entries;
            },
        };
        var quick = new ScriptedLogSource(log);

        var outcome = await SyncAsync(mirror, dripping, quick);

        Assert.IsType<SyncOutcome.Advanced>(outcome);
        Assert.Equal("slow", Assert.Single(outcome.Faults).Code);
        Assert.Equal((3, 12), (dripping.EntryCalls, quick.EntryCalls));
    }

    [Fact]
    public async Task SyncAsync_with_one_slow_remote_waits_for_it()
    {
        await using var log = await PublishAsync(30);
        var time = new ManualTime();
        await using var mirror = await OpenAsync(entriesPerCall: 2, time);
        var slow = new ScriptedLogSource(log)
        {
            OnEntries = entries =>
            {
                time.Advance(TimeSpan.FromSeconds(25));
                return entries;
            },
        };

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, slow));
    }

    [Fact]
    public async Task SyncAsync_with_a_remote_that_is_slow_with_values_takes_later_ones_from_the_next()
    {
        await using var log = await PublishAsync(30);
        var time = new ManualTime();
        await using var mirror = await OpenAsync(entriesPerCall: 2, time);
        var slow = new ScriptedLogSource(log, "http://slow.test")
        {
            OnValue = (_, value) =>
            {
                time.Advance(TimeSpan.FromSeconds(6));
                return value;
            },
        };
        var quick = new ScriptedLogSource(log);

        var outcome = await SyncAsync(mirror, slow, quick);

        Assert.IsType<SyncOutcome.Advanced>(outcome);
        Assert.Equal((16, 14), (slow.ValueCalls, quick.ValueCalls));
        Assert.Equal(("http://slow.test", "slow"), (outcome.Faults[0].Remote, outcome.Faults[0].Code));
        Assert.Equal(0UL, mirror.MissingValues);
    }

    [Fact]
    public async Task SyncAsync_after_the_byte_limit_was_raised_goes_on_where_it_stopped()
    {
        await using var log = await PublishAsync(30);
        await using var mirror = await OpenAsync(entriesPerCall: 10);
        var source = new ScriptedLogSource(log);
        var low = await mirror.SyncAsync([source], new(100, 300, 100), null, TestContext.Current.CancellationToken);
        Assert.Equal("limit", Assert.Single(Assert.IsType<SyncOutcome.Failed>(low).Faults).Code);
        var before = source.EntryCalls;

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, source));

        Assert.InRange(source.EntryCalls - before, 1, 2);
        Assert.Equal(log.Head, mirror.Head);
    }
}
