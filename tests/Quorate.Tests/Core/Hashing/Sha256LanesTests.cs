using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Core.Hashing;
using Xunit;

namespace Quorate.Tests.Core.Hashing;

public sealed class Sha256LanesTests
{
    public static TheoryData<Sha256LaneWidth> Widths => [.. Enum.GetValues<Sha256LaneWidth>()];

    [Theory]
    [MemberData(nameof(Widths))]
    public void HashPairs_of_every_count_agrees_with_the_platform(Sha256LaneWidth width)
    {
        Assert.SkipUnless(Sha256Lanes.IsSupported(width), $"this processor does not have {width}");
        var random = new Random(7);
        for (var count = 0; count <= 67; count++)
        {
            var pairs = RandomDigests(random, 2 * count);
            var prefix = (byte)random.Next(256);
            var digests = new Sha256Digest[count];
            Sha256Lanes.HashPairs(width, prefix, pairs, digests);
            for (var i = 0; i < count; i++)
            {
                Assert.Equal(Expected(prefix, pairs[2 * i], pairs[2 * i + 1]), digests[i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void HashPairs_into_its_own_input_gives_the_same_digests(Sha256LaneWidth width)
    {
        Assert.SkipUnless(Sha256Lanes.IsSupported(width), $"this processor does not have {width}");
        var random = new Random(8);
        for (var count = 0; count <= 67; count++)
        {
            var pairs = RandomDigests(random, 2 * count);
            var expected = new Sha256Digest[count];
            Sha256Lanes.HashPairs(Sha256LaneWidth.Scalar, 1, pairs, expected);
            Sha256Lanes.HashPairs(width, 1, pairs, pairs.AsSpan(0, count));
            Assert.Equal(expected, pairs[..count]);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void HashPairs_of_extreme_bytes_agrees_with_the_platform(Sha256LaneWidth width)
    {
        Assert.SkipUnless(Sha256Lanes.IsSupported(width), $"this processor does not have {width}");
        var ones = new Sha256Digest(Enumerable.Repeat((byte)0xff, 32).ToArray());
        var pairs = Enumerable.Range(0, 64).Select(i => i % 3 == 0 ? ones : Sha256Digest.Zero).ToArray();
        var digests = new Sha256Digest[32];
        Sha256Lanes.HashPairs(width, 0xff, pairs, digests);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => Expected(0xff, pairs[2 * i], pairs[2 * i + 1])), digests);
    }

    [Fact]
    public void HashPairs_with_unequal_lengths_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Sha256Lanes.HashPairs(1, new Sha256Digest[3], new Sha256Digest[1]));
        Assert.Throws<ArgumentException>(() => Sha256Lanes.HashPairs(1, new Sha256Digest[2], new Sha256Digest[2]));
    }

    [Fact]
    public void ShortSha256_of_every_length_agrees_with_the_platform()
    {
        var data = new byte[3000];
        new Random(9).NextBytes(data);
        for (var length = 0; length <= data.Length; length += length < 300 ? 1 : 97)
        {
            Assert.Equal(SHA256.HashData(data.AsSpan(0, length)), ShortSha256.Hash(data.AsSpan(0, length)).ToArray());
        }
    }

    static Sha256Digest[] RandomDigests(Random random, int count)
    {
        var digests = new Sha256Digest[count];
        var bytes = new byte[32];
        for (var i = 0; i < count; i++)
        {
            random.NextBytes(bytes);
            digests[i] = new Sha256Digest(bytes);
        }
        return digests;
    }

    static Sha256Digest Expected(byte prefix, Sha256Digest left, Sha256Digest right) =>
        new(SHA256.HashData([prefix, .. left.AsSpan(), .. right.AsSpan()]));
}
