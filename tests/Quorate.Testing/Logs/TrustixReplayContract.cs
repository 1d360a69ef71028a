using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Rpc.Messages;
using Xunit;
using LogHead = Quorate.Log.LogHead;

namespace Quorate.Testing.Logs;

/// <summary>
/// Replays the submits that a real Trustix node was given, with its key, and compares everything it signed and proved. Each kind of log has a class derived
/// from this one.
/// </summary>
public abstract class TrustixReplayContract<TLog> : IDisposable
    where TLog : IPublishedLog, IAsyncDisposable
{
    // The recorded submits, and the head that the node showed after each.
    static readonly (string Exchange, string Tag)[] Submits =
    [
        ("005-Submit-to1", "size1"),
        ("008-Submit-to3", "size3"),
        ("011-Submit-to4", "size4"),
        ("014-Submit-to7", "size7"),
        ("017-Submit-duplicate", "after-duplicate"),
        ("020-Submit-conflict", "after-conflict"),
        ("090-Submit-noitems", "final"),
        ("091-Submit-edge", "edge"),
        ("102-Submit-edge-emptyvalue-again", "edge-again"),
    ];

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-replay-");

    protected abstract Task<TLog> OpenAsync(PublishedLogOptions options, Ed25519PrivateKey key);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) => _folder.Delete(recursive: true);

    [Fact]
    public async Task Replay_gives_every_head_and_signature()
    {
        using var manifest = ReadManifest();
        using var key = PrivateKey(manifest);
        await using var log = await OpenAsync(manifest, key, DivergencePolicy.Drop);
        AssertHead(manifest, "empty", log.Head);
        foreach (var (exchange, tag) in Submits)
        {
            await log.SubmitAsync(Items(exchange), TestContext.Current.CancellationToken);
            AssertHead(manifest, tag, log.Head);
        }
    }

    [Fact]
    public async Task Replay_gives_every_entry_and_value()
    {
        using var manifest = ReadManifest();
        using var key = PrivateKey(manifest);
        await using var log = await ReplayAsync(manifest, key);
        foreach (var expected in manifest.RootElement.GetProperty("entries").EnumerateArray())
        {
            var index = expected.GetProperty("index").GetUInt64();
            var entry = Assert.Single(log.Entries(index, index));
            Assert.Equal(Hex(expected, "key_hex"), Convert.ToHexStringLower(entry.Key.Span));
            Assert.Equal(Hex(expected, "valueDigest_hex"), entry.ValueDigest.ToString());
            Assert.Equal(Hex(expected, "leafDigest_hex"), entry.LeafHash.ToString());
            var value = await log.ValueAsync(entry.ValueDigest, TestContext.Current.CancellationToken);
            Assert.Equal(Hex(expected, "value_hex"), Convert.ToHexStringLower(value!.Value.Span));
        }
    }

    [Fact]
    public async Task Replay_gives_every_audit_and_consistency_proof()
    {
        using var manifest = ReadManifest();
        using var key = PrivateKey(manifest);
        await using var log = await ReplayAsync(manifest, key);
        foreach (var audit in manifest.RootElement.GetProperty("audit").EnumerateArray())
        {
            var proof = log.InclusionProof(audit.GetProperty("index").GetUInt64(), audit.GetProperty("treeSize").GetUInt64());
            Assert.Equal(Strings(audit, "proof"), proof.Select(p => p.ToString()));
        }
        var compared = 0;
        foreach (var consistency in manifest.RootElement.GetProperty("consistency").EnumerateArray())
        {
            var (first, second) = (consistency.GetProperty("first").GetUInt64(), consistency.GetProperty("second").GetUInt64());
            // Beyond the tree that the node had then it answered with an error, which is the endpoint's business.
            if (consistency.GetProperty("status").GetInt32() == 200 && second <= 7)
            {
                Assert.Equal(Strings(consistency, "proof"), log.ConsistencyProof(first, second).Select(p => p.ToString()));
                compared++;
            }
        }
        Assert.True(compared > 30);
    }

    [Fact]
    public async Task Replay_gives_every_map_proof_under_the_root_it_was_asked_for()
    {
        using var manifest = ReadManifest();
        using var key = PrivateKey(manifest);
        await using var log = await ReplayAsync(manifest, key);
        foreach (var expected in manifest.RootElement.GetProperty("map").EnumerateArray())
        {
            var mapKey = Convert.FromHexString(Hex(expected, "key_hex"));
            Assert.True(Sha256Digest.TryParseHex(Hex(expected, "mapRoot"), out var root));
            var answer = log.MapValue(mapKey, root)!;
            Assert.Equal(expected.GetProperty("entry_json").GetString(), Encoding.UTF8.GetString(answer.Value.Span));
            Assert.Equal(Strings(expected, "sideNodes"), answer.Proof.SideNodes.Select(n => n.ToString()));
            Assert.Equal(Hex(expected, "bitMask"), Convert.ToHexStringLower(answer.Proof.BitMask.Span));
            Assert.Equal(expected.GetProperty("numSideNodes").GetInt32(), answer.Proof.NumSideNodes);
            Assert.Null(answer.Proof.NonMembershipLeaf);
            Assert.True(SparseMapProof.Verify(answer.Proof, root, mapKey, answer.Value.Span).IsVerified);
        }
    }

    [Fact]
    public async Task Replay_with_append_keeps_and_reports_the_conflicting_entry()
    {
        using var manifest = ReadManifest();
        using var key = PrivateKey(manifest);
        await using var log = await OpenAsync(manifest, key, DivergencePolicy.Append);
        foreach (var (exchange, _) in Submits[..5])
        {
            await log.SubmitAsync(Items(exchange), TestContext.Current.CancellationToken);
        }
        var before = log.Head;
        AssertHead(manifest, "after-duplicate", before);

        var conflict = Items("020-Submit-conflict");
        var result = await log.SubmitAsync(conflict, TestContext.Current.CancellationToken);

        var divergence = Assert.Single(result.Divergences);
        Assert.Equal(7UL, divergence.Index);
        Assert.Equal(Sha256Digest.HashData(conflict[0].Value.Span), divergence.Later);
        Assert.Equal((8UL, before.MapRoot), (result.Head.TreeSize, result.Head.MapRoot));
        Assert.Equal(2, log.EntriesOf(conflict[0].Key.Span).Count);
    }

    async Task<TLog> ReplayAsync(JsonDocument manifest, Ed25519PrivateKey key)
    {
        var log = await OpenAsync(manifest, key, DivergencePolicy.Drop);
        foreach (var (exchange, _) in Submits)
        {
            await log.SubmitAsync(Items(exchange), TestContext.Current.CancellationToken);
        }
        return log;
    }

    Task<TLog> OpenAsync(JsonDocument manifest, Ed25519PrivateKey key, DivergencePolicy divergence)
    {
        var described = manifest.RootElement.GetProperty("log");
        Assert.True(Protocol.TryFind(described.GetProperty("protocolID").GetString()!, out var protocol));
        var identity = new LogIdentity(protocol, key.PublicKey);
        Assert.Equal(described.GetProperty("id").GetString(), identity.Id.Text);
        var options = new PublishedLogOptions
        {
            Identity = identity,
            Folder = Path.Combine(_folder.FullName, "log"),
            Divergence = divergence,
        };
        return OpenAsync(options, key);
    }

    static List<SubmitItem> Items(string exchange)
    {
        var http = File.ReadAllBytes(Vectors.Find($"trustix/patched/{exchange}.req.http"));
        var body = http.AsSpan(http.AsSpan().IndexOf("\r\n\r\n"u8) + 4);
        var request = SubmitRequest.Parser.ParseFrom(body);
        return [.. request.Items.Select(i => new SubmitItem(i.Key.Memory, i.Value.Memory))];
    }

    static void AssertHead(JsonDocument manifest, string tag, LogHead head)
    {
        var expected = manifest.RootElement.GetProperty("heads").EnumerateArray().Single(h => h.GetProperty("tag").GetString() == tag);
        Assert.Equal(Hex(expected, "LogRoot"), head.LogRoot.ToString());
        Assert.Equal(expected.GetProperty("TreeSize").GetUInt64(), head.TreeSize);
        Assert.Equal(Hex(expected, "MapRoot"), head.MapRoot.ToString());
        Assert.Equal(Hex(expected, "MHRoot"), head.MhRoot.ToString());
        Assert.Equal(expected.GetProperty("MHTreeSize").GetUInt64(), head.MhTreeSize);
        Assert.Equal(Hex(expected, "signed_hex"), head.SignedDigest().ToString());
        Assert.Equal(Hex(expected, "Signature"), Convert.ToHexStringLower(head.Signature.Span));
    }

    static JsonDocument ReadManifest() => JsonDocument.Parse(File.ReadAllBytes(Vectors.Find("trustix/patched/manifest.json")));

    static Ed25519PrivateKey PrivateKey(JsonDocument manifest) =>
        Ed25519PrivateKey.FromSeed(
            Convert.FromBase64String(manifest.RootElement.GetProperty("log").GetProperty("priv_b64").GetString()!).AsSpan(0, 32)
        );

    static string Hex(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    static IEnumerable<string> Strings(JsonElement element, string name) =>
        element.GetProperty(name).EnumerateArray().Select(e => e.GetString()!);
}
