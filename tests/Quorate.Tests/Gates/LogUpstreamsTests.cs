using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Node.Configuration;
using Quorate.Node.Gates;
using Quorate.Rpc.Messages;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class LogUpstreamsTests : IAsyncLifetime
{
    static readonly Ed25519PublicKey s_key = Ed25519PrivateKey.FromSeed(new byte[32]).PublicKey;

    LoopbackCache _remote = null!;

    public async ValueTask InitializeAsync() => _remote = await LoopbackCache.StartAsync();

    public ValueTask DisposeAsync() => _remote.DisposeAsync();

    [Fact]
    public async Task Upstream_of_the_followed_log_is_found_in_its_metadata()
    {
        Answer(Follow().Identity!.Id.Text, "https://bob.example/cache");
        var found = new TaskCompletionSource<IReadOnlyCollection<Uri>>();
        await using var upstreams = new LogUpstreams(
            [Follow()],
            TimeProvider.System,
            NullLogger.Instance,
            urls => found.TrySetResult(urls)
        );
        Assert.Equal([new Uri("https://bob.example/cache")], await found.Task.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData(false, "https://bob.example/cache")]
    [InlineData(true, "s3://bucket")]
    [InlineData(true, "not a url")]
    [InlineData(true, null)]
    public async Task Other_metadata_names_no_upstream(bool sameLog, string? upstream)
    {
        Answer(sameLog ? Follow().Identity!.Id.Text : new string('0', 64), upstream);
        var time = new WatchedTime();
        var calls = 0;
        await using (new LogUpstreams([Follow()], time, NullLogger.Instance, _ => calls++))
        {
            // The pause after the first round begins only when the answer has been judged.
            await time.Paused.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        Assert.Equal(0, calls);
    }

    FollowSection Follow() =>
        new()
        {
            Name = "bob",
            Builder = "bob",
            Protocol = Protocol.Nix,
            Key = s_key,
            Remotes = [_remote.Url],
            UseUpstream = true,
        };

    void Answer(string logId, string? upstream)
    {
        var log = new Quorate.Rpc.Messages.Log
        {
            LogID = logId,
            Mode = Quorate.Rpc.Messages.Log.Types.LogModes.Log,
            Protocol = Protocol.Nix.Id,
            Signer = new LogSigner { KeyType = LogSigner.Types.KeyTypes.Ed25519, Public = s_key.ToString() },
        };
        if (upstream is not null)
        {
            log.Meta["upstream"] = upstream;
        }
        _remote.Put("trustix_api.v1.NodeAPI/Logs", new LogsResponse { Logs = { log } }.ToByteArray(), "application/proto");
    }

    sealed class WatchedTime : TimeProvider
    {
        public TaskCompletionSource Paused { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Paused.TrySetResult();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
