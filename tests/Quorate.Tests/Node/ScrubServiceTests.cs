using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Log;
using Quorate.Node.Logs;
using Quorate.Testing;
using Quorate.Tests.Log;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class ScrubServiceTests
{
    [Fact]
    public async Task PassAsync_reads_a_log_when_its_time_has_come_and_counts_damage()
    {
        await using var node = await TestNode.StartAsync(
            """
            signers: { alice: { type: ed25519, path: alice.key } }
            publish: [{ name: alice, protocol: test, signer: alice }]
            """,
            new Dictionary<string, byte> { ["alice.key"] = 1 }
        );
        var published = node.Host.Context.Registry.Published.Single();
        await published.Log.SubmitAsync(
            [new SubmitItem("key"u8.ToArray(), Encoding.UTF8.GetBytes(new string('v', 1000)))],
            TestContext.Current.CancellationToken
        );
        var time = new ManualTime();
        await using var scrub = new ScrubService(
            () => node.Host.Context.Configuration,
            node.Directory,
            node.Host.Context.Registry,
            node.Host.Context.Metrics,
            time,
            NullLogger<ScrubService>.Instance
        );

        await scrub.PassAsync(long.MaxValue, TestContext.Current.CancellationToken);
        Assert.DoesNotContain("last_scrub_timestamp_seconds{", await MetricsAsync(node), StringComparison.Ordinal);

        time.Advance(TimeSpan.FromDays(7));
        await scrub.PassAsync(long.MaxValue, TestContext.Current.CancellationToken);
        var intact = await MetricsAsync(node);
        Assert.Contains("quorate_log_last_scrub_timestamp_seconds{log=\"alice\"} 1767830400", intact, StringComparison.Ordinal);
        Assert.Contains("quorate_log_damaged{log=\"alice\"} 0", intact, StringComparison.Ordinal);

        Flip(Directory.GetFiles(node.Directory, "*.wal", SearchOption.AllDirectories).Single());
        time.Advance(TimeSpan.FromDays(7));
        await scrub.PassAsync(long.MaxValue, TestContext.Current.CancellationToken);
        Assert.Contains("quorate_log_damaged{log=\"alice\"} 1", await MetricsAsync(node), StringComparison.Ordinal);
        Assert.Contains(
            published.Log.Identity.Id.Text,
            await File.ReadAllTextAsync(Path.Combine(node.Directory, "scrubbed"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
    }

    static Task<string> MetricsAsync(TestNode node) => node.Control.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

    static void Flip(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var at = RandomAccess.GetLength(file) - 10;
        var value = new byte[1];
        RandomAccess.Read(file, value, at);
        RandomAccess.Write(file, [(byte)(value[0] ^ 1)], at);
    }
}
