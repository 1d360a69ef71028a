using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Sharing;
using Quorate.Testing.Logs;

namespace Quorate.Tests.Log;

public sealed class EmbeddedLogContractTests : PublishedLogContract<PublishedLog>
{
    protected override Task<PublishedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key) =>
        PublishedLog.OpenAsync(options, key, CancellationToken.None);
}

public sealed class SharedLogContractTests : PublishedLogContract<SharedLog>
{
    readonly MemoryDatabase _database = new();

    protected override Task<SharedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key) =>
        SharedLog.OpenAsync(options, new SharedLogOptions(), key, _database.Connect(), CancellationToken.None);
}
