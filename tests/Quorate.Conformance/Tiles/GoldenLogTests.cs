using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Testing;
using Xunit;

namespace Quorate.Conformance.Tiles;

/// <summary>The known answers of a log of 70,000 entries <c>entry-i</c>, which three other implementations agree on.</summary>
public sealed class GoldenLogTests
{
    const int Size = 70_000;

    static readonly Lazy<MerkleTree> s_tree = new(() =>
    {
        var tree = new MerkleTree();
        tree.AppendRange([.. Enumerable.Range(0, Size).Select(i => TreeHash.Leaf(Entry(i)))]);
        return tree;
    });

    static MerkleTree Tree => s_tree.Value;

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
    public void Root_of_a_size_is_the_known_one(int size, string root) =>
        Assert.Equal(root, Convert.ToBase64String(Tree.Root((ulong)size).AsSpan()));

    [Fact]
    public void Inclusion_proof_is_the_known_one()
    {
        var proof = Tree.InclusionProof(12345, Size);
        Assert.Equal(17, proof.Count);
        Assert.Equal("4122958f72d7aa09dfee580704be8fd216bb327da7bcfbb4e6e30cd39822e8c2", HashOf(proof));
    }

    [Fact]
    public void Consistency_proof_is_the_known_one()
    {
        var proof = Tree.ConsistencyProof(65537, Size);
        Assert.Equal(15, proof.Count);
        Assert.Equal("ac838cd4b7b2089b5cbf18cbec0823c502bfaf59b614183281da0ec8617a48eb", HashOf(proof));
    }

    [Theory]
    [InlineData(0, 0, "8921c57d2f65271c82bf0f686c002793863c80c8d1cbbbf5db6046ff59e8b590")]
    [InlineData(0, 273, "41c090f240cc1bbcec93391099da9f3bde6e87927975e789b8f7794061b27f1d")]
    [InlineData(1, 0, "3f2180f39b716a1f9ba5b330e55deac1781861f2854c705884f31806688285e0")]
    [InlineData(1, 1, "e7be92bf44b56bfc274e384835c09a9b949542f7ef3bed21a46195a871173926")]
    [InlineData(2, 0, "a39abb517974ee0fe428abf332453555ac40e6bdf705bb4a4bf919dfa6b3b24c")]
    public void Tile_is_the_known_one(int level, ulong index, string sha256) =>
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(Tile(level, index))));

    [Fact]
    public void Entry_bundle_is_the_known_one() =>
        Assert.Equal(
            "e2ad61b1c0a68bb3fb91d5ddf19152cad4365671577e11ab31558aa5feb8d0ed",
            Convert.ToHexStringLower(SHA256.HashData(Bundle(273)))
        );

    [Fact]
    public void Every_file_of_the_golden_log_is_what_we_would_serve()
    {
        var folder = Vectors.Find("tlog/golden");
        var expected = new HashSet<string>(StringComparer.Ordinal) { "checkpoint", "golden.vkey" };
        for (var level = 0; level < TileLayout.Levels(Size); level++)
        {
            for (var index = 0UL; index < TileLayout.Tiles(level, Size); index++)
            {
                var path = TileLayout.HashPath(level, TileLayout.At(level, index, Size));
                Assert.True(File.ReadAllBytes(Path.Combine(folder, path)).AsSpan().SequenceEqual(Tile(level, index)), path);
                expected.Add(path);
            }
        }
        for (var index = 0UL; index < TileLayout.Tiles(0, Size); index++)
        {
            var path = TileLayout.EntriesPath(TileLayout.At(0, index, Size));
            Assert.True(File.ReadAllBytes(Path.Combine(folder, path)).AsSpan().SequenceEqual(Bundle(index)), path);
            expected.Add(path);
        }
        // Nothing that we would not have.
        var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f));
        Assert.Subset(expected, files.ToHashSet(StringComparer.Ordinal));
    }

    [Fact]
    public void Checkpoint_of_the_golden_log_verifies_with_its_key()
    {
        var folder = Vectors.Find("tlog/golden");
        var key = NoteVerifierKey.Parse(File.ReadAllText(Path.Combine(folder, "golden.vkey")).TrimEnd('\n'));
        var note = SignedNote.Parse(File.ReadAllBytes(Path.Combine(folder, "checkpoint")));
        Assert.Equal(Verification.Ok, NoteCheck.Of(note, [key]).Result);
        Assert.Equal(new Checkpoint("example.com/golden", Size, Tree.Root(Size)), Checkpoint.Parse(note.Text.Span));
    }

    static byte[] Entry(int i) => Encoding.ASCII.GetBytes($"entry-{i}");

    static byte[] Tile(int level, ulong index)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < TileLayout.At(level, index, Size).Width; i++)
        {
            bytes.AddRange(Tree.Subtree(level * TileLayout.Height, index * TileNumber.FullWidth + (ulong)i).AsSpan());
        }
        return [.. bytes];
    }

    static byte[] Bundle(ulong index)
    {
        var bundle = new ArrayBufferWriter<byte>();
        for (var i = 0; i < TileLayout.At(0, index, Size).Width; i++)
        {
            EntryBundle.Append(bundle, Entry((int)index * TileNumber.FullWidth + i));
        }
        return bundle.WrittenSpan.ToArray();
    }

    static string HashOf(IEnumerable<Sha256Digest> hashes) =>
        Convert.ToHexStringLower(SHA256.HashData([.. hashes.SelectMany(h => h.ToArray())]));
}
