using Google.Protobuf;
using Quorate.Conformance.TrustixRpc;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Rpc;
using Quorate.Rpc.Messages;
using Quorate.Sources.Connect;
using Quorate.Testing;
using Quorate.Testing.Rpc;
using Xunit;

namespace Quorate.Conformance.Wire;

/// <summary>Answers of a genuine Go node, byte for byte, given to our client.</summary>
public sealed class RecordedAnswersTests
{
    [Fact]
    public async Task Client_reads_what_the_go_node_sent_a_subscriber()
    {
        var node = RecordedNode.Load();
        Assert.True(LogId.TryParse(node.LogId, out var id));
        var answers = await SplitAsync("trustix/wire/sync/conn000.s2c");
        var requests = await RawHttp.ParseAsync(await File.ReadAllBytesAsync(Vectors.Find("trustix/wire/sync/conn000.c2s")));
        await using var server = new CannedServer([.. answers]);
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
        var source = new ConnectLogSource(client);

        var heads = new Dictionary<ulong, Sha256Digest>();
        foreach (var request in requests)
        {
            switch (request.Path)
            {
                case "/trustix_api.v1.NodeAPI/Logs":
                    var logs = await client.CallAsync(TrustixMethods.NodeApi.Logs, new LogsRequest(), CancellationToken.None);
                    Assert.Equal(node.LogId, Assert.Single(logs.Logs).LogID);
                    break;
                case "/trustix_api.v1.LogAPI/GetHead":
                    var head = await source.HeadAsync(id, CancellationToken.None);
                    Assert.True(head.Verify(node.Key.PublicKey).IsVerified);
                    heads[head.TreeSize] = head.LogRoot;
                    break;
                case "/trustix_api.v1.LogAPI/GetMapValue":
                    var wanted = GetMapValueRequest.Parser.ParseFrom(request.Body);
                    var root = new Sha256Digest(wanted.MapRoot.Span);
                    var map = await source.MapValueAsync(id, wanted.Key.Memory, root, CancellationToken.None);
                    var membership = SparseMapProof.Verify(map!.Proof, root, wanted.Key.Span, map.Value.Span);
                    Assert.True(membership.IsVerified, membership.ToString());
                    break;
                case "/trustix_api.v1.NodeAPI/GetValue":
                    var digest = new Sha256Digest(ValueRequest.Parser.ParseFrom(request.Body).Digest.Span);
                    Assert.Equal(digest, Sha256Digest.HashData((await source.ValueAsync(digest, CancellationToken.None)).Span));
                    break;
                default:
                    var asked = GetLogConsistencyProofRequest.Parser.ParseFrom(request.Body);
                    var proof = await source.ConsistencyProofAsync(id, asked.FirstSize, asked.SecondSize, CancellationToken.None);
                    if (asked.FirstSize > 0 && heads.TryGetValue(asked.FirstSize, out var first))
                    {
                        var verification = MerkleProof.VerifyConsistency(
                            asked.FirstSize,
                            asked.SecondSize,
                            first,
                            heads[asked.SecondSize],
                            proof
                        );
                        Assert.True(verification.IsVerified, verification.ToString());
                    }
                    break;
            }
        }
        Assert.NotEmpty(heads);
    }

    [Fact]
    public async Task Map_answers_of_the_go_node_verify()
    {
        var node = RecordedNode.Load();
        Assert.True(LogId.TryParse(node.LogId, out var id));
        foreach (var map in node.Manifest.GetProperty("map").EnumerateArray().Select((value, index) => (value, index)))
        {
            var answer = await File.ReadAllBytesAsync(
                Vectors.Find($"trustix/patched/{50 + map.index:000}-GetMapValue-{map.index}.resp.http")
            );
            await using var server = new CannedServer(answer);
            using var client = new ConnectClient(ConnectAddress.Parse(server.Url));
            var key = Convert.FromHexString(map.value.GetProperty("key_hex").GetString()!);
            Assert.True(Sha256Digest.TryParseHex(map.value.GetProperty("mapRoot").GetString(), out var root));

            var found = await new ConnectLogSource(client).MapValueAsync(id, key, root, CancellationToken.None);

            Assert.NotNull(found);
            var verification = SparseMapProof.Verify(found.Proof, root, key, found.Value.Span);
            Assert.True(verification.IsVerified, verification.ToString());
        }
    }

    [Theory]
    [InlineData("058-GetMapValue-missing")]
    [InlineData("061-GetMapValue-0-staleroot-size3")]
    [InlineData("064-GetMapValue-0-unknownroot")]
    public async Task Unproven_miss_of_the_go_node_is_null(string name)
    {
        var node = RecordedNode.Load();
        Assert.True(LogId.TryParse(node.LogId, out var id));
        await using var server = new CannedServer(await File.ReadAllBytesAsync(Vectors.Find($"trustix/patched/{name}.resp.http")));
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));

        Assert.Null(await new ConnectLogSource(client).MapValueAsync(id, new byte[] { 1 }, default, CancellationToken.None));
    }

    [Fact]
    public async Task Entries_of_the_go_node_are_those_of_the_manifest()
    {
        var node = RecordedNode.Load();
        Assert.True(LogId.TryParse(node.LogId, out var id));
        await using var server = new CannedServer(
            await File.ReadAllBytesAsync(Vectors.Find("trustix/patched/042-GetLogEntries-0-6.resp.http"))
        );
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));

        var entries = await new ConnectLogSource(client).EntriesAsync(id, 0, 6, CancellationToken.None);

        Assert.Equal(
            node.Manifest.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("leafDigest_hex").GetString()),
            entries.Select(e => e.LeafHash.ToString())
        );
    }

    [Theory]
    [InlineData("067-GetValue-missing", RpcCode.Unknown)]
    [InlineData("077-GetHead-unsupported-ctype", RpcCode.Unknown)]
    [InlineData("082-GetHead-GET", RpcCode.Unknown)]
    [InlineData("083-UnknownMethod", RpcCode.Unimplemented)]
    [InlineData("085-Submit-badtoken", RpcCode.Unauthenticated)]
    [InlineData("075-GetHead-badproto", RpcCode.InvalidArgument)]
    public async Task Failure_of_the_go_node_has_its_code(string name, RpcCode code)
    {
        await using var server = new CannedServer(await File.ReadAllBytesAsync(Vectors.Find($"trustix/patched/{name}.resp.http")));
        using var client = new ConnectClient(ConnectAddress.Parse(server.Url));

        var error = await Assert.ThrowsAsync<RpcException>(() =>
            client.CallAsync(
                TrustixMethods.NodeApi.GetValue,
                new ValueRequest { Digest = ByteString.CopyFrom(new byte[32]) },
                CancellationToken.None
            )
        );

        Assert.Equal(code, error.Code);
    }

    /// <summary>The recorded stream, cut where one answer ends and the next begins.</summary>
    static async Task<IReadOnlyList<byte[]>> SplitAsync(string name)
    {
        var bytes = await File.ReadAllBytesAsync(Vectors.Find(name));
        var cuts = new List<int>();
        for (var at = 0; at >= 0; at = bytes.AsSpan(at + 1).IndexOf("HTTP/1.1 "u8) is >= 0 and var next ? at + 1 + next : -1)
        {
            cuts.Add(at);
        }
        return [.. cuts.Select((start, i) => bytes[start..(i + 1 < cuts.Count ? cuts[i + 1] : bytes.Length)])];
    }
}
