using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core.Encodings;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class ContentHasherTests
{
    // The published test vectors of BLAKE3: bytes counting from 0 to 250, again and again.
    [Theory]
    [InlineData(0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")]
    [InlineData(1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213")]
    [InlineData(1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11")]
    [InlineData(1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7")]
    [InlineData(1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444")]
    [InlineData(2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a")]
    [InlineData(3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3")]
    [InlineData(5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff")]
    [InlineData(7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817")]
    [InlineData(102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085")]
    public void Finish_blake3_gives_the_published_hash(int length, string hash) => Assert.Equal(hash, Hash("blake3", Counting(length)));

    // Lengths around the ends of blocks (64 bytes), chunks (1 KiB) and whole subtrees, where a tree of hashes goes wrong first.
    [Fact]
    public void Finish_blake3_in_pieces_is_the_hash_of_the_whole() =>
        Prop.ForAll(
                (
                    from unit in Gen.Elements(64, 1024, 4096, 16384)
                    from times in Gen.Choose(0, 9)
                    from off in Gen.Choose(-2, 2)
                    select (unit * times) + off
                )
                    .Select(length => Math.Max(0, length))
                    .ToArbitrary(),
                Gen.Choose(1, 5000).ToArbitrary(),
                (length, cut) => Hash("blake3", Counting(length), cut) == Hash("blake3", Counting(length))
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("md5", "900150983cd24fb0d6963f7d28e17f72")]
    [InlineData("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d")]
    [InlineData("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData(
        "sha512",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )]
    [InlineData("blake3", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85")]
    public void Finish_again_is_the_hash_of_what_came_since(string algorithm, string hash)
    {
        using var hasher = ContentHasher.Create(algorithm);
        hasher.Write(RandomNumberGenerator.GetBytes(3000));
        hasher.Finish();
        hasher.Write("ab"u8);
        hasher.Write("c"u8);
        Assert.Equal(hash, Hex.Encode(hasher.Finish()));
    }

    [Fact]
    public void Create_other_algorithm_is_an_error() => Assert.Throws<ArgumentException>(() => ContentHasher.Create("sha3"));

    static byte[] Counting(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))];

    static string Hash(string algorithm, byte[] bytes, int cut = int.MaxValue)
    {
        using var hasher = ContentHasher.Create(algorithm);
        foreach (var piece in bytes.Chunk(cut))
        {
            hasher.Write(piece);
        }
        return Hex.Encode(hasher.Finish());
    }
}
