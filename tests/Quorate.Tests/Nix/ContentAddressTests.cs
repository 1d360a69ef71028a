using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class ContentAddressTests
{
    const string Zeros = "0000000000000000000000000000000000000000000000000000";

    [Theory]
    [InlineData("text:sha256:" + Zeros)]
    [InlineData("fixed:sha256:" + Zeros)]
    [InlineData("fixed:r:sha256:" + Zeros)]
    [InlineData("fixed:md5:00000000000000000000000000")]
    [InlineData("fixed:git:sha1:00000000000000000000000000000000")]
    [InlineData("fixed:r:blake3:" + Zeros)]
    public void TryParse_valid_text_prints_the_same(string text)
    {
        Assert.True(ContentAddress.TryParse(text, out var address));
        Assert.Equal(text, address.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("text:sha1:00000000000000000000000000000000")]
    [InlineData("text:r:sha256:" + Zeros)]
    [InlineData("fixed:git:md5:00000000000000000000000000")]
    [InlineData("fixed:sha3:" + Zeros)]
    [InlineData("fixed:r:sha256:0" + Zeros)]
    [InlineData("fixed:r:sha256:z000000000000000000000000000000000000000000000000000")]
    [InlineData("fixed:r:sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    [InlineData("fixed:r:" + Zeros)]
    public void TryParse_anything_else_is_refused(string text) => Assert.False(ContentAddress.TryParse(text, out _));

    [Fact]
    public void TryParseJson_any_address_is_read_back() =>
        Prop.ForAll(
                Gen.Elements(ContentMethod.Flat, ContentMethod.Nar, ContentMethod.Text, ContentMethod.Git).ToArbitrary(),
                Gen.Elements("md5", "sha1", "sha256", "sha512", "blake3").ToArbitrary(),
                (method, algorithm) =>
                {
                    if (!ContentAddress.Allows(method, algorithm))
                    {
                        return true;
                    }
                    var hash = Enumerable.Range(1, ContentAlgorithm.SizeOf(algorithm)).Select(i => (byte)(3 * i)).ToArray();
                    var address = new ContentAddress(method, algorithm, hash);
                    return ContentAddress.TryParseJson(Json(address), out var again)
                        && again.Equals(address)
                        && ContentAddress.TryParse(address.ToString(), out var fromText)
                        && fromText.Equals(address);
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"method":"nar"}""")]
    [InlineData("""{"method":"tar","hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}""")]
    [InlineData("""{"method":"nar","hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}""")]
    [InlineData("""{"method":"nar","hash":"sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}""")]
    [InlineData("""{"method":"nar","method":"nar","hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}""")]
    [InlineData("""{"method":"nar","x":1,"hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}""")]
    [InlineData("""{"method":"nar","hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="} x""")]
    [InlineData("""{"method":null,"hash":null}""")]
    public void TryParseJson_anything_else_is_refused(string json) =>
        Assert.False(ContentAddress.TryParseJson(Encoding.UTF8.GetBytes(json), out _));

    [Theory]
    // One lab object under two versions of Nix: an archive of 304 bytes that refers to itself at byte 196.
    [InlineData("380855180203b45d38fcd1a421d0964876f34a6d696924fcefead402f2fe29fc", "1x0cwv7ry24vrm9wli7d3dax605b2b3a-b")]
    [InlineData("1cba74c2042d206bb6fc8fbecbf181f6c1406732f8d2b534126b89d111d7cf8f", "y4xiynnmny1z97vm95nmxlxz3q8r630l-b")]
    public void PathOf_known_object_that_refers_to_itself_has_its_path_of_either_era(string hash, string expected)
    {
        var a = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a");
        Assert.True(Sha256Digest.TryParseHex(hash, out var digest));
        var address = new ContentAddress(ContentMethod.Nar, "sha256", digest.AsSpan());
        Assert.Equal(expected, ContentAddressing.PathOf(address, [a], selfReference: true, StorePath.DefaultStoreDir, "b").BaseName);
    }

    [Fact]
    public void PathOf_agrees_with_the_narrower_ways()
    {
        var hash = Sha256Digest.HashData("leaf\n"u8);
        var flat = new ContentAddress(ContentMethod.Flat, "sha256", hash.AsSpan());
        Assert.Equal(
            "/nix/store/xbanwc63bmnpp74w1c5wr6pw7f1h4ybg-leaf.txt",
            ContentAddressing.PathOf(flat, [], false, StorePath.DefaultStoreDir, "leaf.txt").ToString()
        );
        var text = new ContentAddress(ContentMethod.Text, "sha256", Sha256Digest.HashData("bar"u8).AsSpan());
        Assert.Equal(
            "/nix/store/vxjiwkjkn7x4079qvh1jkl5pn05j2aw0-foo",
            ContentAddressing.PathOf(text, [], false, StorePath.DefaultStoreDir, "foo").ToString()
        );
    }

    [Theory]
    [InlineData(ContentMethod.Flat, "sha256")]
    [InlineData(ContentMethod.Nar, "sha512")]
    [InlineData(ContentMethod.Git, "sha1")]
    public void PathOf_references_of_an_object_that_cannot_have_them_are_refused(ContentMethod method, string algorithm)
    {
        var address = new ContentAddress(method, algorithm, new byte[ContentAlgorithm.SizeOf(algorithm)]);
        var reference = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a");
        Assert.Throws<FormatException>(() => ContentAddressing.PathOf(address, [reference], false, StorePath.DefaultStoreDir, "b"));
        Assert.Throws<FormatException>(() => ContentAddressing.PathOf(address, [], true, StorePath.DefaultStoreDir, "b"));
    }

    static byte[] Json(ContentAddress address)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            address.WriteJson(json);
        }
        return stream.ToArray();
    }
}
