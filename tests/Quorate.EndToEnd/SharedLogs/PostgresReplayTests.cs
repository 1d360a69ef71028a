using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Postgres;
using Quorate.Testing.Logs;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

public sealed class PostgresReplayTests : TrustixReplayContract<SharedLog>
{
    protected override async Task<SharedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key)
    {
        var storage = await PostgresStorage.OpenAsync(await PostgresServer.NewSchemaAsync(), options.Identity.Id, CancellationToken.None);
        return await SharedLog.OpenAsync(options, new SharedLogOptions(), key, storage, CancellationToken.None);
    }
}
