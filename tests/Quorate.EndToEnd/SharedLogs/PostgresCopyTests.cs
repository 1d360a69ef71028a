using Quorate.Core;
using Quorate.Crypto;
using Quorate.EndToEnd.Programs;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Postgres;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

public sealed class PostgresCopyTests
{
    // Both sides of the comparison take buffers of this size from one pool.
    [Fact]
    public async Task OpenAsync_with_a_copy_whose_last_frame_is_large_finds_it_in_the_database()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var folder = new TemporaryFolder();
        using var key = Ed25519PrivateKey.Generate();
        var options = new PublishedLogOptions
        {
            Identity = new LogIdentity(Protocol.Test, key.PublicKey),
            Folder = folder["copy"],
            Origin = "shared.example/log",
        };
        var settings = await PostgresServer.NewSchemaAsync();
        LogHead head;
        await using (var log = await OpenAsync())
        {
            var items = Enumerable.Range(0, 30).Select(i => new SubmitItem(new byte[] { (byte)i }, new byte[50_000 + i]));
            head = (await log.SubmitAsync([.. items], cancellation)).Head;
        }
        await using var again = await OpenAsync();
        Assert.Equal(head, again.Head);

        async Task<SharedLog> OpenAsync()
        {
            var storage = await PostgresStorage.OpenAsync(settings, options.Identity.Id, cancellation);
            return await SharedLog.OpenAsync(options, new SharedLogOptions(), key, storage, cancellation);
        }
    }
}
