using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

/// <summary>Maps whose keys get new values.</summary>
public sealed class MapPutTests
{
    /// <summary>Each batch: keys that get a value, of which few begin alike, so that leaves meet deep in the trie.</summary>
    static readonly Arbitrary<int[][]> s_batches = Gen.Choose(0, 30).ArrayOf().Resize(12).ArrayOf().Resize(8).ToArbitrary();

    [Fact]
    public void Put_gives_the_map_of_the_last_values_and_keeps_earlier_versions() =>
        Prop.ForAll(s_batches, batches => Run(batches, budget: SparseMap.DefaultBudget)).QuickCheckThrowOnFailure();

    [Fact]
    public void Put_into_a_map_that_keeps_no_versions_uses_every_block_again() =>
        Prop.ForAll(
                s_batches,
                batches =>
                {
                    var history = new History();
                    using var map = new SparseMap(history, budget: 0);
                    foreach (var batch in batches)
                    {
                        map.Put(history.Add(batch));
                        map.Publish(history.Size);
                    }
                    // One block for every key but the first, the root's, and where runs of one-sided nodes are long.
                    return map.RetiredBytes == 0 && map.UsedBlocks <= 1 + 3 * Math.Max(1, history.Newest.Count);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Revert_after_Put_gives_back_the_published_values() =>
        Prop.ForAll(
                s_batches,
                batches =>
                {
                    var history = new History();
                    using var map = new SparseMap(history, budget: 0);
                    foreach (var batch in batches)
                    {
                        var (root, used, size) = (map.StagedRoot, map.UsedBlocks, history.Size);
                        map.Put(history.Add(batch));
                        map.Revert();
                        Assert.Equal((root, used), (map.StagedRoot, map.UsedBlocks));
                        history.TruncateTo(size);
                        map.Put(history.Add(batch));
                        map.Publish(history.Size);
                    }
                    return map.Published.Root == NaiveMap.Root([.. history.Newest.Values]);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Insert_of_a_path_that_is_there_is_refused()
    {
        var history = new History();
        using var map = new SparseMap(history);
        map.Put(history.Add([1, 2]));
        map.Publish(history.Size);
        Assert.Throws<ArgumentException>(() => map.Insert(history.Add([1])));
    }

    static bool Run(int[][] batches, long budget)
    {
        var history = new History();
        using var map = new SparseMap(history, budget);
        var versions = new List<(MapVersion Version, MapInsertion[] Content)> { (map.Published, []) };
        foreach (var batch in batches)
        {
            map.Put(history.Add(batch));
            versions.Add((map.Publish(history.Size), [.. history.Newest.Values]));
        }
        var absent = new Sha256Digest(History.Path(99).AsSpan());
        foreach (var (version, content) in versions)
        {
            Assert.Equal(content.Length, version.Count);
            SparseMapTests.AssertAgrees(version, content, [absent]);
            using var historic = map.Published.At(version.TreeSize)!;
            Assert.Equal((version.Root, version.Count), (historic.Root, historic.Count));
            SparseMapTests.AssertAgrees(historic, content, [absent]);
        }
        using var image = new MemoryStream();
        Assert.True(map.Published.TrySave(image, CancellationToken.None));
        image.Position = 0;
        using var loaded = SparseMap.Load(image, history);
        return loaded.Published.Root == map.Published.Root;
    }

    /// <summary>Every value that any path had.</summary>
    sealed class History : IMapLeaves
    {
        readonly List<MapInsertion> _all = [];

        public ulong Size => (ulong)_all.Count;

        public Dictionary<Sha256Digest, MapInsertion> Newest => _all.GroupBy(i => i.Path).ToDictionary(g => g.Key, g => g.Last());

        /// <summary>Paths in groups that share 70 bits, more than a leaf keeps.</summary>
        public static Sha256Digest Path(int key)
        {
            var bytes = new byte[Sha256Digest.Size];
            bytes.AsSpan(0, 9).Fill((byte)(key % 3));
            bytes[9] = (byte)key;
            return new Sha256Digest(bytes);
        }

        public MapInsertion[] Add(int[] keys)
        {
            var batch = new Dictionary<int, MapInsertion>();
            foreach (var key in keys)
            {
                var insertion = new MapInsertion(Path(key), Sha256Digest.HashData(BitConverter.GetBytes(_all.Count)), Size);
                _all.Add(insertion);
                batch[key] = insertion;
            }
            return [.. batch.Values];
        }

        public void TruncateTo(ulong size) => _all.RemoveRange((int)size, _all.Count - (int)size);

        public void Read(ulong index, out Sha256Digest path, out Sha256Digest valueHash) =>
            (path, valueHash) = (_all[(int)index].Path, _all[(int)index].ValueHash);

        public ulong? Before(ulong index, ulong treeSize)
        {
            for (var i = (int)Math.Min(index, treeSize) - 1; i >= 0; i--)
            {
                if (_all[i].Path == _all[(int)index].Path)
                {
                    return (ulong)i;
                }
            }
            return null;
        }
    }
}
