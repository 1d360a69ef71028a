using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NarHashTests
{
    const string Sri = "sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=";
    const string Nix32Text = "sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq";

    [Theory]
    [InlineData(Nix32Text)]
    [InlineData("sha256:78d32cff844f6d279b9e89f761853bbc3c37a7be589ce8b890e2a661d491b2ad")]
    [InlineData("sha256:eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=")]
    [InlineData(Sri)]
    public void TryParse_every_spelling_gives_the_same_bytes(string text)
    {
        Assert.True(NarHash.TryParse(text, out var hash));
        Assert.Equal((Nix32Text, Sri), (NarHash.ToNix32(hash), NarHash.ToSri(hash)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256-")]
    [InlineData("SHA256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq")]
    [InlineData("sha1:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq")]
    [InlineData("sha256-1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq")]
    [InlineData("sha256:zbdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq")]
    [InlineData("sha256:78D32cff844f6d279b9e89f761853bbc3c37a7be589ce8b890e2a661d491b2ad")]
    [InlineData("sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq1=")]
    [InlineData("sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0")]
    [InlineData("sha256-eNMs_4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=")]
    [InlineData("sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0= ")]
    [InlineData("1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq")]
    public void TryParse_other_text_is_refused(string text) => Assert.False(NarHash.TryParse(text, out _));

    [Fact]
    public void TryParse_reads_back_what_is_printed()
    {
        var hashes = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(32).Select(bytes => new Sha256Digest(bytes));
        Prop.ForAll(
                hashes.ToArbitrary(),
                hash =>
                    NarHash.TryParse(NarHash.ToNix32(hash), out var a)
                    && a == hash
                    && NarHash.TryParse(NarHash.ToSri(hash), out var b)
                    && b == hash
            )
            .QuickCheckThrowOnFailure();
    }
}
