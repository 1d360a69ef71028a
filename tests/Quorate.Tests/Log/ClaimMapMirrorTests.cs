using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Testing;
using Quorate.Tests.Core.Map;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log;

/// <summary>Mirrors of logs whose heads are signed over maps that their node did not make by the rule.</summary>
public sealed class ClaimMapMirrorTests : IDisposable
{
    const int Claims = 4;

    // Its own map is of another rule: the heads that the mirror sees are signed again, over maps that the tests make.
    readonly LogFixture _publisher = new(Protocol.Test);
    readonly LogFixture _mirror = new(Protocol.NixTrace);

    public static TheoryData<string> WrongMaps =>
        [
            "none",
            "without the first",
            "without the last",
            "another value",
            "another place",
            "one too many",
            "beyond the log",
            "first value only",
        ];

    public void Dispose()
    {
        _publisher.Dispose();
        _mirror.Dispose();
    }

    [Theory]
    [MemberData(nameof(WrongMaps))]
    public async Task SyncAsync_of_a_wrong_map_proves_it(string what)
    {
        await using var log = await PublishAsync(Claims);
        var wrong = Honest(log);
        var claims = wrong["7"];
        wrong["7"] = what switch
        {
            "none" => [],
            "without the first" => claims[1..],
            "without the last" => claims[..^1],
            "another value" => [.. claims[..^1], claims[^1] with { Digest = Sha256Digest.Zero }],
            "another place" => [claims[0] with { Index = 1 }, .. claims[1..]],
            "one too many" => [.. claims, new MapClaim(Sha256Digest.Zero, log.Head.TreeSize - 1)],
            "beyond the log" => [.. claims, new MapClaim(claims[0].Digest, 1_000_000)],
            _ => claims,
        };
        if (what == "one too many")
        {
            // A place of another key, behind all of this one's.
            Assert.NotEqual("7", Encoding.UTF8.GetString(log.Entries(log.Head.TreeSize - 1, log.Head.TreeSize - 1)[0].Key.Span));
        }
        await using var mirror = await OpenAsync();

        var outcome = await SyncAsync(mirror, WithMap(log, wrong, what == "first value only"));

        var evidence = Assert.IsType<SyncOutcome.Misbehaving>(outcome).Evidence;
        Assert.Equal("7", Encoding.UTF8.GetString(evidence.Map!.Key.Span));
        var read = MisbehaviourProof.Parse(MisbehaviourProof.Write(evidence, _mirror.Identity.Key), out _);
        Assert.Equal(Verification.Ok, read.Verify(_mirror.Identity));
        Assert.NotEmpty(read.Detail);
    }

    [Fact]
    public async Task SyncAsync_takes_the_first_claims_of_a_key_that_has_more_than_count()
    {
        var most = MapRule.AllClaims.MaxClaims;
        await using var log = await PublishAsync(most + 50);
        await using var mirror = await OpenAsync();

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, WithMap(log, Honest(log), false)));

        Assert.Equal(most, mirror.EntriesOf("7"u8).Count);
        var value = mirror.MapValue("7"u8, mirror.Head!.MapRoot)!.Value;
        Assert.True(MapRule.AllClaims.TryParse(value.Span, out var named));
        Assert.Equal(log.EntriesOf("7"u8).Take(most).Select(e => e.Index), named.Select(n => n.Index));
    }

    [Fact]
    public void Verify_of_an_honest_value_under_the_other_rule_is_no_evidence_against_the_log()
    {
        var (key, digest) = (Encoding.UTF8.GetBytes("key"), Sha256Digest.HashData("value"u8));
        var leaf = new MapInsertion(Sha256Digest.HashData(key), MapRule.FirstValue.Hash([new MapClaim(digest, 0)]), 0);
        using var map = SparseMap.Build([leaf]);
        var tree = new MerkleTree();
        tree.Append(TreeHash.EntryLeaf(key, digest));
        var head = LogHead.Sign(tree.Root(1), 1, map.Root(), Sha256Digest.Zero, 1, _publisher.Key);
        var contradiction = new MapContradiction(key, MapRule.FirstValue.Write([new MapClaim(digest, 0)]), map.Prove(leaf.Path), null);
        var record = Misbehaviour.OfMap(head, contradiction, DateTimeOffset.UnixEpoch);

        Assert.False(record.Verify(_publisher.Identity).IsVerified);
        // A log of the other protocol has another ID: such a head in it would be wrong indeed.
        Assert.True(record.Verify(_mirror.Identity).IsVerified);
    }

    async Task<PublishedLog> PublishAsync(int claims)
    {
        var log = await _publisher.OpenAsync();
        for (var i = 0; i < claims; i++)
        {
            await log.SubmitAsync([
                .. Enumerable.Range(0, 12).Select(key => Item($"{key}", key == 7 || i < Claims ? $"claim {i}" : "claim 0")),
            ]);
        }
        return log;
    }

    static Dictionary<string, MapClaim[]> Honest(PublishedLog log) =>
        log.Entries(0, log.Head.TreeSize - 1)
            .GroupBy(e => Encoding.UTF8.GetString(e.Key.Span))
            .ToDictionary(g => g.Key, g => g.Take(MapRule.AllClaims.MaxClaims).Select(e => new MapClaim(e.ValueDigest, e.Index)).ToArray());

    ScriptedLogSource WithMap(PublishedLog log, Dictionary<string, MapClaim[]> claims, bool firstOnly)
    {
        byte[] Value(string key) =>
            !claims.TryGetValue(key, out var found) || found.Length == 0 ? []
            : firstOnly && key == "7" ? MapRule.FirstValue.Write(found.AsSpan(0, 1))
            : MapRule.AllClaims.Write(found);
        var map = SparseMap.Build([
            .. claims
                .Where(c => c.Value.Length > 0)
                .Select((c, i) => new MapInsertion(Path(c.Key), Sha256Digest.HashData(Value(c.Key)), (ulong)i)),
        ]);
        var head = log.Head;
        Sha256Digest[] leaves = [.. log.MapHistoryLeaves(0, head.MhTreeSize - 2), TreeHash.Leaf(map.Root().AsSpan())];
        var history = new MerkleTree();
        history.AppendRange(leaves);
        return new ScriptedLogSource(log)
        {
            OnHead = _ =>
                LogHead.Sign(head.LogRoot, head.TreeSize, map.Root(), history.Root(head.MhTreeSize), head.MhTreeSize, _publisher.Key),
            OnMapHistory = asked => leaves[^asked.Count..],
            OnMapValue = (key, _) => new MapAnswer(Value(Encoding.UTF8.GetString(key.Span)), map.Prove(Sha256Digest.HashData(key.Span))),
        };
    }

    static Sha256Digest Path(string key) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(key));

    Task<MirroredLog> OpenAsync() =>
        MirroredLog.OpenAsync(
            new MirroredLogOptions { Identity = _mirror.Identity, Folder = _mirror.Folder },
            TestContext.Current.CancellationToken
        );

    static Task<SyncOutcome> SyncAsync(MirroredLog mirror, ILogSource remote) =>
        mirror
            .SyncAsync([remote], MirrorLimits.Default, null, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
}
