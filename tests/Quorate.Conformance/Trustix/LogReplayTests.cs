using Quorate.Crypto;
using Quorate.Log;
using Quorate.Testing.Logs;
using Xunit;

namespace Quorate.Conformance.Trustix;

public sealed class LogReplayTests : TrustixReplayContract<PublishedLog>
{
    protected override Task<PublishedLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key) =>
        PublishedLog.OpenAsync(options, key, TestContext.Current.CancellationToken);
}
