using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Testing.Logs;

namespace Quorate.Tests.Log;

public sealed class EmbeddedLogContractTests() : FirstValueLogContract<PublishedLog>(new EmbeddedLogs());

public sealed class EmbeddedClaimLogContractTests() : AllClaimsLogContract<PublishedLog>(new EmbeddedLogs());

public sealed class SharedLogContractTests() : FirstValueLogContract<SharedLog>(new SharedLogs());

public sealed class SharedClaimLogContractTests() : AllClaimsLogContract<SharedLog>(new SharedLogs());

sealed class EmbeddedLogs : ILogOpener<PublishedLog>
{
    public Task<PublishedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key) =>
        PublishedLog.OpenAsync(options, key, CancellationToken.None);
}

sealed class SharedLogs : ILogOpener<SharedLog>
{
    readonly MemoryDatabase _database = new();

    public Task<SharedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key) =>
        SharedLog.OpenAsync(options, new SharedLogOptions(), key, _database.Connect(), CancellationToken.None);
}
