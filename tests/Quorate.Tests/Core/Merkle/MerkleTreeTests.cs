using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Tests.Core.Columns;
using Xunit;

namespace Quorate.Tests.Core.Merkle;

public sealed class MerkleTreeTests
{
    [Fact]
    public void Root_and_proofs_of_every_small_tree_agree_with_the_definition()
    {
        const int Most = 70;
        var leaves = Enumerable.Range(0, Most).Select(i => TreeHash.Leaf([(byte)i])).ToArray();
        var tree = Tree(leaves);
        for (var size = 0; size <= Most; size++)
        {
            var part = leaves.AsSpan(0, size);
            Assert.Equal(NaiveTree.Root(part), tree.Root((ulong)size));
            for (var index = 0; index < size; index++)
            {
                var proof = tree.InclusionProof((ulong)index, (ulong)size);
                Assert.Equal(NaiveTree.Path(index, part), proof);
                Assert.True(
                    MerkleProof.VerifyInclusion((ulong)index, (ulong)size, leaves[index], proof, tree.Root((ulong)size)).IsVerified
                );
            }
            for (var first = 1; first <= size; first++)
            {
                var proof = tree.ConsistencyProof((ulong)first, (ulong)size);
                Assert.Equal(NaiveTree.Proof(first, part), proof);
                Assert.True(
                    MerkleProof
                        .VerifyConsistency((ulong)first, (ulong)size, tree.Root((ulong)first), tree.Root((ulong)size), proof)
                        .IsVerified
                );
            }
        }
    }

    [Fact]
    public void AppendRange_in_any_pieces_gives_the_tree_of_single_appends() =>
        Prop.ForAll<int[]>(pieces =>
            {
                var one = new MerkleTree();
                var many = new MerkleTree();
                foreach (var piece in pieces.Take(12))
                {
                    var leaves = Leaves(many.Size, Math.Abs(piece % 700));
                    many.AppendRange(leaves);
                    foreach (var leaf in leaves)
                    {
                        one.Append(leaf);
                    }
                }
                for (var size = 0UL; size <= one.Size; size += 1 + size / 3)
                {
                    Assert.Equal(one.Root(size), many.Root(size));
                }
                return one.Root(one.Size) == many.Root(many.Size);
            })
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TruncateTo_then_append_leaves_no_trace_of_what_was_undone()
    {
        var tree = Tree(Leaves(0, 1000));
        tree.AppendRange(Leaves(5000, 777));
        tree.TruncateTo(1000);
        Assert.Equal(1000UL, tree.Size);
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Root(1001));
        tree.AppendRange(Leaves(1000, 500));
        Assert.Equal(Tree(Leaves(0, 1500)).Root(1500), tree.Root(1500));
    }

    [Fact]
    public void RootWith_is_the_root_after_the_append_and_appends_nothing() =>
        Prop.ForAll<int, int>(
                (have, more) =>
                {
                    var tree = Tree(Leaves(0, Math.Abs(have % 300)));
                    var size = tree.Size;
                    var leaves = Leaves(7_000, Math.Abs(more % 300));
                    var root = tree.RootWith(leaves);
                    Assert.Equal(size, tree.Size);
                    tree.AppendRange(leaves);
                    return root == tree.Root(tree.Size);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void A_tree_with_its_leaves_in_a_file_gives_what_one_in_memory_gives_also_after_a_restart()
    {
        var folder = Directory.CreateTempSubdirectory("quorate-tree-");
        try
        {
            var path = Path.Combine(folder.FullName, "leaves");
            var expected = Tree(Leaves(0, 5000));
            var image = new MemoryStream();
            using (var file = new PlainFile(path))
            {
                var tree = new MerkleTree(file);
                tree.AppendRange(Leaves(0, 4000));
                AssertSame(expected, tree, 4000);
                tree.Save(image, 3333);
                tree.TruncateTo(3333);
                tree.AppendRange(Leaves(9000, 200));
            }
            image.Position = 0;
            using var again = new PlainFile(path);
            var loaded = MerkleTree.Load(image, 3333, again);
            Assert.Equal(image.Length, image.Position);
            loaded.AppendRange(Leaves(3333, 1667));
            AssertSame(expected, loaded, 5000);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static void AssertSame(MerkleTree expected, MerkleTree tree, ulong size)
    {
        for (var index = 0UL; index < size; index += 97)
        {
            Assert.Equal(expected.Leaf(index), tree.Leaf(index));
            Assert.Equal(expected.Root(index), tree.Root(index));
            Assert.Equal(expected.InclusionProof(index, size), tree.InclusionProof(index, size));
            Assert.Equal(expected.ConsistencyProof(index, size), tree.ConsistencyProof(index, size));
        }
        Assert.Equal(expected.Subtree(3, 10), tree.Subtree(3, 10));
        Assert.Equal(expected.Subtree(8, 10), tree.Subtree(8, 10));
        var leaves = new Sha256Digest[200];
        tree.Leaves(1000, leaves);
        Assert.Equal(Leaves(1000, 200), leaves);
    }

    [Fact]
    public void Questions_beyond_the_tree_are_refused()
    {
        var tree = Tree(Leaves(0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Root(6));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Leaf(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.InclusionProof(5, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.InclusionProof(0, 6));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.InclusionProof(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.ConsistencyProof(1, 6));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.ConsistencyProof(6, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.ConsistencyProof(0, ulong.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Subtree(2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.TruncateTo(6));
    }

    [Fact]
    public void ConsistencyProof_from_nothing_or_to_the_same_size_is_empty()
    {
        var tree = Tree(Leaves(0, 5));
        Assert.Empty(tree.ConsistencyProof(0, 5));
        Assert.Empty(tree.ConsistencyProof(5, 5));
        Assert.Empty(tree.ConsistencyProof(4, 3));
    }

    [Fact]
    public async Task Readers_of_published_sizes_see_right_roots_while_the_writer_appends()
    {
        const int Batches = 200;
        const int BatchSize = 97;
        var leaves = Leaves(0, Batches * BatchSize);
        var tree = new MerkleTree();
        var published = 0L;
        var expected = new Sha256Digest[Batches + 1];
        expected[0] = TreeHash.EmptyRoot;
        var reader = Task.Run(() =>
        {
            for (long seen; (seen = Volatile.Read(ref published)) < Batches; )
            {
                var size = (ulong)(seen * BatchSize);
                Assert.Equal(expected[seen], tree.Root(size));
                if (size > 0)
                {
                    var proof = tree.InclusionProof(size / 2, size);
                    Assert.True(MerkleProof.VerifyInclusion(size / 2, size, leaves[size / 2], proof, expected[seen]).IsVerified);
                }
            }
        });
        for (var batch = 1; batch <= Batches; batch++)
        {
            tree.AppendRange(leaves.AsSpan((batch - 1) * BatchSize, BatchSize));
            expected[batch] = tree.Root(tree.Size);
            Volatile.Write(ref published, batch);
        }
        await reader.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData(0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    [InlineData(1, "QHZrIDNCkCb1PVRQJnmoOXBrR0H43K86i7pfQbX/4HU=")]
    [InlineData(2, "LyelCCwdQq+kiKw1Cp/EOQwIT1T3Hs3/hZ6Y24QptHk=")]
    [InlineData(3, "pkvybgkSj2/i/m+LLYyAHhZrV8BHp82bK4Ceepai8cs=")]
    [InlineData(7, "kTlgHMHKirKnoMLBNMBIRfKxulSag9bIRc/NpDnMWF0=")]
    [InlineData(255, "RdqfN0dI4Xo3L3HABCKxLiv5aELx9hxXQP5JTkvs/w8=")]
    [InlineData(256, "+F9OrTQIBxC00egIMBVDqquBqgTeuIWZNQ3Cak8vWN4=")]
    [InlineData(257, "kYsc7GTzF8duPPVcBTaEHAOe/wZ3LruIKM58F2Aotaw=")]
    [InlineData(65535, "75cnkElE5H+sSzR8H7M/zrkX3OPTFOLCCy0Pz+EQwoE=")]
    [InlineData(65536, "3yxgbRFEFvpgC/NJUVLgnjnovj0OLlUBw1KCZTmr2o4=")]
    [InlineData(65537, "tjAHv2A1m9y8HR7x7SVv41nSudFaumijzuMKgy9Ax54=")]
    [InlineData(70000, "pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=")]
    public void Root_of_the_golden_log_is_known(int size, string root) =>
        Assert.Equal(root, Convert.ToBase64String(s_golden.Value.Root((ulong)size).AsSpan()));

    [Fact]
    public void Proofs_of_the_golden_log_are_known()
    {
        var inclusion = s_golden.Value.InclusionProof(12345, 70000);
        Assert.Equal(17, inclusion.Count);
        Assert.Equal("4122958f72d7aa09dfee580704be8fd216bb327da7bcfbb4e6e30cd39822e8c2", HashOfAll(inclusion));
        var consistency = s_golden.Value.ConsistencyProof(65537, 70000);
        Assert.Equal(15, consistency.Count);
        Assert.Equal("ac838cd4b7b2089b5cbf18cbec0823c502bfaf59b614183281da0ec8617a48eb", HashOfAll(consistency));
    }

    static readonly string[] s_plainInputs = ["", "a", "b", "c", "d", "efghijk", "lmnopqrstuvwxyz"];

    [Fact]
    public void Plain_leaf_log_of_Trustix_has_the_known_roots_and_proofs()
    {
        string[] roots =
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "688dc6244b041199e7ab4990df6340ce3dc14caa5cd5a0e1131addaa1209e1a6",
            "652297b9504045a600942bcdf9ae5c2400be42d51139c7fb63ab3ee439ff110d",
            "4a9bab0b70e36b453e967468fc209705d9171fd05e9cf9e0ed6c2dff673fc790",
            "ff9cdaec73345d3896e37ff5681084b7be4097839f760e621412f9343d139f22",
            "a44a4f5f5190f8bf6acbfecc50e56374072196c17aa5fd46af01a5b9674307cf",
            "968244ebd454ce024d380be757b570886f8449f41395c761ec363a08a8f18210",
        ];
        var tree = Tree([.. s_plainInputs.Select(text => TreeHash.Leaf(Encoding.UTF8.GetBytes(text)))]);
        Assert.Equal(roots, Enumerable.Range(1, 7).Select(size => tree.Root((ulong)size).ToString()));
        Assert.Equal(
            [
                "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c",
                "a5eb6e7bcfaaff4957c342e0cbfe88209dbe2058fc3e1a3455cc071922c85741",
            ],
            tree.InclusionProof(0, 4).Select(hash => hash.ToString())
        );
        Assert.Equal(
            [
                "bc78703cecc49c1119746b7baa573cc39274b72f40fe1e6c242fc524b1acd3f6",
                "e6d714a0c30dbe89616ee317930e7821a18f18c5a80307e08fc92e7809e52d86",
                roots[3],
            ],
            tree.InclusionProof(4, 7).Select(hash => hash.ToString())
        );
        Assert.Equal(
            [
                "a5eb6e7bcfaaff4957c342e0cbfe88209dbe2058fc3e1a3455cc071922c85741",
                "d070dc5b8da9aea7dc0f5ad4c29d89965200059c9a0ceca3abd5da2492dcb71d",
            ],
            tree.ConsistencyProof(2, 5).Select(hash => hash.ToString())
        );
        Assert.Equal(
            [
                "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c",
                "a5eb6e7bcfaaff4957c342e0cbfe88209dbe2058fc3e1a3455cc071922c85741",
                "49ad1f129f0f126dd6b90955fb177ab8941be0d7b5d0085c4813fcabb62b6ec9",
            ],
            tree.ConsistencyProof(1, 7).Select(hash => hash.ToString())
        );
    }

    [Fact]
    public void EntryLeaf_of_captured_submit_is_known()
    {
        var value = Sha256Digest.HashData(Convert.FromHexString("28899cec2bd12feeabb5d82a3b1eafd23221798ac30a20f449144015746e2321"));
        Assert.Equal("5768f7201db3dccf3ec8c5ec2be5108c411396ad8c1351d89294f515456cdc23", value.ToString());
        var leaf = TreeHash.EntryLeaf(Convert.FromHexString("bc63f28a4e8dda15107f687e6c3a8848492e89e3bc7726a56a0f1ee68dd9350d"), in value);
        Assert.Equal("dca4454e1d3f6c0cc5329afcf09d24210b408b1197629587efc9175f356bf36d", leaf.ToString());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(478)]
    [InlineData(479)]
    [InlineData(480)]
    [InlineData(70_000)]
    public void EntryLeaf_of_any_key_length_hashes_key_colon_digest(int length)
    {
        var key = new byte[length];
        new Random(length).NextBytes(key);
        var value = Sha256Digest.HashData(key);
        Assert.Equal(SHA256.HashData([0, .. key, (byte)':', .. value.AsSpan()]), TreeHash.EntryLeaf(key, in value).ToArray());
    }

    static readonly Lazy<MerkleTree> s_golden = new(() =>
        Tree([.. Enumerable.Range(0, 70_000).Select(i => TreeHash.Leaf(Encoding.ASCII.GetBytes($"entry-{i}")))])
    );

    static string HashOfAll(IEnumerable<Sha256Digest> digests) =>
        Convert.ToHexStringLower(SHA256.HashData([.. digests.SelectMany(digest => digest.ToArray())]));

    static MerkleTree Tree(ReadOnlySpan<Sha256Digest> leaves)
    {
        var tree = new MerkleTree();
        tree.AppendRange(leaves);
        return tree;
    }

    static Sha256Digest[] Leaves(ulong start, int count) =>
        [.. Enumerable.Range(0, count).Select(i => TreeHash.Leaf(Encoding.ASCII.GetBytes($"{start + (ulong)i}")))];
}
