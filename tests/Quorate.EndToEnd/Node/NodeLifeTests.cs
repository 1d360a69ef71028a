using System.Text;
using Quorate.EndToEnd.Programs;
using Quorate.Sources.Control;

namespace Quorate.EndToEnd.Node;

/// <summary>How a node's process begins and ends, and what survives it.</summary>
public sealed class NodeLifeTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Submit_acknowledged_before_kill_is_in_the_log_after_restart()
    {
        using var folder = new TemporaryFolder();
        var home = await NodeProcess.PrepareAsync(folder, "alice");
        const int batches = 20;
        var acknowledged = new List<(string Key, ulong TreeSize)>();

        await using (var node = await NodeProcess.StartAsync(home))
        {
            for (var i = 0; i < batches; i++)
            {
                var outcome = await node.Control.SubmitAsync("alice", [Entry(i)], relayed: false, Cancellation);
                acknowledged.Add(($"key {i}", outcome.Value.TreeSize));
            }
            await node.Program.KillAsync();
        }

        await using var restarted = await NodeProcess.StartAsync(home);
        var entries = (await restarted.Control.EntriesAsync("alice", 0, batches - 1, Cancellation)).Value;
        Assert.Equal(acknowledged.Select(a => a.Key), entries.Select(e => e.Key));
        Assert.Equal((ulong)batches, (await restarted.Control.HeadAsync("alice", Cancellation)).Value.TreeSize);
    }

    [Fact]
    public async Task Submit_in_flight_at_kill_leaves_a_log_that_still_works()
    {
        using var folder = new TemporaryFolder();
        var home = await NodeProcess.PrepareAsync(folder, "alice");
        var acknowledged = 0UL;

        await using (var node = await NodeProcess.StartAsync(home))
        {
            await node.Control.SubmitAsync("alice", [Entry(-1)], relayed: false, Cancellation);
            var storm = Enumerable
                .Range(0, 64)
                .Select(async i =>
                {
                    try
                    {
                        var outcome = await node.Control.SubmitAsync("alice", [Entry(i)], relayed: false, Cancellation);
                        lock (folder)
                        {
                            acknowledged = Math.Max(acknowledged, outcome.Value.TreeSize);
                        }
                    }
                    catch (IOException)
                    {
                        // Not acknowledged: whether it is in the log is open.
                    }
                })
                .ToList();
            await Task.WhenAny(storm);
            await node.Program.KillAsync();
            await Task.WhenAll(storm);
        }

        await using var restarted = await NodeProcess.StartAsync(home);
        var after = await restarted.Control.SubmitAsync("alice", [Entry(1000)], relayed: false, Cancellation);
        Assert.True(after.Value.TreeSize > acknowledged, $"{after.Value.TreeSize} entries after {acknowledged} were acknowledged");
    }

    [Fact]
    public async Task Start_on_a_state_folder_in_use_is_refused_with_a_reason()
    {
        using var folder = new TemporaryFolder();
        var home = await NodeProcess.PrepareAsync(folder, "alice");
        await using var first = await NodeProcess.StartAsync(home);

        // Only the state folder is shared: the second process has listeners of its own.
        var text = await File.ReadAllTextAsync(Path.Combine(home, "quorate.yaml"), Cancellation);
        var second = Directory.CreateDirectory(folder["second"]).FullName;
        var other = text.Replace("state: state", $"state: {home}/state", StringComparison.Ordinal)
            .Replace(NodeProcess.SocketIn(home), NodeProcess.SocketIn(second), StringComparison.Ordinal)
            .Replace("path: node.key", $"path: {home}/node.key", StringComparison.Ordinal);
        other = string.Join('\n', other.Split('\n').Where(line => !line.Contains("listen:", StringComparison.Ordinal)));
        await File.WriteAllTextAsync(Path.Combine(second, "quorate.yaml"), other, Cancellation);
        await using var refused = NodeProcess.Launch(second);

        Assert.NotEqual(0, await refused.EndAsync());
        Assert.Contains("in use", refused.Output + refused.Errors, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0UL, (await first.Control.LogsAsync(Cancellation)).Value.Published.Single().TreeSize ?? 0);
    }

    [Fact]
    public async Task Terminate_ends_the_node_with_code_zero_and_removes_its_socket()
    {
        using var folder = new TemporaryFolder();
        await using var node = await NodeProcess.StartAsync(await NodeProcess.PrepareAsync(folder, "alice"));

        Assert.Equal(0, await node.Program.TerminateAsync());
        Assert.False(File.Exists(node.Socket));
    }

    static SubmitEntry Entry(int i) => new(Encoding.UTF8.GetBytes($"key {i}"), Encoding.UTF8.GetBytes($"value {i}"));
}
