using Quorate.Sources.Control;

namespace Quorate.EndToEnd.SharedLogs;

/// <summary>Processes that share a log, under load, while the one that sequences it is taken away.</summary>
public sealed class FailoverTests
{
    const int Submitters = 12;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_sequencers_lose_nothing_acknowledged_and_fork_nothing()
    {
        await using var nodes = await SharedNodes.StartAsync(3);
        nodes.BeginLoad(Submitters);
        for (var round = 0; round < 3; round++)
        {
            await nodes.UntilAcknowledgedAsync(100);
            var sequencer = await nodes.SequencerAsync();
            await nodes.KillNodeAsync(sequencer);
            await nodes.UntilAcknowledgedAsync(100);
            await nodes.StartNodeAsync(sequencer);
        }
        await nodes.UntilAcknowledgedAsync(50);
        await AssertEverybodyServesEverythingAsync(nodes);
    }

    [Fact]
    public async Task Sequencer_stopped_past_its_lease_publishes_nothing_when_it_wakes()
    {
        await using var nodes = await SharedNodes.StartAsync(2);
        nodes.BeginLoad(Submitters);
        for (var round = 0; round < 2; round++)
        {
            await nodes.UntilAcknowledgedAsync(100);
            var stopped = await nodes.SequencerAsync();
            var epoch = await EpochAsync(nodes);
            await nodes.Nodes[stopped]!.Program.StopAsync();
            try
            {
                // The other one takes over, and acknowledges what this one may have been in the middle of. Few: whoever asks the stopped one waits.
                await nodes.UntilAcknowledgedAsync(20);
                Assert.NotEqual(stopped, await nodes.SequencerAsync());
                Assert.True(await EpochAsync(nodes) > epoch);
            }
            finally
            {
                await nodes.Nodes[stopped]!.Program.ContinueAsync();
            }
        }
        await nodes.UntilAcknowledgedAsync(50);
        await AssertEverybodyServesEverythingAsync(nodes);
    }

    [Fact]
    public async Task Database_that_is_gone_for_a_while_loses_nothing_and_ends_no_node()
    {
        await using var nodes = await SharedNodes.StartAsync(2);
        nodes.BeginLoad(Submitters);
        await nodes.UntilAcknowledgedAsync(100);
        for (var round = 0; round < 3; round++)
        {
            // Every connection but this one, some of them in the middle of a commit.
            await nodes.ExecuteAsync(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'quorated' AND pid <> pg_backend_pid()"
            );
            await nodes.UntilAcknowledgedAsync(100);
        }
        Assert.All(nodes.Nodes, n => Assert.False(n!.Program.HasEnded));
        await AssertEverybodyServesEverythingAsync(nodes);
    }

    static async Task AssertEverybodyServesEverythingAsync(SharedNodes nodes)
    {
        await nodes.EndLoadAsync();
        Assert.Empty(nodes.Broken);
        HeadInfo? common = null;
        for (var i = 0; i < nodes.Nodes.Count; i++)
        {
            var (head, entries) = await nodes.ServedByAsync(i);
            Assert.Equal(common ??= head, head);
            var byKey = entries.ToLookup(e => e.Key!, StringComparer.Ordinal);
            Assert.All(byKey, key => Assert.Single(key));
            Assert.All(nodes.Acknowledged, a => Assert.True(byKey[a.Key].Single().Index < a.Value, $"{a.Key} is not below {a.Value}"));
        }
        Assert.Equal((long)common!.MhTreeSize, await nodes.ExecuteAsync("SELECT count(DISTINCT frame) FROM quorate_frame"));
        Assert.Equal(0L, await nodes.ExecuteAsync("SELECT count(*) FROM quorate_submission"));
    }

    static async Task<long> EpochAsync(SharedNodes nodes) => (long)(await nodes.ExecuteAsync("SELECT epoch FROM quorate_log"))!;
}
