using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Postgres;
using Quorate.Testing.Logs;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

public sealed class PostgresLogContractTests() : FirstValueLogContract<SharedLog>(new PostgresLogs());

public sealed class PostgresClaimLogContractTests() : AllClaimsLogContract<SharedLog>(new PostgresLogs());

sealed class PostgresLogs : ILogOpener<SharedLog>
{
    PostgresSettings? _settings;

    public async Task<SharedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key)
    {
        _settings ??= await PostgresServer.NewSchemaAsync();
        var storage = await PostgresStorage.OpenAsync(_settings, options.Identity.Id, CancellationToken.None);
        return await SharedLog.OpenAsync(options, new SharedLogOptions(), key, storage, CancellationToken.None);
    }
}
