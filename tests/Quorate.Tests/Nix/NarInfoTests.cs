using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NarInfoTests
{
    [Theory]
    [InlineData(NixSamples.Top)]
    [InlineData(NixSamples.SourceTree)]
    public void ToText_of_a_file_from_real_nix_is_the_same_bytes(string text) => Assert.Equal(text, NixSamples.Info(text).ToText());

    [Theory]
    [InlineData(NixSamples.Top)]
    [InlineData(NixSamples.SourceTree)]
    public void IsSignedBy_signature_of_real_nix_verifies(string text) =>
        Assert.True(NixSamples.Info(text).IsSignedBy(NixSamples.PublicKey));

    [Fact]
    public void SignedBy_makes_the_signature_that_real_nix_makes()
    {
        using var key = NixSamples.SecretKey;
        var info = NixSamples.Info(NixSamples.Top);
        Assert.Equal(info, (info with { Signatures = [] }).SignedBy(key));
    }

    [Fact]
    public void Fingerprint_lists_full_references() =>
        Assert.Equal(
            "1;/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top;sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq;216;"
                + "/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf,/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top",
            NixSamples.Info(NixSamples.Top).Fingerprint()
        );

    [Fact]
    public void IsSignedBy_another_key_name_is_refused() =>
        Assert.False(NixSamples.Info(NixSamples.Top).IsSignedBy(NixSamples.PublicKey with { Name = "lab-2" }));

    [Fact]
    public void IsSignedBy_another_key_of_the_same_name_is_refused()
    {
        using var other = NixCacheSecretKey.Generate(NixSamples.KeyName);
        Assert.False(NixSamples.Info(NixSamples.Top).IsSignedBy(other.PublicKey));
    }

    [Fact]
    public void IsSignedBy_changed_field_is_refused()
    {
        var info = NixSamples.Info(NixSamples.Top);
        Assert.False((info with { NarSize = info.NarSize + 1 }).IsSignedBy(NixSamples.PublicKey));
        Assert.False((info with { References = [] }).IsSignedBy(NixSamples.PublicKey));
    }

    [Theory]
    [InlineData("lab-1")]
    [InlineData("lab-1:")]
    [InlineData("lab-1:AAAA")]
    [InlineData("lab-1:not base64")]
    [InlineData(":")]
    [InlineData("")]
    public void IsSignedBy_garbage_signature_does_not_verify(string signature) =>
        Assert.False((NixSamples.Info(NixSamples.Top) with { Signatures = [signature] }).IsSignedBy(NixSamples.PublicKey));

    [Fact]
    public void IsSignedBy_good_signature_behind_a_bad_one_verifies()
    {
        var info = NixSamples.Info(NixSamples.Top);
        var signatures = new[] { "lab-1:AAAA", info.Signatures[0] };
        Assert.True((info with { Signatures = signatures }).IsSignedBy(NixSamples.PublicKey));
    }

    [Fact]
    public void TryParse_missing_compression_means_bzip2() => Assert.Equal("bzip2", NixSamples.Info(Without("Compression")).Compression);

    [Fact]
    public void TryParse_unknown_deriver_is_none() => Assert.Null(NixSamples.Info(With("Deriver", "unknown-deriver")).Deriver);

    [Fact]
    public void TryParse_unknown_fields_are_passed_over() =>
        Assert.Equal(NixSamples.Info(NixSamples.Top), NixSamples.Info("X-New: ä\n" + NixSamples.Top + "X-New: again\n"));

    [Fact]
    public void TryParse_unsorted_references_are_put_in_order() =>
        Assert.Equal(
            NixSamples.Info(NixSamples.Top),
            NixSamples.Info(With("References", "w39bcnid1klz7bjcfiq1dmnhivm9735n-top b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf"))
        );

    [Fact]
    public void TryParse_several_signatures_are_kept_in_order() =>
        Assert.Equal(2, NixSamples.Info(NixSamples.Top + "Sig: other:AAAA\n").Signatures.Count);

    [Theory]
    [InlineData("StorePath")]
    [InlineData("URL")]
    [InlineData("NarHash")]
    [InlineData("NarSize")]
    public void TryParse_missing_field_is_refused(string field) => Refused(Without(field), field);

    [Theory]
    [InlineData("StorePath", "/gnu/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top")]
    [InlineData("StorePath", "w39bcnid1klz7bjcfiq1dmnhivm9735n-top")]
    [InlineData("URL", "")]
    [InlineData("URL", "nar/a b")]
    [InlineData("Compression", "x/z")]
    [InlineData("FileHash", "sha512:abc")]
    [InlineData("FileSize", "-1")]
    [InlineData("FileSize", "")]
    [InlineData("NarHash", "sha256:xyz")]
    [InlineData("NarSize", "0")]
    [InlineData("NarSize", "+216")]
    [InlineData("NarSize", "0216")]
    [InlineData("NarSize", "18446744073709551616")]
    [InlineData("References", "/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf")]
    [InlineData("References", "b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf")]
    [InlineData("Deriver", "../x.drv")]
    public void TryParse_bad_field_is_refused_by_name(string field, string value) => Refused(With(field, value), field);

    [Theory]
    [InlineData("StorePath")]
    [InlineData("NarHash")]
    [InlineData("References")]
    [InlineData("URL")]
    [InlineData("Compression")]
    public void TryParse_duplicate_field_is_refused(string field)
    {
        var line = NixSamples.Top.Split('\n').First(l => l.StartsWith(field + ":", StringComparison.Ordinal));
        Refused(NixSamples.Top + line + "\n", field);
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html></html>")]
    [InlineData("StorePath /nix\n")]
    [InlineData("StorePath:/nix\n")]
    [InlineData("\n")]
    public void TryParse_other_text_is_refused(string text) => Refused(text, "");

    [Fact]
    public void TryParse_last_line_without_end_is_refused() => Refused(NixSamples.Top.TrimEnd('\n'), "line 10");

    [Fact]
    public void TryParse_control_character_in_a_field_is_refused() => Refused(With("URL", "nar/\r"), "URL");

    [Fact]
    public void TryParse_file_over_the_limit_is_refused() =>
        Refused(NixSamples.Top + "X: " + new string('x', NarInfo.MaxBytes) + "\n", "limit");

    [Fact]
    public void TryParse_damaged_file_never_throws()
    {
        var original = NixSamples.Bytes(NixSamples.Top);
        var edits =
            from position in Gen.Choose(0, original.Length - 1)
            from value in Gen.Choose(0, 255)
            from cut in Gen.Choose(0, original.Length)
            select (byte[])
                [.. original.Select((b, i) => i == position ? (byte)value : b).Where((_, i) => i < position || i >= cut || cut % 3 != 0)];
        Prop.ForAll(
                edits.ToArbitrary(),
                file =>
                    !NarInfo.TryParse(file, StorePath.DefaultStoreDir, out var info, out _)
                    || NarInfo.Parse(NixSamples.Bytes(info.ToText()), StorePath.DefaultStoreDir) == info
            )
            .QuickCheckThrowOnFailure();
    }

    static void Refused(string text, string expectedInError)
    {
        Assert.False(NarInfo.TryParse(NixSamples.Bytes(text), StorePath.DefaultStoreDir, out var info, out var error));
        Assert.Null(info);
        Assert.NotEmpty(error);
        Assert.Contains(expectedInError, error, StringComparison.Ordinal);
    }

    static string Without(string field) =>
        string.Join('\n', NixSamples.Top.Split('\n').Where(line => !line.StartsWith(field + ":", StringComparison.Ordinal)));

    static string With(string field, string value) =>
        string.Join(
            '\n',
            NixSamples.Top.Split('\n').Select(line => line.StartsWith(field + ":", StringComparison.Ordinal) ? $"{field}: {value}" : line)
        );
}
