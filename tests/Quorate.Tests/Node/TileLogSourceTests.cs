using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Sources.Connect;
using Quorate.Sources.Tiles;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Node;

/// <summary>Bundles over HTTP from a node of ours.</summary>
public sealed class TileLogSourceTests
{
    const string Configuration = """
        signers:
          key: { path: "{dir}/key" }
        publish:
          - { name: alice, protocol: test, signer: key, origin: log.example/alice }
        """;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Mirror_of_a_node_is_made_of_bundles()
    {
        await using var node = await TestNode.StartAsync(Configuration, new Dictionary<string, byte> { ["key"] = 1 });
        await node.SubmitAsync("alice", [.. Enumerable.Range(0, 700).Select(i => ($"key {i}", $"value {i}"))]);
        var published = node.Host.Context.Registry.Published[0].Log;
        var folder = Directory.CreateTempSubdirectory("qm-");
        try
        {
            await using var mirror = await MirroredLog.OpenAsync(
                new MirroredLogOptions { Identity = published.Identity, Folder = Path.Combine(folder.FullName, "log") },
                Token
            );
            using var client = new ConnectClient(ConnectAddress.Parse(node.PublicUrl.ToString()));
            using var source = new TileLogSource(client.Address, new ConnectLogSource(client), new ConnectClientOptions());

            var outcome = await mirror.SyncAsync([source], MirrorLimits.Default, null, Token);

            Assert.Empty(Assert.IsType<SyncOutcome.Advanced>(outcome).Faults);
            Assert.Equal(published.Head, mirror.Head);
            Assert.Equal(0UL, mirror.MissingValues);
            using var metrics = await node.Control.GetAsync("/metrics", Token);
            var text = await metrics.Content.ReadAsStringAsync(Token);
            Assert.Contains("route=\"/logs/{id}/values/{**number}\",status=\"200\"", text, StringComparison.Ordinal);
            Assert.DoesNotContain("NodeAPI/GetValue", text, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task BundledAsync_of_a_log_that_the_node_does_not_publish_is_null()
    {
        await using var node = await TestNode.StartAsync(Configuration, new Dictionary<string, byte> { ["key"] = 1 });
        using var client = new ConnectClient(ConnectAddress.Parse(node.PublicUrl.ToString()));
        using var source = new TileLogSource(client.Address, new ConnectLogSource(client), new ConnectClientOptions());
        var other = new LogIdentity(Protocol.Nix, node.Host.Context.Registry.Published[0].Log.Identity.Key);
        Assert.Null(await source.BundledAsync(other.Id, Token));
    }

    [Theory]
    [InlineData("""{"treeSize":3,"mhTreeSize":4}""", true)]
    [InlineData("""{"treeSize":3}""", false)]
    [InlineData("""{"treeSize":-3,"mhTreeSize":4}""", false)]
    [InlineData("""{"treeSize":18446744073709551615,"mhTreeSize":4}""", false)]
    [InlineData("""{"treeSize":"3","mhTreeSize":4}""", false)]
    [InlineData("[]", false)]
    [InlineData("", false)]
    public void ReadSizes_takes_two_sizes_and_nothing_else(string json, bool good) =>
        Assert.Equal(good ? new BundledSizes(3, 4) : null, TileLogSource.ReadSizes(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void ReadSizes_of_any_bytes_never_throws() =>
        Prop.ForAll<byte[]>(bytes => TileLogSource.ReadSizes(bytes) is null || bytes.Length > 0).QuickCheckThrowOnFailure();
}
