using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class SparseMapTests
{
    // Few distinct bytes, so that paths share long prefixes; never the same path twice.
    static readonly Arbitrary<MapInsertion[]> s_entries = Gen.Elements<byte>(0, 1, 0x80, 0xff)
        .ArrayOf(3)
        .Select(bytes => new { Start = bytes, End = (byte)(bytes[0] ^ bytes[2]) })
        .ArrayOf()
        .Select(shapes =>
            shapes
                .Select(shape => Path(shape.Start, shape.End))
                .Distinct()
                .Select((path, i) => new MapInsertion(path, Sha256Digest.HashData([(byte)i, 1]), (ulong)i))
                .ToArray()
        )
        .ToArbitrary();

    [Fact]
    public void Insert_in_batches_gives_the_root_of_the_definition() =>
        Prop.ForAll(
                s_entries,
                ArbMap.Default.ArbFor<byte>(),
                (entries, cut) =>
                {
                    var at = entries.Length == 0 ? 0 : cut % (entries.Length + 1);
                    var map = SparseMap.Empty.Insert(entries.AsSpan(0, at)).Insert(entries.AsSpan(at));
                    return map.Root == NaiveMap.Root(entries)
                        && map.Root == SparseMap.Build(entries.Reverse().ToArray()).Root
                        && map.Count == entries.Length;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void At_every_size_is_the_map_of_the_first_entries() =>
        Prop.ForAll(
                s_entries,
                entries =>
                {
                    var map = SparseMap.Build(entries);
                    for (var size = 0; size <= entries.Length; size++)
                    {
                        var then = map.At((ulong)size);
                        if (then.Root != NaiveMap.Root(entries[..size]) || then.Count != size)
                        {
                            return false;
                        }
                    }
                    return ReferenceEquals(map.At((ulong)entries.Length), map);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Prove_agrees_with_the_definition_for_present_and_absent_paths() =>
        Prop.ForAll(
                s_entries,
                s_entries,
                (entries, others) =>
                {
                    var map = SparseMap.Build(entries);
                    foreach (var path in entries.Concat(others).Select(entry => entry.Path))
                    {
                        var (sideNodes, leaf) = NaiveMap.Path(entries, path);
                        var proof = map.Prove(path);
                        Assert.Equal(sideNodes.Count, proof.NumSideNodes);
                        Assert.Equal(sideNodes.Where(node => node != Sha256Digest.Zero), proof.SideNodes);
                        for (var i = 0; i < sideNodes.Count; i++)
                        {
                            var omitted = (proof.BitMask.Span[i / 8] & (0x80 >> (i % 8))) != 0;
                            Assert.Equal(sideNodes[i] == Sha256Digest.Zero, omitted);
                        }
                        var present = leaf is { } found && found.Path == path;
                        Assert.Equal(leaf is not null && !present, proof.NonMembershipLeaf is not null);
                        Assert.Equal(present, map.TryFind(path, out var index));
                        Assert.Equal(present ? leaf!.Value.Index : 0, index);
                    }
                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Insert_leaves_the_older_map_as_it_was()
    {
        var first = SparseMap.Build(Keys(0, 300));
        var root = first.Root;
        var second = first.Insert(Keys(300, 300));
        Assert.Equal(root, first.Root);
        Assert.Equal(300, first.Count);
        Assert.False(first.TryFind(Keys(300, 1)[0].Path, out _));
        Assert.Equal(root, second.At(300).Root);
    }

    [Fact]
    public void Insert_of_a_present_path_is_refused()
    {
        var map = SparseMap.Build(Keys(0, 20));
        Assert.Throws<ArgumentException>(() => map.Insert(Keys(5, 1)));
        Assert.Throws<ArgumentException>(() => map.Insert(Keys(19, 3)));
    }

    [Fact]
    public void Insert_of_one_path_twice_is_refused()
    {
        var key = Keys(1, 1)[0];
        Assert.Throws<ArgumentException>(() => SparseMap.Build([key, Keys(2, 1)[0], key]));
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
        var map = SparseMap.Build(entries);
        Assert.Equal(NaiveMap.Root(entries), map.Root);
        var proof = map.Prove(new Sha256Digest(last));
        Assert.Equal(256, proof.NumSideNodes);
        Assert.Equal(32, proof.BitMask.Length);
        Assert.Single(proof.SideNodes);
        Assert.Equal(SparseMap.Build([entries[0]]).Root, map.At(1).Root);
    }

    [Fact]
    public void Empty_map_has_the_placeholder_root_and_proves_absence()
    {
        Assert.Equal(Sha256Digest.Zero, SparseMap.Empty.Root);
        var proof = SparseMap.Empty.Prove(Sha256Digest.HashData("x"u8));
        Assert.Equal(0, proof.NumSideNodes);
        Assert.Null(proof.NonMembershipLeaf);
        Assert.True(SparseMapProof.Verify(proof, Sha256Digest.Zero, "x"u8, []).IsVerified);
    }

    [Fact]
    public void Map_of_captured_submit_has_the_known_root()
    {
        var key = Convert.FromHexString("bc63f28a4e8dda15107f687e6c3a8848492e89e3bc7726a56a0f1ee68dd9350d");
        var value = Sha256Digest.HashData(Convert.FromHexString("28899cec2bd12feeabb5d82a3b1eafd23221798ac30a20f449144015746e2321"));
        var map = SparseMap.Build([MapInsertion.Of(key, value, 0)]);
        Assert.Equal("7471171bbb64561aa295861ddcc4acf3396c3cd9863f18f11aaee0a72e5633a4", map.Root.ToString());
        var proof = map.Prove(Sha256Digest.HashData(key));
        Assert.Equal(0, proof.NumSideNodes);
        Assert.True(proof.BitMask.IsEmpty);
        Assert.True(SparseMapProof.Verify(proof, map.Root, key, MapEntryJson.Write(value, 0)).IsVerified);
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
        var headA = SparseMap.Empty.Insert(entries.AsSpan(0, 3));
        Assert.Equal("424207ffe65afa78da0552b8ff2c505d3b6808db140c00d82748b1abb9ba0db3", headA.Root.ToString());
        var headB = headA.Insert(entries.AsSpan(3));
        Assert.Equal("1fa1838606a2fb9d212e7969de4c43ede5c7ea75b30a5cddc875d16d822028bd", headB.Root.ToString());
        Assert.Equal(headA.Root, headB.At(3).Root);

        var proofA = headA.Prove(entries[0].Path);
        Assert.Equal((4, "30", 2), (proofA.NumSideNodes, Convert.ToHexStringLower(proofA.BitMask.Span), proofA.SideNodes.Count));
        var proofB = headB.Prove(entries[0].Path);
        Assert.Equal((5, "00", 5), (proofB.NumSideNodes, Convert.ToHexStringLower(proofB.BitMask.Span), proofB.SideNodes.Count));
        Assert.Equal(proofA.SideNodes, headB.At(3).Prove(entries[0].Path).SideNodes);
    }

    internal static MapInsertion[] Keys(int start, int count) =>
        [
            .. Enumerable
                .Range(start, count)
                .Select(i => MapInsertion.Of(Encoding.ASCII.GetBytes($"k{i}"), Sha256Digest.HashData(BitConverter.GetBytes(i)), (ulong)i)),
        ];

    static Sha256Digest Path(byte[] start, byte end)
    {
        var path = new byte[32];
        start.CopyTo(path, 0);
        path[31] = end;
        return new Sha256Digest(path);
    }
}
