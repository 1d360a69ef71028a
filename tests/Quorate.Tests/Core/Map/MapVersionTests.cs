using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class MapVersionTests
{
    [Fact]
    public void Readers_beside_a_writer_that_recycles_blocks_only_see_proofs_of_their_version() => RunBesideWriter(budget: 0, hold: false);

    [Fact]
    public void Readers_that_stay_keep_their_versions_while_blocks_are_recycled() => RunBesideWriter(budget: 20_000, hold: true);

    [Fact]
    public void TryRead_of_a_closed_version_is_refused()
    {
        var (map, leaves) = SparseMapTests.Filled(50, budget: 0);
        using var _ = map;
        var first = map.Published;
        Extend(map, leaves, 50, 10);
        Assert.False(first.TryRead(out var _));
        Assert.Null(first.At(10));
        Assert.Null(map.VersionOf(50));
        Assert.Same(map.Published, map.VersionOf(60));
    }

    [Fact]
    public void Versions_within_the_budget_stay_open()
    {
        var (map, leaves) = SparseMapTests.Filled(50);
        using var _ = map;
        var roots = new List<Sha256Digest> { map.Root() };
        for (var size = 50; size < 100; size++)
        {
            roots.Add(Extend(map, leaves, size, 1).Root);
        }
        for (var size = 50; size <= 100; size++)
        {
            Assert.Equal(roots[size - 50], map.VersionOf((ulong)size)!.Root);
        }
        Assert.True(map.RetiredBytes > 0);
    }

    [Fact]
    public void A_version_that_is_read_stays_while_others_go()
    {
        var (map, leaves) = SparseMapTests.Filled(200, budget: 0);
        using var _ = map;
        var kept = map.Published;
        Assert.True(kept.TryRead(out var reader));
        using (reader)
        {
            for (var size = 200; size < 600; size += 20)
            {
                Extend(map, leaves, size, 20);
                SparseMapTests.AssertAgrees(kept, SparseMapTests.Keys(0, 200), [SparseMapTests.Keys(size, 1)[0].Path]);
            }
            // All that is kept belongs to the one version, and that has fewer blocks than keys.
            Assert.InRange(map.RetiredBytes, 1, 200 * 88);
        }
        Extend(map, leaves, 600, 1);
        Assert.Equal(0, map.RetiredBytes);
    }

    [Fact]
    public void Memory_is_used_again_exactly()
    {
        var (map, leaves) = SparseMapTests.Filled(1, budget: 0);
        using var _ = map;
        for (var size = 1; size < 3000; size++)
        {
            Extend(map, leaves, size, 1);
        }
        Assert.Equal(0, map.RetiredBytes);
        // One block for every key but the first, and the root's.
        Assert.Equal(3000, map.UsedBlocks);
    }

    [Fact]
    public void Revert_at_any_point_gives_back_the_published_map_and_every_block() =>
        Prop.ForAll(
                SparseMapTests.Entries,
                ArbMap.Default.ArbFor<byte>(),
                (entries, cut) =>
                {
                    var published = entries.Length == 0 ? 0 : cut % (entries.Length + 1);
                    var leaves = new TestLeaves();
                    leaves.Add(entries);
                    using var map = new SparseMap(leaves, budget: 0);
                    map.Insert(entries.AsSpan(0, published));
                    map.Publish((ulong)published);
                    var used = map.UsedBlocks;
                    for (var round = 0; round < 2; round++)
                    {
                        map.Insert(entries.AsSpan(published, (entries.Length - published) / 2));
                        map.Insert(entries.AsSpan(published + (entries.Length - published) / 2));
                        map.Revert();
                    }
                    Assert.Equal(used, map.UsedBlocks);
                    Assert.Equal(map.Published.Root, map.StagedRoot);
                    Assert.Equal(published, map.StagedCount);
                    SparseMapTests.AssertAgrees(map.Published, entries[..published], entries.Select(e => e.Path));
                    map.Insert(entries.AsSpan(published));
                    return map.Publish((ulong)entries.Length).Root == NaiveMap.Root(entries);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Dispose_refuses_every_use()
    {
        var (map, _) = SparseMapTests.Filled(50);
        var version = map.Published;
        map.Dispose();
        map.Dispose();
        Assert.Throws<ObjectDisposedException>(() => version.TryRead(out var _));
        Assert.Throws<ObjectDisposedException>(() => version.At(10));
        Assert.Throws<ObjectDisposedException>(() => map.Insert(SparseMapTests.Keys(50, 1)));
        Assert.Throws<ObjectDisposedException>(() => map.Publish(60));
        Assert.Throws<ObjectDisposedException>(map.Revert);
        Assert.Throws<ObjectDisposedException>(() => map.StagedRoot);
        Assert.Throws<ObjectDisposedException>(() => map.TryFindStaged(default, out _));
        Assert.Equal(0, map.AllocatedBytes);
    }

    [Fact]
    public void Dispose_waits_with_the_memory_for_readers_inside()
    {
        var (map, _) = SparseMapTests.Filled(50);
        var version = map.Published;
        var historic = version.At(20)!;
        Assert.True(version.TryRead(out var reader));
        map.Dispose();
        Assert.Equal(50, map.Published.Count);
        Assert.True(reader.TryFind(SparseMapTests.Keys(7, 1)[0].Path, out var index));
        Assert.Equal(7UL, index);
        Assert.True(map.AllocatedBytes > 0);
        reader.Dispose();
        Assert.True(map.AllocatedBytes > 0);
        Assert.Throws<ObjectDisposedException>(() => historic.TryRead(out var _));
        historic.Dispose();
        Assert.Equal(0, map.AllocatedBytes);
    }

    [Fact]
    public void A_disposed_map_of_an_earlier_size_gives_its_version_back()
    {
        var (map, leaves) = SparseMapTests.Filled(50, budget: 0);
        using var _ = map;
        var newest = map.Published;
        var historic = newest.At(20)!;
        Extend(map, leaves, 50, 10);
        Assert.True(newest.TryRead(out var reader));
        reader.Dispose();
        Assert.True(historic.TryRead(out reader));
        historic.Dispose();
        Assert.False(historic.TryRead(out var _));
        Assert.True(reader.TryFind(SparseMapTests.Keys(7, 1)[0].Path, out var _));
        reader.Dispose();
        Extend(map, leaves, 60, 10);
        Assert.False(newest.TryRead(out var _));
        Assert.Equal(0, map.RetiredBytes);
    }

    [Fact]
    public void A_leaf_that_the_log_no_longer_has_is_damage()
    {
        var leaves = new TestLeaves();
        leaves.Add(SparseMapTests.Keys(0, 2));
        using var map = new SparseMap(leaves);
        map.Insert(SparseMapTests.Keys(0, 2));
        map.Publish(2);
        leaves.Add([SparseMapTests.Keys(0, 1)[0] with { }, new MapInsertion(SparseMapTests.Keys(1, 1)[0].Path, default, 1)]);
        Assert.True(map.Published.TryFind(SparseMapTests.Keys(0, 1)[0].Path, out ulong _));
        Assert.Throws<MapDamagedException>(() => map.Prove(SparseMapTests.Keys(1, 1)[0].Path));
    }

    [Fact]
    public void Distinct_paths_need_no_reading_back()
    {
        var (map, leaves) = SparseMapTests.Filled(2000);
        using var _ = map;
        foreach (var key in SparseMapTests.Keys(2000, 2000))
        {
            Assert.False(map.TryFindStaged(key.Path, out ulong _1));
        }
        Extend(map, leaves, 2000, 2000);
        Assert.Equal(0, leaves.Reads);
    }

    internal static MapVersion Extend(SparseMap map, TestLeaves leaves, int start, int count)
    {
        var keys = SparseMapTests.Keys(start, count);
        leaves.Add(keys);
        map.Insert(keys);
        return map.Publish((ulong)(start + count));
    }

    /// <summary>
    /// One writer publishes, and now and then reverts, small batches; readers take the newest version and prove keys that it has and keys that it
    /// has not yet, and every proof must lead to the root of the version that they took.
    /// </summary>
    static void RunBesideWriter(long budget, bool hold)
    {
        const int Rounds = 400;
        const int Batch = 7;
        var (map, leaves) = SparseMapTests.Filled(100, budget);
        using var _ = map;
        var (proofs, refused, done) = (0, 0, false);
        Exception? failure = null;
        var readers = Enumerable
            .Range(0, 3)
            .Select(number => new Thread(() =>
            {
                try
                {
                    var at = number * 1000;
                    while (!Volatile.Read(ref done))
                    {
                        var version = map.Published;
                        if (at % 5 == 0)
                        {
                            // Gives the writer time to publish: the version may be gone then.
                            Thread.Yield();
                        }
                        if (!version.TryRead(out var reader))
                        {
                            Interlocked.Increment(ref refused);
                            at++;
                            continue;
                        }
                        using (reader)
                        {
                            for (var i = 0; i < (hold ? 200 : 3); i++)
                            {
                                Check(version, reader, at++ * 31 % (version.Count + 50));
                                Interlocked.Increment(ref proofs);
                            }
                        }
                    }
                }
                catch (Exception e)
                {
                    failure = e;
                }
            }))
            .ToList();
        readers.ForEach(r => r.Start());
        var size = 100;
        for (var round = 0; round < Rounds && failure is null; round++)
        {
            if (round % 10 == 9)
            {
                var dropped = SparseMapTests
                    .Keys(1_000_000 + round, 3)
                    .Select((k, i) => new MapInsertion(k.Path, k.ValueHash, (ulong)(size + i)));
                map.Insert([.. dropped]);
                map.Revert();
            }
            Extend(map, leaves, size, Batch);
            size += Batch;
        }
        // The readers may have had no processor until now.
        SpinWait.SpinUntil(() => Volatile.Read(ref proofs) > 500 || failure is not null, TimeSpan.FromSeconds(20));
        Volatile.Write(ref done, true);
        Assert.All(readers, r => Assert.True(r.Join(TimeSpan.FromSeconds(10))));
        Assert.Null(failure);
        Assert.True(proofs > 500);
        using var expected = SparseMap.Build(SparseMapTests.Keys(0, size));
        Assert.Equal(expected.Root(), map.Root());
        Extend(map, leaves, size, 1);
        Assert.InRange(map.RetiredBytes, 0, budget);
        Assert.Equal(map.Published.Count, map.UsedBlocks - map.RetiredBytes / 88);
    }

    static void Check(MapVersion version, MapReader reader, int number)
    {
        var key = Encoding.ASCII.GetBytes($"k{number}");
        var path = Sha256Digest.HashData(key);
        var proof = reader.Prove(path, out var index);
        Assert.Equal(number < version.Count ? (ulong)number : null, index);
        var value = index is { } i ? MapEntryJson.Write(Sha256Digest.HashData(BitConverter.GetBytes(number)), i) : [];
        Assert.True(SparseMapProof.Verify(proof, version.Root, key, value).IsVerified);
    }
}
