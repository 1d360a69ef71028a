using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Log.Indexing;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class IndexingTests
{
    [Fact]
    public void HashIndex_Find_gives_every_number_stored_under_a_key_at_any_size() =>
        Prop.ForAll<byte[]>(keys =>
            {
                var index = new HashIndex();
                var model = new List<(byte Key, ulong Number)>();
                // Far more numbers than the first table holds, and few keys: it must grow with many equal ones.
                foreach (var round in Enumerable.Range(0, 40))
                {
                    foreach (var key in keys)
                    {
                        index.Add(KeyOf(key).AsSpan(), (ulong)model.Count);
                        model.Add((key, (ulong)model.Count));
                    }
                }
                return keys.Distinct()
                    .All(key =>
                    {
                        var found = new HashSet<ulong>();
                        foreach (var number in index.Find(KeyOf(key).AsSpan()))
                        {
                            found.Add(number);
                        }
                        return model.Where(m => m.Key == key).All(m => found.Contains(m.Number));
                    });
            })
            .QuickCheckThrowOnFailure();

    [Fact]
    public void HashIndex_Find_of_an_absent_key_gives_next_to_nothing()
    {
        var index = new HashIndex();
        for (var i = 0; i < 10_000; i++)
        {
            index.Add(Sha256Digest.HashData(BitConverter.GetBytes(i)).AsSpan(), (ulong)i);
        }
        var candidates = 0;
        for (var i = 10_000; i < 11_000; i++)
        {
            foreach (var _ in index.Find(Sha256Digest.HashData(BitConverter.GetBytes(i)).AsSpan()))
            {
                candidates++;
            }
        }
        Assert.InRange(candidates, 0, 3);
    }

    [Fact]
    public void LaterEntries_after_TruncateTo_keeps_smaller_indexes_and_leaves_readers_alone()
    {
        var later = new LaterEntries();
        for (var i = 1UL; i <= 5; i++)
        {
            later.Add(10 * i);
        }
        var seen = later.AsSpan();
        later.TruncateTo(30);
        later.Add(99);
        Assert.Equal([10UL, 20, 99], later.AsSpan().ToArray());
        Assert.Equal([10UL, 20, 30, 40, 50], seen.ToArray());
    }

    [Fact]
    public async Task Entries_over_keys_of_all_lengths_are_the_ones_that_were_logged()
    {
        using var fixture = new LogFixture();
        await using var log = await fixture.OpenAsync();
        int[] lengths = [0, 1, 470, 471, 1000, 65_502, 30_000, 40_000, 2, 65_493, 65_494, 3, 600, 65_502, 65_501];
        var items = lengths.Select((length, i) => new SubmitItem(Filled(length, i), new byte[i])).ToArray();
        await log.SubmitAsync(items[..7]);
        await log.SubmitAsync(items[7..]);

        var entries = log.Entries(0, (ulong)lengths.Length - 1);

        for (var i = 0; i < lengths.Length; i++)
        {
            Assert.Equal(items[i].Key.Span, entries[i].Key.Span);
            Assert.Equal(TreeHash.EntryLeaf(items[i].Key.Span, Sha256Digest.HashData(new byte[i])), entries[i].LeafHash);
            Assert.Equal(entries[i].LeafHash, log.Entries((ulong)i, (ulong)i)[0].LeafHash);
        }
    }

    [Fact]
    public async Task Reading_an_entry_or_value_that_the_disk_changed_since_is_refused()
    {
        using var fixture = new LogFixture();
        await using var log = await fixture.OpenAsync();
        await log.SubmitAsync("some key", "some value");
        var digest = log.Entries(0, 0)[0].ValueDigest;
        var path = Path.Combine(fixture.Folder, "00000000.wal");
        await using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var bytes = new byte[file.Length];
            await file.ReadExactlyAsync(bytes, TestContext.Current.CancellationToken);
            file.Position = bytes.AsSpan().IndexOf("some key"u8);
            file.WriteByte((byte)'S');
            file.Position = bytes.AsSpan().IndexOf("some value"u8);
            file.WriteByte((byte)'S');
        }
        Assert.Throws<Quorate.Log.Storage.LogDamagedException>(() => log.Entries(0, 0));
        await Assert.ThrowsAsync<Quorate.Log.Storage.LogDamagedException>(async () =>
            await log.ValueAsync(digest, TestContext.Current.CancellationToken)
        );
    }

    static Sha256Digest KeyOf(byte key) => Sha256Digest.HashData([key]);

    static byte[] Filled(int length, int seed)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, (byte)seed);
        return bytes;
    }
}
