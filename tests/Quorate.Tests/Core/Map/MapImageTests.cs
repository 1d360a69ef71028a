using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Xunit;

namespace Quorate.Tests.Core.Map;

public sealed class MapImageTests
{
    [Fact]
    public void Load_of_what_TrySave_wrote_is_the_same_map_and_goes_on() =>
        Prop.ForAll(
                SparseMapTests.Entries,
                ArbMap.Default.ArbFor<byte>(),
                (entries, cut) =>
                {
                    var leaves = new TestLeaves();
                    leaves.Add(entries);
                    var saved = entries.Length == 0 ? 0 : cut % (entries.Length + 1);
                    using var map = new SparseMap(leaves);
                    map.Insert(entries.AsSpan(0, saved));
                    var image = Save(map.Publish((ulong)saved));
                    using var loaded = SparseMap.Load(new MemoryStream(image), leaves, budget: 0);
                    Assert.Equal(map.Root(), loaded.Root());
                    Assert.Equal((saved, (ulong)saved), (loaded.Published.Count, loaded.Published.TreeSize));
                    Assert.Equal(map.UsedBlocks, loaded.UsedBlocks);
                    SparseMapTests.AssertAgrees(loaded.Published, entries[..saved], entries.Select(e => e.Path));
                    Assert.Equal(image, Save(loaded.Published));
                    loaded.Insert(entries.AsSpan(saved));
                    return loaded.Publish((ulong)entries.Length).Root == NaiveMap.Root(entries);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Load_with_any_byte_changed_is_refused()
    {
        var (map, leaves) = SparseMapTests.Filled(12);
        using var _ = map;
        var image = Save(map.Published);
        for (var at = 0; at < image.Length; at++)
        {
            foreach (var bit in (byte[])[1, 0x80])
            {
                var damaged = image.ToArray();
                damaged[at] ^= bit;
                Assert.Throws<MalformedException>(() => SparseMap.Load(new MemoryStream(damaged), leaves));
            }
        }
    }

    [Fact]
    public void Load_of_a_cut_image_is_refused()
    {
        var (map, leaves) = SparseMapTests.Filled(12);
        using var _ = map;
        var image = Save(map.Published);
        for (var length = 0; length < image.Length; length++)
        {
            Assert.Throws<MalformedException>(() => SparseMap.Load(new MemoryStream(image, 0, length), leaves));
        }
    }

    [Fact]
    public void Load_with_a_byte_changed_and_the_checksum_made_to_fit_is_refused_or_harmless()
    {
        var (map, leaves) = SparseMapTests.Filled(12);
        using var _ = map;
        var image = Save(map.Published);
        for (var at = 0; at < image.Length - 32; at++)
        {
            for (var bit = 1; bit < 256; bit <<= 1)
            {
                var forged = image.ToArray();
                forged[at] ^= (byte)bit;
                Sha256Digest.HashData(forged.AsSpan(..^32)).CopyTo(forged.AsSpan(^32..));
                try
                {
                    using var loaded = SparseMap.Load(new MemoryStream(forged), leaves);
                    UseAll(loaded, leaves);
                }
                catch (MalformedException)
                {
                    // Refused.
                }
            }
        }
    }

    [Fact]
    public void Load_with_a_larger_count_than_there_are_bytes_is_refused()
    {
        var (map, leaves) = SparseMapTests.Filled(12);
        using var _ = map;
        var image = Save(map.Published);
        image[27] = 0x3f;
        Assert.Throws<MalformedException>(() => SparseMap.Load(new MemoryStream(image), leaves));
    }

    [Fact]
    public void TrySave_beside_the_writer_writes_the_version_that_it_entered()
    {
        var (map, leaves) = SparseMapTests.Filled(500, budget: 0);
        using var _ = map;
        var version = map.Published;
        var size = 500;
        using var image = new WritingStream(() =>
        {
            for (var i = 0; i < 20; i++)
            {
                MapVersionTests.Extend(map, leaves, size++, 1);
            }
        });
        Assert.True(version.TrySave(image, CancellationToken.None));
        using var loaded = SparseMap.Load(new MemoryStream(image.ToArray()), leaves);
        using var expected = SparseMap.Build(SparseMapTests.Keys(0, 500));
        Assert.Equal(expected.Root(), loaded.Root());
        Assert.True(size > 520);
        MapVersionTests.Extend(map, leaves, size, 1);
        Assert.False(version.TrySave(image, CancellationToken.None));
        Assert.Equal(0, map.RetiredBytes);
    }

    [Fact]
    public void TrySave_of_a_map_of_an_earlier_size_writes_that_map()
    {
        var (map, leaves) = SparseMapTests.Filled(300);
        using var _ = map;
        using var then = map.Published.At(120)!;
        using var loaded = SparseMap.Load(new MemoryStream(Save(then)), leaves);
        Assert.Equal(then.Root, loaded.Root());
        MapVersionTests.Extend(loaded, leaves, 120, 30);
        using var expected = SparseMap.Build(SparseMapTests.Keys(0, 150));
        Assert.Equal(expected.Root(), loaded.Root());
    }

    internal static byte[] Save(MapVersion version)
    {
        using var stream = new MemoryStream();
        Assert.True(version.TrySave(stream, CancellationToken.None));
        return stream.ToArray();
    }

    /// <summary>Everything must end in an answer or in <see cref="MapDamagedException"/>; no answer may verify that is not true.</summary>
    static void UseAll(SparseMap map, TestLeaves leaves)
    {
        var root = map.Published.Root;
        foreach (var key in SparseMapTests.Keys(0, 14))
        {
            try
            {
                _ = map.Prove(key.Path);
            }
            catch (MapDamagedException)
            {
                // Found out.
            }
        }
        using (var then = map.Published.At(5))
        {
            Assert.NotNull(then);
        }
        Assert.Equal(root, map.Published.Root);
        try
        {
            var more = SparseMapTests
                .Keys(12, 3)
                .Select((k, i) => new MapInsertion(k.Path, k.ValueHash, map.Published.TreeSize + (ulong)i))
                .ToArray();
            leaves.Add(more);
            map.Insert(more);
        }
        catch (Exception e) when (e is ArgumentException or MapDamagedException)
        {
            map.Revert();
        }
    }

    sealed class WritingStream(Action onWrite) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            onWrite();
            base.Write(buffer);
        }
    }
}
