using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Tests.Core.Map;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class MisbehaviourProofTests
{
    static readonly Ed25519PrivateKey s_key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)7, 32)]);
    static readonly LogIdentity s_log = new(Protocol.Test, s_key.PublicKey);
    static readonly DateTimeOffset s_found = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>One record of each kind, each a true contradiction.</summary>
    internal static IReadOnlyList<Misbehaviour> Samples { get; } = [.. Make()];

    public static TheoryData<int> Indexes => [.. Enumerable.Range(0, Samples.Count)];

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Parse_of_what_was_written_verifies_from_the_key_alone(int index)
    {
        var file = MisbehaviourProof.Write(Samples[index], s_key.PublicKey);

        var parsed = MisbehaviourProof.Parse(file, out var key);

        Assert.Equal(Verification.Ok, parsed.Verify(s_log));
        Assert.Equal(s_key.PublicKey, key);
        Assert.Equal(Samples[index].Detail, parsed.Detail);
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Verify_under_another_key_is_refused(int index)
    {
        using var other = Ed25519PrivateKey.Generate();
        Assert.False(Samples[index].Verify(new LogIdentity(Protocol.Test, other.PublicKey)).IsVerified);
    }

    [Fact]
    public void Samples_have_every_kind() =>
        Assert.Equal(Enum.GetValues<MisbehaviourKind>(), Samples.Select(s => s.Kind).Distinct().Order());

    [Fact]
    public void Parse_of_a_changed_file_is_refused_or_proves_the_same()
    {
        var files = Samples.Select(s => MisbehaviourProof.Write(s, s_key.PublicKey)).ToArray();
        var change =
            from file in Gen.Choose(0, files.Length - 1)
            from at in Gen.Choose(0, files[file].Length - 1)
            from value in Gen.Choose(0, 255)
            select (file, at, value);
        Prop.ForAll(
                change.ToArbitrary(),
                c =>
                {
                    byte[] changed = [.. files[c.file]];
                    changed[c.at] = (byte)c.value;
                    try
                    {
                        var parsed = MisbehaviourProof.Parse(changed, out _);
                        // Only the time and the stated key are not evidence.
                        return !parsed.Verify(s_log).IsVerified || parsed.Detail == Samples[c.file].Detail;
                    }
                    catch (MalformedException)
                    {
                        return true;
                    }
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Parse_of_two_honest_heads_gives_no_contradiction()
    {
        var tree = Tree(8);
        var (earlier, later) = (Head(tree, 3, 1), Head(tree, 8, 2));
        var made = new Misbehaviour(
            MisbehaviourKind.RewrittenLog,
            earlier,
            later,
            earlier.LogRoot,
            tree.ConsistencyProof(3, 8),
            null,
            s_found
        );
        Assert.Equal("no-contradiction", Assert.IsType<Verification.Rejected>(made.Verify(s_log)).Code);
    }

    [Fact]
    public void Verify_of_an_honest_map_answer_gives_no_contradiction()
    {
        var honest = MapCase(wrongIndex: 2, leafIndex: 2);
        Assert.Equal("no-contradiction", Assert.IsType<Verification.Rejected>(honest.Verify(s_log)).Code);
    }

    [Fact]
    public void Parse_of_a_file_that_is_too_long_is_refused() =>
        Assert.Throws<MalformedException>(() => MisbehaviourProof.Parse(new byte[MisbehaviourProof.MaxBytes + 1], out _));

    static IEnumerable<Misbehaviour> Make()
    {
        var (tree, fork) = (Tree(8), Tree(8, "fork"));
        yield return Misbehaviour.Between(Head(tree, 5, 1), Head(fork, 5, 2), s_found)!;
        yield return Misbehaviour.Between(
            Head(tree, 5, 1),
            Head(tree, 5, 2) with { MapRoot = Sha256Digest.Zero } is var h ? Sign(h) : h,
            s_found
        )!;
        yield return Misbehaviour.Between(Head(tree, 5, 2), Head(tree, 6, 2, map: 9), s_found)!;
        yield return Rewritten(
            MisbehaviourKind.RewrittenLog,
            Head(tree, 3, 1),
            Head(fork, 8, 2),
            fork.Root(3),
            fork.ConsistencyProof(3, 8)
        );
        yield return Misbehaviour.Between(Head(tree, 5, 1), Note(fork, 5), s_found)!;
        yield return Misbehaviour.Between(Note(tree, 5), Note(fork, 5), s_found)!;
        yield return new Misbehaviour(
            MisbehaviourKind.RewrittenLog,
            Note(tree, 3),
            Note(fork, 8),
            fork.Root(3),
            fork.ConsistencyProof(3, 8),
            null,
            s_found
        );
        var (history, other) = (Tree(4, "history"), Tree(4, "other"));
        yield return Rewritten(
            MisbehaviourKind.RewrittenMapHistory,
            Sign(Head(tree, 3, 3) with { MhRoot = history.Root(3) }),
            Sign(Head(tree, 4, 4) with { MhRoot = other.Root(4) }),
            other.Root(3),
            other.ConsistencyProof(3, 4)
        );
        yield return new Misbehaviour(
            MisbehaviourKind.WrongMapHistoryLeaf,
            null,
            Sign(Head(tree, 4, 4) with { MhRoot = history.Root(4) }),
            history.Leaf(3),
            history.InclusionProof(3, 4),
            null,
            s_found
        );
        yield return MapCase(wrongIndex: 4, leafIndex: 4);
        yield return MapCase(wrongIndex: 4, leafIndex: 2);
        yield return MapCase(wrongIndex: null, leafIndex: 2);
        yield return MapCase(wrongIndex: 99, leafIndex: null);
    }

    /// <summary>The map says of key 2 that it is entry <paramref name="wrongIndex"/> (or nothing), the log shows an entry against it.</summary>
    static Misbehaviour MapCase(int? wrongIndex, int? leafIndex)
    {
        var tree = Tree(8);
        var places = Enumerable.Range(0, 8).ToDictionary(i => i, i => i == 2 ? wrongIndex : i);
        using var map = MapTestExtensions.Claiming(
            places.Where(p => p.Value is not null).Select(p => ((ReadOnlyMemory<byte>)Key(p.Key), Digest(p.Key), (ulong)p.Value!))
        );
        var head = Sign(Head(tree, 8, 3) with { MapRoot = map.Root() });
        var value = wrongIndex is { } index ? MapEntryJson.Write(Digest(2), (ulong)index) : [];
        var entry = leafIndex is { } leaf
            ? new ProvenEntry((ulong)leaf, Key(leaf), Digest(leaf), tree.InclusionProof((ulong)leaf, 8))
            : null;
        return Misbehaviour.OfMap(head, new MapContradiction(Key(2), value, map.Prove(Sha256Digest.HashData(Key(2))), entry), s_found);
    }

    static Misbehaviour Rewritten(
        MisbehaviourKind kind,
        LogHead earlier,
        LogHead later,
        Sha256Digest actual,
        IReadOnlyList<Sha256Digest> proof
    ) => new(kind, earlier, later, actual, proof, null, s_found);

    [Fact]
    public void Between_checkpoints_of_two_origins_is_no_contradiction() =>
        Assert.Null(Misbehaviour.Between(Note(Tree(5), 5), Note(Tree(5, "fork"), 5, "log.example/other"), s_found));

    static SignedTree.OfCheckpoint Note(MerkleTree tree, ulong size, string origin = "log.example/a")
    {
        var text = new Checkpoint(origin, size, tree.Root(size)).ToText();
        var signer = new NoteSigner(origin, s_key);
        return SignedTree.OfCheckpoint.From(SignedNote.Create(text, [signer.Sign(text)]), s_key.PublicKey)!;
    }

    static MerkleTree Tree(int leaves, string salt = "")
    {
        var tree = new MerkleTree();
        for (var i = 0; i < leaves; i++)
        {
            tree.Append(salt.Length > 0 ? TreeHash.Leaf(Encoding.UTF8.GetBytes($"{salt} {i}")) : TreeHash.EntryLeaf(Key(i), Digest(i)));
        }
        return tree;
    }

    static byte[] Key(int i) => Encoding.UTF8.GetBytes($"key {i}");

    static Sha256Digest Digest(int i) => Sha256Digest.HashData(Encoding.UTF8.GetBytes($"value {i}"));

    static LogHead Head(MerkleTree tree, ulong size, ulong mhSize, int map = 1) =>
        Sign(new LogHead(tree.Root(size), size, Digest(map), Digest(100 + (int)mhSize), mhSize, ReadOnlyMemory<byte>.Empty));

    static LogHead Sign(LogHead head) => LogHead.Sign(head.LogRoot, head.TreeSize, head.MapRoot, head.MhRoot, head.MhTreeSize, s_key);
}
