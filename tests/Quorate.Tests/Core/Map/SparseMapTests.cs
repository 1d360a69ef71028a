using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class SparseMapTests
{
    // Few distinct bytes in few places, so that paths share prefixes of any length; never the same path twice.
    internal static readonly Arbitrary<MapInsertion[]> Entries = Gen.Elements<byte>(0, 1, 0x80, 0xff)
        .ArrayOf(5)
        .Select(bytes => Path(bytes))
        .ArrayOf()
        .Select(paths =>
            paths.Distinct().Select((path, i) => new MapInsertion(path, Sha256Digest.HashData([(byte)i, 1]), (ulong)i)).ToArray()
        )
        .ToArbitrary();

    [Fact]
    public void Insert_in_batches_gives_the_root_of_the_definition() =>
        Prop.ForAll(
                Entries,
                ArbMap.Default.ArbFor<byte[]>(),
                (entries, cuts) =>
                {
                    var leaves = new TestLeaves();
                    leaves.Add(entries);
                    using var map = new SparseMap(leaves);
                    var done = 0;
                    foreach (var cut in cuts)
                    {
                        // Some cuts end a version, some only a batch within one.
                        var count = Math.Min(cut % 8, entries.Length - done);
                        map.Insert(entries.AsSpan(done, count));
                        done += count;
                        if (cut >= 128)
                        {
                            Assert.Equal(NaiveMap.Root(entries[..done]), map.Publish((ulong)done).Root);
                        }
                    }
                    map.Insert(entries.AsSpan(done));
                    map.Publish((ulong)entries.Length);
                    using var reversed = SparseMap.Build(entries.Reverse().ToArray());
                    return map.Root() == NaiveMap.Root(entries)
                        && map.Root() == reversed.Root()
                        && map.Published.Count == entries.Length
                        && entries.All(e => map.TryFindStaged(e.Path, out var index) && index == e.Index);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void At_every_size_is_the_map_of_the_first_entries() =>
        Prop.ForAll(
                Entries,
                entries =>
                {
                    using var map = SparseMap.Build(entries);
                    for (var size = 0; size <= entries.Length; size++)
                    {
                        using var then = map.Published.At((ulong)size)!;
                        if (then.Root != NaiveMap.Root(entries[..size]) || then.Count != size)
                        {
                            return false;
                        }
                        AssertAgrees(then, entries[..size], entries.Select(e => e.Path).Skip(size - 2).Take(4));
                    }
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Prove_agrees_with_the_definition_for_present_and_absent_paths() =>
        Prop.ForAll(
                Entries,
                Entries,
                (entries, others) =>
                {
                    using var map = SparseMap.Build(entries);
                    AssertAgrees(map.Published, entries, entries.Concat(others).Select(entry => entry.Path));
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Insert_leaves_the_older_version_as_it_was()
    {
        var (map, leaves) = Filled(300);
        using var _ = map;
        var first = map.Published;
        var root = first.Root;
        leaves.Add(Keys(300, 300));
        map.Insert(Keys(300, 300));
        var second = map.Publish(600);
        Assert.Equal(root, first.Root);
        Assert.Equal(300, first.Count);
        Assert.False(first.TryFind(Keys(300, 1)[0].Path, out ulong _));
        Assert.True(second.TryFind(Keys(300, 1)[0].Path, out ulong _));
        AssertAgrees(first, Keys(0, 300), Keys(0, 400).Select(k => k.Path).Take(20));
        using var then = second.At(300);
        Assert.Equal(root, then!.Root);
    }

    [Fact]
    public void Insert_of_a_present_path_is_refused()
    {
        var (map, _) = Filled(20);
        using var _1 = map;
        var again = Keys(5, 1).Select(k => new MapInsertion(k.Path, k.ValueHash, 20)).ToArray();
        Assert.Throws<ArgumentException>(() => map.Insert(again));
        Assert.Throws<InvalidOperationException>(() => map.StagedRoot);
        map.Revert();
        Assert.Equal(map.Published.Root, map.StagedRoot);
    }

    [Fact]
    public void Insert_of_an_index_that_is_not_new_is_refused()
    {
        var (map, _) = Filled(20);
        using var _1 = map;
        Assert.Throws<ArgumentException>(() => map.Insert([new MapInsertion(Sha256Digest.HashData([1]), default, 19)]));
        Assert.Throws<ArgumentException>(() => map.Insert([new MapInsertion(Sha256Digest.HashData([1]), default, SparseMap.MaxTreeSize)]));
    }

    [Fact]
    public void Insert_of_one_path_twice_is_refused()
    {
        var key = Keys(1, 1)[0];
        var again = new MapInsertion(key.Path, key.ValueHash, 7);
        Assert.Throws<ArgumentException>(() => SparseMap.Build([key, Keys(2, 1)[0], again]));
    }

    [Fact]
    public void Paths_that_differ_in_the_last_bit_only_make_256_side_nodes()
    {
        var last = new byte[32];
        last[31] = 1;
        MapInsertion[] entries =
        [
            new(Sha256Digest.Zero, Sha256Digest.HashData([1]), 0),
            new(new Sha256Digest(last), Sha256Digest.HashData([2]), 1),
        ];
        using var map = SparseMap.Build(entries);
        Assert.Equal(NaiveMap.Root(entries), map.Root());
        var proof = map.Prove(new Sha256Digest(last));
        Assert.Equal(256, proof.NumSideNodes);
        Assert.Equal(32, proof.BitMask.Length);
        Assert.Single(proof.SideNodes);
        using var one = SparseMap.Build([entries[0]]);
        using var then = map.Published.At(1);
        Assert.Equal(one.Root(), then!.Root);
    }

    [Fact]
    public void Empty_map_has_the_placeholder_root_and_proves_absence()
    {
        using var map = SparseMap.Build([]);
        Assert.Equal(Sha256Digest.Zero, map.Root());
        var proof = map.Prove(Sha256Digest.HashData("x"u8));
        Assert.Equal(0, proof.NumSideNodes);
        Assert.Null(proof.NonMembershipLeaf);
        Assert.True(SparseMapProof.Verify(proof, Sha256Digest.Zero, "x"u8, []).IsVerified);
    }

    [Fact]
    public void Map_of_one_known_entry_has_the_known_root()
    {
        var key = Convert.FromHexString("bc63f28a4e8dda15107f687e6c3a8848492e89e3bc7726a56a0f1ee68dd9350d");
        var value = Sha256Digest.HashData(Convert.FromHexString("28899cec2bd12feeabb5d82a3b1eafd23221798ac30a20f449144015746e2321"));
        using var map = SparseMap.Build([MapInsertion.Of(key, value, 0)]);
        Assert.Equal("7471171bbb64561aa295861ddcc4acf3396c3cd9863f18f11aaee0a72e5633a4", map.Root().ToString());
        var proof = map.Prove(Sha256Digest.HashData(key));
        Assert.Equal(0, proof.NumSideNodes);
        Assert.True(proof.BitMask.IsEmpty);
        Assert.True(SparseMapProof.Verify(proof, map.Root(), key, MapEntryJson.Write(value, 0)).IsVerified);
    }

    [Fact]
    public void Maps_of_captured_batches_have_the_known_roots_and_proofs()
    {
        var entries = Enumerable
            .Range(0, 7)
            .Select(i =>
                MapInsertion.Of(Encoding.ASCII.GetBytes($"key{i}"), Sha256Digest.HashData(Encoding.ASCII.GetBytes($"value{i}")), (ulong)i)
            )
            .ToArray();
        var leaves = new TestLeaves();
        leaves.Add(entries);
        using var map = new SparseMap(leaves);
        map.Insert(entries.AsSpan(0, 3));
        var headA = map.Publish(3);
        Assert.Equal("424207ffe65afa78da0552b8ff2c505d3b6808db140c00d82748b1abb9ba0db3", headA.Root.ToString());
        map.Insert(entries.AsSpan(3));
        var headB = map.Publish(7);
        Assert.Equal("1fa1838606a2fb9d212e7969de4c43ede5c7ea75b30a5cddc875d16d822028bd", headB.Root.ToString());
        using var then = headB.At(3)!;
        Assert.Equal(headA.Root, then.Root);

        var proofA = headA.Prove(entries[0].Path);
        Assert.Equal((4, "30", 2), (proofA.NumSideNodes, Convert.ToHexStringLower(proofA.BitMask.Span), proofA.SideNodes.Count));
        var proofB = headB.Prove(entries[0].Path);
        Assert.Equal((5, "00", 5), (proofB.NumSideNodes, Convert.ToHexStringLower(proofB.BitMask.Span), proofB.SideNodes.Count));
        Assert.Equal(proofA.SideNodes, then.Prove(entries[0].Path).SideNodes);
    }

    internal static MapInsertion[] Keys(int start, int count) =>
        [
            .. Enumerable
                .Range(start, count)
                .Select(i => MapInsertion.Of(Encoding.ASCII.GetBytes($"k{i}"), Sha256Digest.HashData(BitConverter.GetBytes(i)), (ulong)i)),
        ];

    /// <summary>A map that was published once, with the first keys.</summary>
    internal static (SparseMap Map, TestLeaves Leaves) Filled(int count, long budget = SparseMap.DefaultBudget)
    {
        var leaves = new TestLeaves();
        leaves.Add(Keys(0, count));
        var map = new SparseMap(leaves, budget);
        map.Insert(Keys(0, count));
        map.Publish((ulong)count);
        return (map, leaves);
    }

    /// <summary>Compares proofs and look-ups with the recursive definition.</summary>
    internal static void AssertAgrees(MapVersion version, MapInsertion[] entries, IEnumerable<Sha256Digest> paths)
    {
        Assert.True(version.TryRead(out var reader));
        using (reader)
        {
            foreach (var path in paths)
            {
                var (sideNodes, leaf) = NaiveMap.Path(entries, path);
                var proof = reader.Prove(path, out var proved);
                Assert.Equal(sideNodes.Count, proof.NumSideNodes);
                Assert.Equal(sideNodes.Where(node => node != Sha256Digest.Zero), proof.SideNodes);
                for (var i = 0; i < sideNodes.Count; i++)
                {
                    var omitted = (proof.BitMask.Span[i / 8] & (0x80 >> (i % 8))) != 0;
                    Assert.Equal(sideNodes[i] == Sha256Digest.Zero, omitted);
                }
                var present = leaf is { } found && found.Path == path;
                Assert.Equal(leaf is not null && !present, proof.NonMembershipLeaf is not null);
                Assert.Equal(present, reader.TryFind(path, out var index));
                Assert.Equal(present ? leaf!.Value.Index : 0, index);
                Assert.Equal(present ? leaf!.Value.Index : null, proved);
            }
        }
    }

    // Bits at the start and around the 64th, so that runs of one-sided nodes are short, long, and beyond what a leaf knows.
    static Sha256Digest Path(byte[] bytes)
    {
        var path = new byte[32];
        (path[0], path[4], path[7], path[8], path[9]) = (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]);
        return new Sha256Digest(path);
    }
}
