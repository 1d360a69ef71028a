using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto.Keys;
using Xunit;

namespace Quorate.Tests.Crypto.Keys;

public sealed class NixCacheKeyTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Keys_come_back_from_their_text()
    {
        using var key = NixCacheSecretKey.Generate("cache.example-1");
        var path = Path.Combine(_folder, "secret");
        key.Write(path);
        Assert.Equal(DurableFile.Private, File.GetUnixFileMode(path));
        // Nix itself writes no line break.
        Assert.DoesNotContain('\n', File.ReadAllText(path));
        using var read = NixCacheSecretKey.Read(path, out var readableByOthers);
        Assert.False(readableByOthers);
        Assert.Equal(key.PublicKey, read.PublicKey);
        Assert.True(NixCachePublicKey.TryParse(key.PublicKey.ToString(), out var parsed));
        Assert.Equal(key.PublicKey, parsed);
    }

    [Fact]
    public void Write_over_an_existing_file_is_refused()
    {
        using var key = NixCacheSecretKey.Generate("n");
        var path = Path.Combine(_folder, "secret");
        key.Write(path);
        Assert.Throws<IOException>(() => key.Write(path));
    }

    [Fact]
    public void Verify_wants_the_name_and_the_signature()
    {
        using var key = NixCacheSecretKey.Generate("n-1");
        var signature = key.Sign("fingerprint"u8);
        Assert.StartsWith("n-1:", signature, StringComparison.Ordinal);
        Assert.True(key.PublicKey.Verify("fingerprint"u8, signature));
        Assert.False(key.PublicKey.Verify("other"u8, signature));
        Assert.False(key.PublicKey.Verify("fingerprint"u8, "n-2" + signature[3..]));
        Assert.False(key.PublicKey.Verify("fingerprint"u8, signature + "\n"));
        Assert.False(key.PublicKey.Verify("fingerprint"u8, ""));
        Assert.False(key.PublicKey.Verify("fingerprint"u8, "n-1:"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cache.nixos.org-1")]
    [InlineData(":6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=")]
    [InlineData("a b:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=")]
    [InlineData("cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShj=")]
    [InlineData("cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\n")]
    public void TryParse_of_another_form_is_refused(string text) => Assert.False(NixCachePublicKey.TryParse(text, out _));

    [Fact]
    public void TryParse_of_the_well_known_key_succeeds() =>
        Assert.True(NixCachePublicKey.TryParse("cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", out _));

    [Theory]
    [InlineData("")]
    [InlineData("name")]
    [InlineData("name:")]
    [InlineData("name:AAAA")]
    [InlineData("na\nme:AAAA")]
    public void Parse_of_another_form_is_malformed(string text) =>
        Assert.Throws<MalformedException>(() => NixCacheSecretKey.Parse(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Generate_with_a_bad_name_is_refused()
    {
        Assert.Throws<ArgumentException>(() => NixCacheSecretKey.Generate("a:b"));
        Assert.Throws<ArgumentException>(() => NixCacheSecretKey.Generate(""));
    }
}
