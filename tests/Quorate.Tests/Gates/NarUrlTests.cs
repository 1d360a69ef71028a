using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Node.Gates;
using Xunit;

namespace Quorate.Tests.Gates;

public sealed class NarUrlTests
{
    [Fact]
    public void TryParse_reads_back_what_is_printed()
    {
        var urls =
            from bytes in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(32)
            from compression in Gen.Elements("none", "xz", "bzip2", "zstd", "gzip", "br", "lzip", "lz4")
            select new NarUrl(new Sha256Digest(bytes), "w39bcnid1klz7bjcfiq1dmnhivm9735n", compression);
        Prop.ForAll(urls.ToArbitrary(), url => NarUrl.TryParse(url.ToString(), out var parsed) && parsed == url).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("")]
    [InlineData("nar/")]
    [InlineData("nar/1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq-w39bcnid1klz7bjcfiq1dmnhivm9735n")]
    [InlineData("nar/1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq-w39bcnid1klz7bjcfiq1dmnhivm9735n.nar.")]
    [InlineData("nar/1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq-w39bcnid1klz7bjcfiq1dmnhivm9735n.nar.x/y")]
    [InlineData("nar/zbdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq-w39bcnid1klz7bjcfiq1dmnhivm9735n.nar")]
    public void TryParse_other_text_is_refused(string path) => Assert.False(NarUrl.TryParse(path, out _));
}
