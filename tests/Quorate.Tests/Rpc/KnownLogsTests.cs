using System.Net;
using System.Reflection;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Tokens;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using Quorate.Sources.Connect;
using Quorate.Testing.Logs;
using Quorate.Testing.Rpc;
using Quorate.Trust;
using Xunit;
using KeyValuePair = Quorate.Rpc.Messages.KeyValuePair;
using LogHead = Quorate.Log.LogHead;

namespace Quorate.Tests.Rpc;

/// <summary>The private services: followed logs, decisions, and who may see them.</summary>
public sealed class KnownLogsTests : IAsyncLifetime
{
    static readonly byte[] Key = "key"u8.ToArray();

    readonly LogRegistry _registry = new();
    TemporaryLog _mine = null!;
    TemporaryLog _theirs = null!;
    Followed _mirrored = null!;
    Followed _queried = null!;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _mine = await TemporaryLog.OpenAsync(Protocol.Test, Ed25519PrivateKey.Generate());
        _theirs = await TemporaryLog.OpenAsync(Protocol.Test, Ed25519PrivateKey.Generate());
        await _theirs.Log.SubmitAsync([new SubmitItem(Key, "theirs"u8.ToArray())], Token);
        _mirrored = new Followed("bob", _theirs.Log.Identity, _theirs.Log);
        _queried = new Followed("carol", new LogIdentity(Protocol.Test, Ed25519PrivateKey.Generate().PublicKey), null);
        _registry.Replace([_mine.Entry("alice")], [_mirrored, _queried]);
    }

    public async ValueTask DisposeAsync()
    {
        await _mine.DisposeAsync();
        await _theirs.DisposeAsync();
    }

    [Fact]
    public async Task Public_surface_does_not_tell_a_followed_log_from_an_unknown_one()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Public);
        var id = _theirs.Log.Identity.Id.Text;
        var unknown = new string('0', 64);

        var followed = await FaultAsync(host, TrustixMethods.LogApi.GetHead, new LogHeadRequest { LogID = id });
        var other = await FaultAsync(host, TrustixMethods.LogApi.GetHead, new LogHeadRequest { LogID = unknown });

        Assert.Equal((RpcCode.NotFound, $"Log with ID '{id}' is not published"), (followed.Code, followed.Message));
        Assert.Equal((RpcCode.NotFound, $"Log with ID '{unknown}' is not published"), (other.Code, other.Message));
    }

    [Fact]
    public async Task Public_surface_lists_only_published_logs()
    {
        var logs = await CallAsync(RpcSurface.Public, TrustixMethods.NodeApi.Logs, new LogsRequest());
        Assert.Equal([_mine.Log.Identity.Id.Text], logs.Logs.Select(l => l.LogID));
    }

    [Fact]
    public async Task Public_surface_does_not_give_a_mirrors_values()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Public);
        Assert.Equal(RpcCode.NotFound, (await FaultAsync(host, TrustixMethods.NodeApi.GetValue, Theirs())).Code);
    }

    [Fact]
    public async Task Control_surface_lists_all_logs()
    {
        var logs = await CallAsync(RpcSurface.Control, TrustixMethods.RpcApi.Logs, new LogsRequest());
        Assert.Equal([_mine.Log.Identity.Id.Text, _mirrored.Identity.Id.Text, _queried.Identity.Id.Text], logs.Logs.Select(l => l.LogID));
    }

    [Fact]
    public async Task Control_surface_gives_a_mirrors_values() =>
        Assert.Equal("theirs", (await CallAsync(RpcSurface.Control, TrustixMethods.RpcApi.GetValue, Theirs())).Value.ToStringUtf8());

    [Fact]
    public async Task Control_surface_gives_a_mirrors_head_and_entries()
    {
        var id = _theirs.Log.Identity.Id.Text;
        var head = await CallAsync(RpcSurface.Control, TrustixMethods.LogRpc.GetHead, new LogHeadRequest { LogID = id });
        var entries = await CallAsync(
            RpcSurface.Control,
            TrustixMethods.LogRpc.GetLogEntries,
            new GetLogEntriesRequest
            {
                LogID = id,
                Start = 0,
                Finish = 0,
            }
        );
        Assert.Equal(1UL, head.TreeSize);
        Assert.Equal(Key, Assert.Single(entries.Leaves).Key.ToByteArray());
    }

    [Fact]
    public async Task Log_that_was_never_synchronised_is_unavailable()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control);
        var request = new LogHeadRequest { LogID = _queried.Identity.Id.Text };
        Assert.Equal(RpcCode.Unavailable, (await FaultAsync(host, TrustixMethods.LogRpc.GetHead, request)).Code);
    }

    [Fact]
    public async Task Followed_log_cannot_be_written()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control);
        var request = new FlushRequest { LogID = _theirs.Log.Identity.Id.Text };
        Assert.Equal(RpcCode.NotFound, (await FaultAsync(host, TrustixMethods.LogRpc.Flush, request)).Code);
    }

    [Fact]
    public async Task Decide_names_supporters_other_meanings_and_misses()
    {
        // Alice supports, Bob means something else, Carol could not be heard.
        var accepted = Said("alice", _mine.Log.Identity.Id, "agreed", ClaimOrigin.LoggedBuilt);
        var dissent = Said("bob", _mirrored.Identity.Id, "other", ClaimOrigin.LoggedBuilt);
        var decision = new Decision(
            Verdict.Accepted,
            accepted.Evidence,
            ["alice"],
            33,
            [accepted, dissent, new Testimony.Unavailable("carol", "down")],
            [],
            "rule"
        );

        var answer = await DecideAsync(decision);

        Assert.Equal([_mine.Log.Identity.Id.Text], answer.Decision.LogIDs);
        Assert.Equal(("agreed", 33), (answer.Decision.Value.ToStringUtf8(), answer.Decision.Confidence));
        Assert.Equal(Sha256Digest.HashData(answer.Decision.Value.Span).ToArray(), answer.Decision.Digest.ToByteArray());
        Assert.Equal([_mirrored.Identity.Id.Text], answer.Mismatches.Select(m => m.LogID));
        Assert.Equal([_queried.Identity.Id.Text], answer.Misses);
    }

    [Fact]
    public async Task Decide_gives_a_logs_value_where_a_cache_was_the_first_supporter()
    {
        var cache = Said("nixos", null, "narinfo", ClaimOrigin.SignedCache, meaning: "agreed");
        var log = Said("alice", _mine.Log.Identity.Id, "agreed", ClaimOrigin.LoggedBuilt);
        var decision = new Decision(Verdict.Accepted, cache.Evidence, ["nixos", "alice"], 100, [cache, log], [], "rule");

        Assert.Equal("agreed", (await DecideAsync(decision)).Decision.Value.ToStringUtf8());
    }

    [Theory]
    [InlineData(Verdict.Rejected, true, RpcCode.FailedPrecondition, "rejected: too few")]
    [InlineData(Verdict.Inconclusive, true, RpcCode.FailedPrecondition, "inconclusive: too few")]
    [InlineData(Verdict.Inconclusive, false, RpcCode.NotFound, "No outputs found for input: too few")]
    public async Task Decide_without_acceptance_is_a_typed_error_with_reasons(Verdict verdict, bool heard, RpcCode code, string message)
    {
        IReadOnlyList<Testimony> testimonies = heard
            ? [Said("bob", _mirrored.Identity.Id, "x", ClaimOrigin.LoggedBuilt)]
            : [new Testimony.Silent("bob")];
        var decision = new Decision(verdict, null, [], 0, testimonies, ["too few"], "rule");
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control, new Fixed(decision));

        var fault = await FaultAsync(host, TrustixMethods.RpcApi.Decide, DecideRequest());

        Assert.Equal((code, message), (fault.Code, fault.Message));
    }

    [Fact]
    public async Task Overloaded_log_asks_to_come_back()
    {
        var log = Overloaded.Wrap(_mine.Log);
        var registry = new LogRegistry();
        registry.Replace([_mine.Entry("alice") with { Log = log }], []);
        await using var host = await TrustixHost.StartAsync(registry, RpcSurface.Control);
        var request = new SubmitRequest { LogID = log.Identity.Id.Text };
        request.Items.Add(new KeyValuePair { Key = ByteString.Empty, Value = ByteString.Empty });

        var answer = (
            await RawHttp.ExchangeAsync(
                host.Uri,
                RawHttp.Post(TrustixMethods.LogRpc.Submit.Procedure, "application/proto", request.ToByteArray()),
                answers: 1
            )
        )[0];

        Assert.Equal((429, "1"), (answer.Status, answer.Header("Retry-After")));
    }

    [Theory]
    [InlineData("192.0.2.1", "http", false, false)]
    [InlineData("192.0.2.1", "https", false, true)]
    [InlineData("192.0.2.1", "http", true, true)]
    [InlineData("127.0.0.1", "http", false, true)]
    [InlineData("::1", "http", false, true)]
    [InlineData(null, "http", false, true)]
    public void Write_token_over_cleartext_from_elsewhere_is_refused(string? peer, string scheme, bool allowed, bool taken)
    {
        using var token = TrustixToken.Generate("ci");
        var settings = new NodeSection
        {
            State = "/nonexistent",
            Control = "unix:///nonexistent/control.socket",
            Tokens = [new TokenSection(token.Name, token.PublicToken.Key, [])],
            AllowCleartextTokens = allowed,
        };
        var guard = new SurfaceGuard(RpcSurface.Public, () => settings);
        var context = new DefaultHttpContext();
        context.Request.Scheme = scheme;
        context.Connection.RemoteIpAddress = peer is null ? null : IPAddress.Parse(peer);
        context.Request.Headers[TrustixToken.HeaderName] = token.Header(TrustixMethods.LogRpc.Submit.Procedure);

        var fault = Record.Exception(() => guard.Authorize(context, TrustixMethods.LogRpc.Submit, writes: true));

        Assert.Equal(taken ? null : RpcCode.PermissionDenied, (fault as RpcException)?.Code);
    }

    static Testimony.Given Said(string builder, LogId? log, string value, ClaimOrigin origin, string? meaning = null)
    {
        var raw = new RawEvidence(System.Text.Encoding.UTF8.GetBytes(value));
        var outputs = OutputMap.Single("out", new Output(Sha256Digest.HashData(System.Text.Encoding.UTF8.GetBytes(meaning ?? value))));
        var claim = new Claim(new BuildInput(Protocol.Test, Key), outputs, builder, origin, raw);
        var position = log is { } id ? new LogPosition(id.Text, 0, 1) : null;
        return new Testimony.Given(builder, new Evidence(claim, position, DateTimeOffset.UnixEpoch, []));
    }

    async Task<DecisionResponse> DecideAsync(Decision decision)
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control, new Fixed(decision));
        using var client = new ConnectClient(ConnectAddress.Parse(host.Url));
        return await client.CallAsync(TrustixMethods.RpcApi.Decide, DecideRequest(), Token);
    }

    async Task<TResponse> CallAsync<TRequest, TResponse>(RpcSurface surface, RpcMethod<TRequest, TResponse> method, TRequest request)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        await using var host = await TrustixHost.StartAsync(_registry, surface);
        using var client = new ConnectClient(ConnectAddress.Parse(host.Url));
        return await client.CallAsync(method, request, Token);
    }

    static async Task<RpcException> FaultAsync<TRequest, TResponse>(
        TrustixHost host,
        RpcMethod<TRequest, TResponse> method,
        TRequest request
    )
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        using var client = new ConnectClient(ConnectAddress.Parse(host.Url));
        return await Assert.ThrowsAsync<RpcException>(() => client.CallAsync(method, request, Token));
    }

    static DecideRequest DecideRequest() => new() { Key = ByteString.CopyFrom(Key), Protocol = "test" };

    static ValueRequest Theirs() => new() { Digest = ByteString.CopyFrom(Sha256Digest.HashData("theirs"u8).AsSpan()) };

    sealed class Fixed(Decision decision) : IDecisionService
    {
        public Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken) => Task.FromResult(decision);
    }

    sealed class Followed(string builder, LogIdentity identity, ILogView? mirror) : IFollowedLog
    {
        public FollowSection Section { get; } =
            new()
            {
                Name = builder,
                Builder = builder,
                Protocol = identity.Protocol,
                Key = identity.Key,
            };

        public LogIdentity Identity => identity;

        public SubscriptionStatus Status { get; } = new(null, null, null, null, 0);

        public ILogView? Mirror => mirror;

        public LogHead? Head => mirror?.Head;

        public Task<KeyLookup> LookupAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken) =>
            Task.FromResult<KeyLookup>(new KeyLookup.Unavailable("not asked for in these tests"));
    }
}

/// <summary>A log that takes no submits just now, and is the given one otherwise. Public for the proxy that derives from it.</summary>
public class Overloaded : DispatchProxy
{
    IPublishedLog _inner = null!;

    public static IPublishedLog Wrap(IPublishedLog inner)
    {
        var proxy = Create<IPublishedLog, Overloaded>();
        ((Overloaded)proxy)._inner = inner;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.Name == nameof(IPublishedLog.SubmitAsync)
            ? Task.FromException<SubmitResult>(new LogOverloadedException("the queue is full"))
            : targetMethod.Invoke(_inner, args);
}
