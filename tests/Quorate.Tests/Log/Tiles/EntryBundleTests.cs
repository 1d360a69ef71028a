using System.Buffers;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Log.Tiles;
using Xunit;

namespace Quorate.Tests.Log.Tiles;

public sealed class EntryBundleTests
{
    [Fact]
    public void TrySplit_finds_what_Append_wrote() =>
        Prop.ForAll<byte[][]>(entries =>
            {
                var bundle = new ArrayBufferWriter<byte>();
                foreach (var entry in entries)
                {
                    EntryBundle.Append(bundle, entry);
                }
                var found = new BundleEntry[entries.Length];
                return EntryBundle.TrySplit(bundle.WrittenSpan, found)
                    && entries
                        .Zip(found)
                        .All(pair => pair.First.AsSpan().SequenceEqual(bundle.WrittenSpan[pair.Second.Start..pair.Second.End]));
            })
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("", 1)]
    [InlineData("00", 1)]
    [InlineData("0001", 1)]
    [InlineData("000161", 2)]
    [InlineData("000161", 0)]
    [InlineData("00016100", 1)]
    public void TrySplit_with_missing_or_further_bytes_is_refused(string hex, int count) =>
        Assert.False(EntryBundle.TrySplit(Convert.FromHexString(hex), new BundleEntry[count]));

    [Fact]
    public void Append_of_a_log_entry_gives_the_data_of_its_leaf()
    {
        var digest = Sha256Digest.HashData("value"u8);
        var entry = new LogEntry(0, "key"u8.ToArray(), digest, TreeHash.EntryLeaf("key"u8, digest));
        var bundle = new ArrayBufferWriter<byte>();
        EntryBundle.Append(bundle, entry);
        var data = bundle.WrittenSpan[2..];
        Assert.Equal(entry.LeafHash, TreeHash.Leaf(data));
        Assert.True(LeafData.TrySplit(data, out var key, out var split));
        Assert.Equal(digest, split);
        Assert.Equal("key"u8, key);
    }
}
