using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Rpc;
using Quorate.Rpc.Codecs;
using Xunit;

namespace Quorate.Tests.Rpc;

public sealed class GzipTests
{
    [Fact]
    public void Decompress_of_compress_gives_the_same_bytes() =>
        Prop.ForAll(
                ArbMap.Default.ArbFor<byte[]>(),
                bytes => Decompress([.. Gzip.Compress(bytes)], bytes.Length).AsSpan().SequenceEqual(bytes)
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(1 << 20, (1 << 20) - 1)]
    [InlineData(8 << 20, 1000)]
    [InlineData(1, 0)]
    public void Bytes_over_the_limit_are_refused(int size, int limit)
    {
        var error = Assert.Throws<RpcException>(() => Decompress([.. Gzip.Compress(new byte[size])], limit));
        Assert.Equal(RpcCode.ResourceExhausted, error.Code);
    }

    [Fact]
    public void Bytes_up_to_the_limit_are_given() =>
        Assert.Equal(1 << 20, Decompress([.. Gzip.Compress(new byte[1 << 20])], 1 << 20).Length);

    [Fact]
    public void Garbage_is_malformed() => Assert.Throws<MalformedException>(() => Decompress([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 100));

    [Fact]
    public void Every_truncation_is_malformed()
    {
        byte[] whole = [.. Gzip.Compress("some text that is long enough to be compressed compressed compressed"u8.ToArray())];
        for (var length = 1; length < whole.Length; length++)
        {
            Assert.Throws<MalformedException>(() => Decompress(whole[..length], 1000));
        }
    }

    static byte[] Decompress(byte[] compressed, int limit) => Gzip.Decompress(compressed, 0, compressed.Length, limit).ToArray();
}
