using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Testing;
using Quorate.Tests.Core.Map;
using Xunit;

namespace Quorate.Tests.Log;

/// <summary>Heads whose map is not that of their entries.</summary>
public sealed partial class MirroredLogTests
{
    const int Keys = 300;

    public static TheoryData<string> WrongMaps => ["another value", "another place", "no such key", "beyond the log", "a later place"];

    [Theory]
    [MemberData(nameof(WrongMaps))]
    public async Task SyncAsync_of_a_wrong_map_finds_the_key_that_shows_it(string what)
    {
        await using var log = await PublishAsync(Keys);
        await log.SubmitAsync("0/7", "a later value");
        var honest = log.Entries(0, Keys - 1).Select(e => (e.Key, e.ValueDigest, e.Index)).ToList();
        var wrong = what switch
        {
            "another value" => honest.Select(e => e.Index == 7 ? e with { ValueDigest = Sha256Digest.Zero } : e),
            "another place" => honest.Select(e => e.Index == 7 ? e with { Index = 3 } : e),
            "no such key" => honest.Where(e => e.Index != 7),
            "beyond the log" => honest.Select(e => e.Index == 7 ? e with { Index = 1_000_000 } : e),
            _ => honest.Select(e => e.Index == 7 ? e with { Index = Keys, ValueDigest = log.Entries(Keys, Keys)[0].ValueDigest } : e),
        };
        await using var mirror = await OpenAsync();

        var outcome = await SyncAsync(mirror, WithMap(log, wrong));

        var evidence = Assert.IsType<SyncOutcome.Misbehaving>(outcome).Evidence;
        Assert.Equal("0/7", Encoding.UTF8.GetString(evidence.Map!.Key.Span));
        var file = MisbehaviourProof.Write(evidence, _publisher.Identity.Key);
        Assert.True(file.Length < 4000, $"{file.Length} bytes");
        Assert.Equal(Verification.Ok, MisbehaviourProof.Parse(file, out _).Verify(_publisher.Identity));
    }

    [Fact]
    public async Task SyncAsync_of_a_wrong_map_that_no_remote_proves_is_unavailable_and_no_misbehaviour()
    {
        await using var log = await PublishAsync(Keys);
        var good = log.Head;
        await using var mirror = await OpenAsync();
        await SyncAsync(mirror, new ScriptedLogSource(log));
        await log.SubmitAsync("another", "entry");
        var withholding = WithMap(log, [.. log.Entries(0, Keys - 1).Select(e => (e.Key, e.ValueDigest, e.Index))]);
        withholding.OnMapValue = (_, _) => null;

        var outcome = await SyncAsync(mirror, withholding);

        Assert.Contains(Assert.IsType<SyncOutcome.Failed>(outcome).Faults, fault => fault.Code == "wrong-map");
        Assert.Null(mirror.Misbehaviour);
        Assert.Equal(good, mirror.Head);
    }

    [Fact]
    public async Task SyncAsync_of_a_map_with_a_key_of_nobody_is_unavailable_and_no_misbehaviour()
    {
        await using var log = await PublishAsync(Keys);
        await using var mirror = await OpenAsync();
        ReadOnlyMemory<byte> stranger = "stranger"u8.ToArray();
        var source = WithMap(
            log,
            [.. log.Entries(0, Keys - 1).Select(e => (e.Key, e.ValueDigest, e.Index)), (stranger, Sha256Digest.Zero, 5UL)]
        );

        // Whoever asked for just that key would be shown; but nobody knows it, so that nothing can be shown.
        var outcome = await SyncAsync(mirror, source);

        Assert.Contains(Assert.IsType<SyncOutcome.Failed>(outcome).Faults, fault => fault.Code == "wrong-map");
        Assert.Null(mirror.Misbehaviour);
    }

    [Fact]
    public async Task SyncAsync_with_a_liar_about_the_map_of_an_honest_log_advances()
    {
        await using var log = await PublishAsync(Keys);
        await using var mirror = await OpenAsync();
        var liar = new ScriptedLogSource(log, "http://liar.test")
        {
            OnMapValue = (_, _) => new MapAnswer(ReadOnlyMemory<byte>.Empty, new MapProof([], null, ReadOnlyMemory<byte>.Empty, 0)),
        };

        Assert.IsType<SyncOutcome.Advanced>(await SyncAsync(mirror, liar));

        Assert.Null(mirror.Misbehaviour);
    }

    [Fact]
    public async Task CompareAsync_of_trees_that_agree_or_are_larger_finds_nothing()
    {
        await using var log = await PublishAsync(8, 8);
        await using var mirror = await OpenAsync();
        await SyncAsync(mirror, new ScriptedLogSource(log));
        await using var other = await OtherAsync(20);

        Assert.Null(await mirror.CompareAsync([log.Head, Checkpoint(log.HeadAt(1)), other.Head], TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(8, MisbehaviourKind.RewrittenLog)]
    [InlineData(16, MisbehaviourKind.TwoLogRoots)]
    public async Task CompareAsync_of_a_checkpoint_of_another_history_proves_it(int size, MisbehaviourKind kind)
    {
        await using var log = await PublishAsync(8, 8);
        await using var mirror = await OpenAsync();
        await SyncAsync(mirror, new ScriptedLogSource(log));
        await using var other = await OtherAsync(size);

        var found = await mirror.CompareAsync([Checkpoint(other.Head)], TestContext.Current.CancellationToken);

        Assert.Equal(kind, found!.Kind);
        var file = MisbehaviourProof.Write(found, _publisher.Identity.Key);
        Assert.Equal(Verification.Ok, MisbehaviourProof.Parse(file, out _).Verify(_publisher.Identity));
        Assert.Equal(kind, mirror.Misbehaviour!.Kind);
        Assert.Equal(log.Head, mirror.Head);
    }

    SignedTree.OfCheckpoint Checkpoint(LogHead head)
    {
        var text = Quorate.Log.Tiles.Checkpoint.Of("log.example/a", head).ToText();
        var note = SignedNote.Create(text, [new NoteSigner("log.example/a", _publisher.Key).Sign(text)]);
        return SignedTree.OfCheckpoint.From(note, _publisher.Identity.Key)!;
    }

    /// <summary>The log under heads that commit to another map, with a map history that fits, and proofs of it.</summary>
    ScriptedLogSource WithMap(PublishedLog log, IEnumerable<(ReadOnlyMemory<byte> Key, Sha256Digest ValueDigest, ulong Index)> entries)
    {
        var list = entries.ToList();
        var map = MapTestExtensions.Claiming(list);
        var head = log.Head;
        Sha256Digest[] leaves = [.. log.MapHistoryLeaves(0, head.MhTreeSize - 2), TreeHash.Leaf(map.Root().AsSpan())];
        return new ScriptedLogSource(log)
        {
            OnHead = _ => Sign(head with { MapRoot = map.Root(), MhRoot = Root(leaves) }),
            OnMapHistory = asked => leaves[^asked.Count..],
            OnMapValue = (key, _) =>
            {
                var at = list.FindIndex(e => e.Key.Span.SequenceEqual(key.Span));
                return new MapAnswer(
                    at < 0 ? [] : MapEntryJson.Write(list[at].ValueDigest, list[at].Index),
                    map.Prove(Sha256Digest.HashData(key.Span))
                );
            },
        };
    }
}
