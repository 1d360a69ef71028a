using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Tokens;
using Quorate.Log;
using Quorate.Node.Configuration;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Rpc.Messages;
using Quorate.Testing.Logs;
using Quorate.Testing.Rpc;
using Quorate.Trust;
using Xunit;
using KeyValuePair = Quorate.Rpc.Messages.KeyValuePair;

namespace Quorate.Tests.Rpc;

/// <summary>The endpoints on a real Kestrel, seen from the wire.</summary>
public sealed class TrustixEndpointTests : IAsyncLifetime
{
    const string Submit = "/trustix_rpc.v1.LogRPC/Submit";
    const string GetHead = "/trustix_api.v1.LogAPI/GetHead";
    const string GetValue = "/trustix_api.v1.NodeAPI/GetValue";
    const string Decide = "/trustix_rpc.v1.RPCApi/Decide";

    readonly LogRegistry _registry = new();
    readonly TrustixToken _token = TrustixToken.Generate("ci");
    NodeSection _settings = new() { State = "/nonexistent", Control = "unix:///nonexistent/control.socket" };
    TemporaryLog _log = null!;

    string LogId => _log.Log.Identity.Id.Text;

    string TokenHeader => $"{TrustixToken.HeaderName}: {_token.Header(Submit)}";

    public async ValueTask InitializeAsync()
    {
        _log = await TemporaryLog.OpenAsync(Protocol.Test, Ed25519PrivateKey.Generate());
        _registry.Replace([_log.Entry("mine")], []);
        _settings = _settings with { Tokens = [new TokenSection(_token.Name, _token.PublicToken.Key, [])] };
    }

    public async ValueTask DisposeAsync()
    {
        _token.Dispose();
        await _log.DisposeAsync();
    }

    [Theory]
    [InlineData("application/grpc", 415, "unimplemented")]
    [InlineData("application/grpc-web+proto", 415, "unimplemented")]
    [InlineData("text/plain", 415, "unimplemented")]
    [InlineData("application/connect+proto", 415, "unimplemented")]
    public async Task Other_content_types_are_refused(string contentType, int status, string code) =>
        AssertError(status, code, await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, contentType, Head())));

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Other_methods_are_refused(string method)
    {
        var answer = await PostAsync(
            RpcSurface.Public,
            Encoding.ASCII.GetBytes($"{method} {GetHead} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        );
        AssertError(405, "unimplemented", answer);
        Assert.Equal("POST", answer.Header("Allow"));
    }

    [Fact]
    public async Task Head_is_refused_without_a_body()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Public, settings: _settings);
        var request = Encoding.ASCII.GetBytes($"HEAD {GetHead} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Assert.Equal(405, (await RawHttp.ExchangeAsync(host.Uri, request, answers: 1, hasBody: false))[0].Status);
    }

    [Theory]
    [InlineData("/trustix_api.v1.LogAPI/Nope")]
    [InlineData("/trustix_api.v1.logapi/gethead")]
    [InlineData("/trustix_rpc.v1.RPCApi/")]
    [InlineData(Decide)]
    [InlineData("/trustix_rpc.v1.RPCApi/Logs")]
    [InlineData("/trustix_rpc.v1.RPCApi/GetValue")]
    [InlineData("/trustix_rpc.v1.LogRPC/GetHead")]
    [InlineData("/trustix_rpc.v1.LogRPC/GetLogEntries")]
    public async Task Unknown_and_private_procedures_do_not_exist_in_public(string path) =>
        AssertError(404, "unimplemented", await PostAsync(RpcSurface.Public, RawHttp.Post(path, "application/proto", Head())));

    [Theory]
    [InlineData("Connect-Timeout-Ms: -1")]
    [InlineData("Connect-Timeout-Ms: 12345678901")]
    [InlineData("Connect-Timeout-Ms: soon")]
    [InlineData("Connect-Protocol-Version: 2")]
    public async Task Malformed_connect_headers_are_refused(string header) =>
        AssertError(
            400,
            "invalid_argument",
            await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, "application/proto", Head(), header))
        );

    [Fact]
    public async Task Unknown_compression_is_refused() =>
        AssertError(
            404,
            "unimplemented",
            await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, "application/proto", Head(), "Content-Encoding: br"))
        );

    [Fact]
    public async Task Gzip_that_expands_beyond_the_limit_is_refused()
    {
        byte[] bomb = [.. Gzip.Compress(new byte[10 << 20])];
        AssertError(
            429,
            "resource_exhausted",
            await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, "application/proto", bomb, "Content-Encoding: gzip"))
        );
    }

    [Fact]
    public async Task Garbage_instead_of_gzip_is_refused() =>
        AssertError(
            400,
            "invalid_argument",
            await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, "application/proto", Head(), "Content-Encoding: gzip"))
        );

    [Fact]
    public async Task Body_beyond_the_limit_is_refused_before_it_is_sent()
    {
        var request = Encoding.ASCII.GetBytes(
            $"POST {GetHead} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 1000000000\r\n\r\n"
        );
        AssertError(429, "resource_exhausted", await PostAsync(RpcSurface.Public, request));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Megabytes_are_submitted(bool chunked)
    {
        var body = SubmitBody(Enumerable.Range(0, 5).Select(i => ($"key{i}", new byte[2 << 20])));
        var request = chunked ? Chunked(Submit, body, 60_000, TokenHeader) : RawHttp.Post(Submit, "application/proto", body, TokenHeader);

        Assert.Equal("0800", Convert.ToHexString((await PostAsync(RpcSurface.Public, request)).Body));

        Assert.Equal(5UL, _log.Log.Head.TreeSize);
    }

    [Fact]
    public async Task Large_answer_is_compressed_only_on_request()
    {
        var value = new byte[100_000];
        await _log.Log.SubmitAsync([new SubmitItem(new byte[] { 1 }, value)], TestContext.Current.CancellationToken);
        var body = new ValueRequest { Digest = ByteString.CopyFrom(Sha256Digest.HashData(value).AsSpan()) }.ToByteArray();

        var plain = await PostAsync(RpcSurface.Public, RawHttp.Post(GetValue, "application/proto", body));
        var compressed = await PostAsync(RpcSurface.Public, RawHttp.Post(GetValue, "application/proto", body, "Accept-Encoding: br, gzip"));
        var refused = await PostAsync(RpcSurface.Public, RawHttp.Post(GetValue, "application/proto", body, "Accept-Encoding: gzip;q=0"));

        Assert.Equal(
            (null, "gzip", null),
            (plain.Header("Content-Encoding"), compressed.Header("Content-Encoding"), refused.Header("Content-Encoding"))
        );
        Assert.Equal(plain.Body, compressed.PlainBody());
    }

    [Fact]
    public async Task Small_answer_is_not_compressed()
    {
        var answer = await PostAsync(RpcSurface.Public, RawHttp.Post(GetHead, "application/proto", Head(), "Accept-Encoding: gzip"));
        Assert.Null(answer.Header("Content-Encoding"));
    }

    [Fact]
    public async Task Write_without_token_is_refused_in_public() =>
        AssertError(401, "unauthenticated", await PostAsync(RpcSurface.Public, RawHttp.Post(Submit, "application/proto", SubmitBody([]))));

    [Fact]
    public async Task Write_without_token_is_taken_on_the_control_surface()
    {
        var answer = await PostAsync(RpcSurface.Control, RawHttp.Post(Submit, "application/proto", SubmitBody([("k", [1])])));
        Assert.Equal((200, 1UL), (answer.Status, _log.Log.Head.TreeSize));
    }

    [Theory]
    [InlineData(RpcSurface.Public)]
    [InlineData(RpcSurface.Control)]
    public async Task Token_that_signs_something_else_is_refused_even_on_reads(RpcSurface surface) =>
        AssertError(401, "unauthenticated", await PostAsync(surface, RawHttp.Post(GetHead, "application/proto", Head(), TokenHeader)));

    [Fact]
    public async Task Client_sent_authentication_means_nothing() =>
        AssertError(
            401,
            "unauthenticated",
            await PostAsync(RpcSurface.Public, RawHttp.Post(Submit, "application/proto", SubmitBody([]), "X-Trustix-Auth: 1"))
        );

    [Fact]
    public async Task Token_of_another_log_may_not_write()
    {
        _settings = _settings with { Tokens = [_settings.Tokens[0] with { Logs = ["theirs"] }] };
        AssertError(
            403,
            "permission_denied",
            await PostAsync(RpcSurface.Public, RawHttp.Post(Submit, "application/proto", SubmitBody([("k", [1])]), TokenHeader))
        );
    }

    [Fact]
    public async Task Key_over_the_limit_is_refused() =>
        AssertError(400, "invalid_argument", await SubmitAsync((new string('k', 65_503), [1])));

    [Fact]
    public async Task Longest_key_is_taken() => Assert.Equal(200, (await SubmitAsync((new string('k', 65_502), [1]))).Status);

    [Fact]
    public async Task Value_over_the_limit_is_refused()
    {
        _settings = _settings with { MaxValue = 10 };
        AssertError(400, "invalid_argument", await SubmitAsync(("k", new byte[11])));
    }

    [Fact]
    public async Task More_entries_than_allowed_are_refused()
    {
        _settings = _settings with { MaxEntriesPerCall = 3 };
        AssertError(400, "invalid_argument", await SubmitAsync([.. Enumerable.Range(0, 4).Select(i => ($"k{i}", new byte[1]))]));
    }

    [Fact]
    public async Task Longer_range_than_allowed_is_refused()
    {
        _settings = _settings with { MaxEntriesPerCall = 2 };
        await _log.Log.SubmitAsync(
            [.. Enumerable.Range(0, 3).Select(i => new SubmitItem(new[] { (byte)i }, default))],
            TestContext.Current.CancellationToken
        );
        var request = new GetLogEntriesRequest
        {
            LogID = LogId,
            Start = 0,
            Finish = 2,
        };
        AssertError(
            400,
            "invalid_argument",
            await PostAsync(
                RpcSurface.Public,
                RawHttp.Post("/trustix_api.v1.LogAPI/GetLogEntries", "application/proto", request.ToByteArray())
            )
        );
    }

    [Fact]
    public async Task First_size_zero_gives_an_empty_proof_even_of_an_empty_log()
    {
        var request = new GetLogConsistencyProofRequest
        {
            LogID = LogId,
            FirstSize = 0,
            SecondSize = 0,
        };
        var answer = await PostAsync(
            RpcSurface.Public,
            RawHttp.Post("/trustix_api.v1.LogAPI/GetLogConsistencyProof", "application/proto", request.ToByteArray())
        );
        Assert.Equal((200, 0), (answer.Status, answer.Body.Length));
    }

    [Fact]
    public async Task Unknown_map_root_is_named()
    {
        var request = new GetMapValueRequest
        {
            LogID = LogId,
            Key = ByteString.Empty,
            MapRoot = ByteString.CopyFrom(Enumerable.Repeat((byte)0x42, 32).ToArray()),
        };
        var answer = await PostAsync(
            RpcSurface.Public,
            RawHttp.Post("/trustix_api.v1.LogAPI/GetMapValue", "application/proto", request.ToByteArray())
        );
        AssertError(404, "not_found", answer);
        Assert.Contains("42424242", Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_that_takes_too_long_ends_at_its_deadline()
    {
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control, new Never(), _settings);
        var answers = await RawHttp.ExchangeAsync(
            host.Uri,
            RawHttp.Post(Decide, "application/proto", DecideBody(), "Connect-Timeout-Ms: 50"),
            1
        );
        AssertError(408, "deadline_exceeded", answers[0]);
    }

    [Fact]
    public async Task Call_that_takes_too_long_ends_at_the_configured_time()
    {
        _settings = _settings with { RequestTimeout = TimeSpan.FromMilliseconds(50) };
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control, new Never(), _settings);
        var answers = await RawHttp.ExchangeAsync(
            host.Uri,
            RawHttp.Post(Decide, "application/proto", DecideBody(), "Connect-Timeout-Ms: 9999999999"),
            1
        );
        AssertError(408, "deadline_exceeded", answers[0]);
    }

    [Fact]
    public async Task Calls_beyond_the_concurrency_limit_are_told_to_come_back()
    {
        _settings = _settings with { MaxConcurrentRequests = 1 };
        var decisions = new Never();
        await using var host = await TrustixHost.StartAsync(_registry, RpcSurface.Control, decisions, _settings);
        var first = RawHttp.ExchangeAsync(host.Uri, RawHttp.Post(Decide, "application/proto", DecideBody(), "Connect-Timeout-Ms: 5000"), 1);
        await decisions.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        var answer = (await RawHttp.ExchangeAsync(host.Uri, RawHttp.Post(GetHead, "application/proto", Head()), 1))[0];

        AssertError(503, "unavailable", answer);
        Assert.Equal("1", answer.Header("Retry-After"));
        decisions.Release.SetResult();
        AssertError(500, "internal", (await first)[0]);
    }

    [Fact]
    public async Task No_trust_model_is_a_failed_precondition() =>
        AssertError(
            412,
            "failed_precondition",
            await PostAsync(RpcSurface.Control, RawHttp.Post(Decide, "application/proto", DecideBody()))
        );

    [Fact]
    public async Task Unknown_protocol_is_refused() =>
        AssertError(
            400,
            "invalid_argument",
            await PostAsync(RpcSurface.Control, RawHttp.Post(Decide, "application/json", """{"Key":"","Protocol":"pip"}"""u8))
        );

    async Task<RawMessage> SubmitAsync(params (string Key, byte[] Value)[] items) =>
        await PostAsync(RpcSurface.Public, RawHttp.Post(Submit, "application/proto", SubmitBody(items), TokenHeader));

    async Task<RawMessage> PostAsync(RpcSurface surface, byte[] request)
    {
        await using var host = await TrustixHost.StartAsync(_registry, surface, settings: _settings);
        return (await RawHttp.ExchangeAsync(host.Uri, request, answers: 1))[0];
    }

    byte[] Head() => new LogHeadRequest { LogID = LogId }.ToByteArray();

    byte[] SubmitBody(IEnumerable<(string Key, byte[] Value)> items)
    {
        var request = new SubmitRequest { LogID = LogId };
        request.Items.AddRange(
            items.Select(i => new KeyValuePair { Key = ByteString.CopyFromUtf8(i.Key), Value = ByteString.CopyFrom(i.Value) })
        );
        return request.ToByteArray();
    }

    static byte[] DecideBody() => new DecideRequest { Key = ByteString.Empty, Protocol = "test" }.ToByteArray();

    static byte[] Chunked(string path, byte[] body, int chunk, string header)
    {
        var request = new MemoryStream();
        request.Write(
            Encoding.Latin1.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nTransfer-Encoding: chunked\r\n{header}\r\n\r\n"
            )
        );
        foreach (var part in body.Chunk(chunk))
        {
            request.Write([.. Encoding.ASCII.GetBytes($"{part.Length:x}\r\n"), .. part, .. "\r\n"u8]);
        }
        request.Write("0\r\n\r\n"u8);
        return request.ToArray();
    }

    static void AssertError(int status, string code, RawMessage answer)
    {
        Assert.Equal("application/json", answer.Header("Content-Type"));
        using var error = JsonDocument.Parse(answer.Body);
        Assert.Equal((status, code), (answer.Status, error.RootElement.GetProperty("code").GetString()));
        Assert.NotEmpty(error.RootElement.GetProperty("message").GetString()!);
    }

    /// <summary>Decides nothing until it is released, and then fails.</summary>
    sealed class Never : IDecisionService
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<Decision> DecideAsync(BuildInput input, CancellationToken cancellationToken)
        {
            Entered.TrySetResult();
            await Release.Task.WaitAsync(cancellationToken);
            throw new InvalidOperationException("a bug");
        }
    }
}
