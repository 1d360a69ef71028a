using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class BinaryCacheTests
{
    const string HashPart = "w39bcnid1klz7bjcfiq1dmnhivm9735n";

    [Fact]
    public void Names_are_those_of_Nix()
    {
        Assert.Equal(HashPart + ".narinfo", BinaryCacheNames.NarInfo(HashPart));
        Assert.Equal(HashPart + ".ls", BinaryCacheNames.Listing(HashPart));
        Assert.True(NarHash.TryNix32("1aw0q8g6hv7vadm2gzc2pilpqbls9fr784zvgbsn49dd000dpj3c", out var hash));
        Assert.Equal("nar/1aw0q8g6hv7vadm2gzc2pilpqbls9fr784zvgbsn49dd000dpj3c.nar.xz", BinaryCacheNames.Nar(hash, "xz"));
        Assert.Equal("nar/1aw0q8g6hv7vadm2gzc2pilpqbls9fr784zvgbsn49dd000dpj3c.nar", BinaryCacheNames.Nar(hash, "none"));
        Assert.Equal($"log/{HashPart}-top.drv", BinaryCacheNames.BuildLog(StorePath.Parse($"/nix/store/{HashPart}-top.drv")));
        Assert.Equal("debuginfo/00ff", BinaryCacheNames.DebugInfo("00ff"));
    }

    [Fact]
    public void Nar_of_a_compression_that_Nix_does_not_have_is_refused() =>
        Assert.Throws<ArgumentException>(() => BinaryCacheNames.Nar(Sha256Digest.Zero, "rar"));

    [Theory]
    [InlineData("none", "")]
    [InlineData("bzip2", ".bz2")]
    [InlineData("zstd", ".zst")]
    [InlineData("gzip", ".gzip")]
    public void NarExtension_is_that_of_Nix_or_the_name_itself(string compression, string extension)
    {
        Assert.Equal(extension, BinaryCacheNames.NarExtension(compression));
        Assert.True(BinaryCacheNames.TryNarExtension(extension, out var read));
        Assert.Equal(compression, read);
    }

    [Theory]
    [InlineData("xz")]
    [InlineData(".")]
    [InlineData(".XZ")]
    [InlineData(".x/y")]
    [InlineData(".seventeenletters0")]
    public void TryNarExtension_other_text_is_refused(string text) => Assert.False(BinaryCacheNames.TryNarExtension(text, out _));

    [Theory]
    [InlineData(HashPart + ".narinfo", true)]
    [InlineData("x.narinfo", false)]
    [InlineData(HashPart + ".ls", false)]
    [InlineData("a/" + HashPart + ".narinfo", false)]
    public void TryNarInfo_knows_the_name_of_a_narinfo_file(string name, bool known)
    {
        Assert.Equal(known, BinaryCacheNames.TryNarInfo(name, out var hashPart));
        Assert.Equal(known ? HashPart : null, hashPart);
    }

    [Fact]
    public void CacheInfo_as_Nix_writes_it_is_read()
    {
        Assert.True(NixCacheInfo.TryParse("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n"u8, out var info, out _));
        Assert.Equal(new NixCacheInfo("/nix/store", true, 30), info);
        Assert.True(NixCacheInfo.TryParse("StoreDir: /nix/store\n"u8, out info, out _));
        Assert.Equal(new NixCacheInfo("/nix/store", false, null), info);
    }

    [Theory]
    [InlineData("StoreDir: nix\n")]
    [InlineData("Priority: -1\n")]
    [InlineData("Priority: 01\n")]
    [InlineData("WantMassQuery: yes\n")]
    [InlineData("StoreDir: /a\nStoreDir: /a\n")]
    [InlineData("StoreDir\n")]
    public void CacheInfo_that_is_not_one_is_refused(string text) =>
        Assert.False(NixCacheInfo.TryParse(Encoding.ASCII.GetBytes(text), out _, out _));

    [Fact]
    public void CacheInfo_any_text_never_throws_and_what_it_accepts_reads_back()
    {
        var pieces = Gen.Elements("StoreDir: ", "/nix/store", "Priority: ", "40", "\n", "WantMassQuery: ", "1", "x", ": ", "\0", "é");
        Prop.ForAll(
                pieces.ListOf().Select(list => string.Concat(list)).ToArbitrary(),
                text =>
                    !NixCacheInfo.TryParse(Encoding.UTF8.GetBytes(text), out var info, out _)
                    || (NixCacheInfo.TryParse(Encoding.ASCII.GetBytes(info.ToText()), out var again, out _) && again == info)
            )
            .QuickCheckThrowOnFailure();
    }
}
