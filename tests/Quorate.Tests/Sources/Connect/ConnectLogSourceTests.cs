using System.Text;
using Google.Protobuf;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Node.Logs;
using Quorate.Node.Rpc;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Quorate.Rpc.Messages;
using Quorate.Sources.Connect;
using Quorate.Testing.Logs;
using Quorate.Testing.Rpc;
using Xunit;

namespace Quorate.Tests.Sources.Connect;

/// <summary>The client against our own endpoints, and against servers that answer anything.</summary>
public sealed class ConnectLogSourceTests
{
    static readonly byte[] Key = "key"u8.ToArray();
    static readonly byte[] Value = "value"u8.ToArray();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static LogId AnyLog { get; } = LogId.Compute(Protocol.Test, Ed25519PrivateKey.Generate().PublicKey);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_that_a_mirror_needs_arrives(bool unixSocket)
    {
        await using var log = await TemporaryLog.OpenAsync(Protocol.Test, Ed25519PrivateKey.Generate());
        var first = (await log.Log.SubmitAsync([new SubmitItem(Key, Value)], Token)).Head;
        var second = (await log.Log.SubmitAsync([new SubmitItem(Value, Key), new SubmitItem(default, default)], Token)).Head;
        var registry = new LogRegistry();
        registry.Replace([log.Entry("mine")], []);
        var folder = Directory.CreateTempSubdirectory("quorate-rpc-");
        await using var host = await TrustixHost.StartAsync(
            registry,
            RpcSurface.Public,
            socketPath: unixSocket ? Path.Combine(folder.FullName, "node.socket") : null
        );
        using var client = new ConnectClient(ConnectAddress.Parse(host.Url));
        var source = new ConnectLogSource(client);
        var id = log.Log.Identity.Id;

        Assert.Equal(second, await source.HeadAsync(id, Token));
        Assert.Equal(log.Log.Entries(0, 2).Select(e => e.LeafHash), (await source.EntriesAsync(id, 0, 2, Token)).Select(e => e.LeafHash));
        Assert.Equal(log.Log.MapHistoryLeaves(0, 2), await source.MapHistoryLeavesAsync(id, 0, 2, Token));
        Assert.Equal(Value, (await source.ValueAsync(Sha256Digest.HashData(Value), Token)).ToArray());
        Assert.Empty((await source.ValueAsync(TreeHash.EmptyRoot, Token)).ToArray());
        var proof = await source.ConsistencyProofAsync(id, 1, 3, Token);
        Assert.True(MerkleProof.VerifyConsistency(1, 3, first.LogRoot, second.LogRoot, proof).IsVerified);
        foreach (var (key, present) in new[] { (Key, true), ("absent"u8.ToArray(), false) })
        {
            var answer = await source.MapValueAsync(id, key, second.MapRoot, Token);
            Assert.Equal(present, answer!.Value.Length > 0);
            Assert.True(SparseMapProof.Verify(answer.Proof, second.MapRoot, key, answer.Value.Span).IsVerified);
        }
        Assert.Null(await source.MapValueAsync(id, Key, TreeHash.EmptyRoot, Token));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Log_that_the_remote_does_not_publish_is_a_fault_not_a_miss()
    {
        await using var host = await TrustixHost.StartAsync(new LogRegistry(), RpcSurface.Public);
        using var client = new ConnectClient(ConnectAddress.Parse(host.Url));
        var source = new ConnectLogSource(client);
        await Assert.ThrowsAsync<LogSourceException>(() => source.MapValueAsync(AnyLog, Key, default, Token));
    }

    [Fact]
    public async Task Remote_that_is_down_is_a_fault()
    {
        await using var server = new CannedServer();
        await server.DisposeAsync();
        await FaultAsync(server.Url);
    }

    [Fact]
    public async Task Remote_that_never_answers_is_a_fault_in_time()
    {
        await using var server = new CannedServer([]);
        await FaultAsync(server.Url, new ConnectClientOptions { Timeout = TimeSpan.FromMilliseconds(100) });
    }

    [Fact]
    public async Task Remote_that_stops_in_the_middle_is_a_fault_in_time()
    {
        await using var server = new CannedServer(Ok(new byte[10])[..^5]);
        await FaultAsync(server.Url, new ConnectClientOptions { Timeout = TimeSpan.FromMilliseconds(100) });
    }

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_is_a_fault(string name, byte[] answer)
    {
        Assert.NotEmpty(name);
        await using var server = new CannedServer(answer);
        await FaultAsync(server.Url);
    }

    public static TheoryData<string, byte[]> Garbage() =>
        new()
        {
            { "no HTTP", "hello\r\n\r\n"u8.ToArray() },
            { "no protobuf", Ok([1, 2, 3]) },
            { "required field missing", Ok([]) },
            { "short root", Ok(Head(31, 64)) },
            { "short signature", Ok(Head(32, 63)) },
            { "wrong type", Ok(Head(32, 64), "text/html") },
            { "too large", Ok(new byte[2 << 20]) },
            { "gzip bomb", Ok([.. Gzip.Compress(new byte[32 << 20])], "application/proto", "Content-Encoding: gzip\r\n") },
            { "no gzip", Ok([1, 2, 3], "application/proto", "Content-Encoding: gzip\r\n") },
            { "unknown encoding", Ok([], "application/proto", "Content-Encoding: br\r\n") },
            { "redirect", Encoding.ASCII.GetBytes("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") },
            {
                "error that is no Connect error",
                Encoding.ASCII.GetBytes("HTTP/1.1 500 x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
            },
        };

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Other_number_of_entries_than_asked_for_is_a_fault(int count)
    {
        var response = new LogEntriesResponse();
        for (var i = 0; i < count; i++)
        {
            response.Leaves.Add(new LogLeaf { LeafDigest = ByteString.CopyFrom(new byte[32]) });
        }
        await using var server = new CannedServer(Ok(response.ToByteArray()));
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
        var source = new ConnectLogSource(client);
        await Assert.ThrowsAsync<LogSourceException>(() => source.MapHistoryLeavesAsync(AnyLog, 0, 0, Token));
    }

    [Fact]
    public async Task Range_that_is_too_large_for_the_remote_is_asked_for_in_halves()
    {
        var refusal = """{"code":"resource_exhausted","message":"less"}""";
        var leaf = new LogEntriesResponse();
        leaf.Leaves.Add(new LogLeaf { LeafDigest = ByteString.CopyFrom(new byte[32]) });
        await using var server = new CannedServer(
            Encoding.ASCII.GetBytes(
                $"HTTP/1.1 429 x\r\nContent-Type: application/json\r\nContent-Length: {refusal.Length}\r\n\r\n{refusal}"
            ),
            Ok(leaf.ToByteArray()),
            Ok(leaf.ToByteArray())
        );
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
        Assert.Equal(2, (await new ConnectLogSource(client).MapHistoryLeavesAsync(AnyLog, 5, 6, Token)).Count);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task Error_text_of_a_remote_has_no_control_characters()
    {
        var error = "{\"code\":\"unknown\",\"message\":\"\\u001b[31mred\"}";
        await using var server = new CannedServer(
            Encoding.ASCII.GetBytes($"HTTP/1.1 500 x\r\nContent-Type: application/json\r\nContent-Length: {error.Length}\r\n\r\n{error}")
        );
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
        var fault = await Assert.ThrowsAsync<RpcException>(() =>
            client.CallAsync(TrustixMethods.LogApi.GetHead, new LogHeadRequest { LogID = "x" }, Token)
        );
        Assert.Equal("\uFFFD[31mred", fault.Message);
    }

    [Fact]
    public async Task Request_looks_like_that_of_the_go_client()
    {
        await using var server = new CannedServer(Ok(Head(32, 64)));
        using var client = new ConnectClient(
            ConnectAddress.Parse(server.Url + "/prefix/"),
            new ConnectClientOptions { Token = method => $"signed {method.Procedure}" }
        );
        await new ConnectLogSource(client).HeadAsync(AnyLog, Token);
        var request = Assert.Single(server.Requests);
        Assert.Equal("POST /prefix/trustix_api.v1.LogAPI/GetHead HTTP/1.1", request.StartLine);
        Assert.Equal(
            ("application/proto", "1", "30000", "signed /trustix_api.v1.LogAPI/GetHead"),
            (
                request.Header("Content-Type"),
                request.Header("Connect-Protocol-Version"),
                request.Header("Connect-Timeout-Ms"),
                request.Header("Trustix-Token")
            )
        );
    }

    [Fact]
    public async Task Cancellation_by_the_caller_is_no_fault()
    {
        await using var server = new CannedServer([]);
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new ConnectLogSource(client).HeadAsync(AnyLog, cancel.Token));
    }

    static async Task FaultAsync(string url, ConnectClientOptions? options = null)
    {
        using var client = new ConnectClient(ConnectAddress.Parse(url), options);
        var source = new ConnectLogSource(client);
        var fault = await Assert.ThrowsAsync<LogSourceException>(() => source.HeadAsync(AnyLog, Token));
        // Who reports the fault names the remote.
        Assert.DoesNotContain(url, fault.Message, StringComparison.Ordinal);
    }

    static byte[] Head(int root, int signature) =>
        new Quorate.Rpc.Messages.LogHead
        {
            LogRoot = ByteString.CopyFrom(new byte[root]),
            TreeSize = 0,
            MapRoot = ByteString.CopyFrom(new byte[32]),
            MHRoot = ByteString.CopyFrom(new byte[32]),
            MHTreeSize = 1,
            Signature = ByteString.CopyFrom(new byte[signature]),
        }.ToByteArray();

    static byte[] Ok(byte[] body, string type = "application/proto", string header = "") =>
        [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\n{header}Content-Length: {body.Length}\r\n\r\n"), .. body];
}
