using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class ContentAddressingTests
{
    [Fact]
    public void Text_known_content_gives_known_path() =>
        Assert.Equal(
            "/nix/store/vxjiwkjkn7x4079qvh1jkl5pn05j2aw0-foo",
            ContentAddressing.Text(Sha256Digest.HashData("bar"u8), [], StorePath.DefaultStoreDir, "foo").ToString()
        );

    [Fact]
    public void RecursiveSha256_known_tree_gives_known_path()
    {
        var info = NixSamples.Info(NixSamples.SourceTree);
        var path = ContentAddressing.RecursiveSha256(info.NarHash, [], StorePath.DefaultStoreDir, "srcdir");
        Assert.Equal(info.StorePath, path);
        Assert.Equal(info.ContentAddress, ContentAddressing.RecursiveSha256Field(info.NarHash));
    }

    [Fact]
    public void FixedOutput_known_flat_file_gives_known_path()
    {
        // Real Nix 2.8.0 built this path for a flat sha256 output whose content is "leaf\n".
        var hash = Sha256Digest.HashData("leaf\n"u8).ToArray();
        Assert.Equal(
            "/nix/store/xbanwc63bmnpp74w1c5wr6pw7f1h4ybg-leaf.txt",
            ContentAddressing.FixedOutput(recursive: false, "sha256", hash, StorePath.DefaultStoreDir, "leaf.txt").ToString()
        );
    }

    [Fact]
    public void FixedOutput_recursive_sha256_is_refused() =>
        Assert.Throws<ArgumentException>(() =>
            ContentAddressing.FixedOutput(recursive: true, "sha256", new byte[32], StorePath.DefaultStoreDir, "x")
        );

    [Fact]
    public void CertifiesItself_holds_only_for_the_right_hash_name_and_references()
    {
        var info = NixSamples.Info(NixSamples.SourceTree);
        var renamed = StorePath.Parse($"/nix/store/{info.StorePath.HashPart}-other");
        Assert.True(ContentAddressing.CertifiesItself(info.StorePath, info.NarHash, []));
        Assert.False(ContentAddressing.CertifiesItself(renamed, info.NarHash, []));
        Assert.False(ContentAddressing.CertifiesItself(info.StorePath, Sha256Digest.HashData("x"u8), []));
        Assert.False(ContentAddressing.CertifiesItself(info.StorePath, info.NarHash, [StorePath.Parse(NixSamples.LeafPath)]));
    }

    [Fact]
    public void CertifiesItself_never_holds_with_a_self_reference()
    {
        // Found by fixing the path first: a claim that lists its own path must not be certified whatever it recomputes to.
        var info = NixSamples.Info(NixSamples.SourceTree);
        Assert.False(ContentAddressing.CertifiesItself(info.StorePath, info.NarHash, [info.StorePath]));
    }

    [Fact]
    public void CertifiesItself_does_not_hold_for_an_input_addressed_path()
    {
        var info = NixSamples.Info(NixSamples.Top);
        Assert.False(ContentAddressing.CertifiesItself(info.StorePath, info.NarHash, info.References));
    }

    [Fact]
    public void Fold_known_digest_gives_known_bytes() =>
        Assert.Equal(
            "141414141c1c1c1c141414140c0d0e0f10111213",
            Hex.Encode(ContentAddressing.Fold(new Sha256Digest([.. Enumerable.Range(0, 32).Select(i => (byte)i)])))
        );
}
