using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Xunit;

namespace Quorate.Tests.Nix;

public sealed class NixClaimTests
{
    /// <summary>A value that a Go Trustix publisher logged in 2022 (specs: Trustix §1.8).</summary>
    const string Deployed =
        """{"path":"/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-libidn2-2.3.2","narHash":"sha256-b97Su8sVzKIAjo01FlN18y91XiIhhtuRkOBku7qSw3s=","narSize":260216,"references":["/nix/store/ik4qlj53grwmg7avzrfrn34bjf6a30ch-libunistring-1.0","/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-libidn2-2.3.2"]}""";

    const string Nix32Spelling = "sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq";
    const string SriSpelling = "sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=";

    [Theory]
    [InlineData(Deployed)]
    [InlineData(NixSamples.TopClaim)]
    public void ToBytes_prints_what_go_printed(string value) =>
        Assert.Equal(value, System.Text.Encoding.ASCII.GetString(NixClaim.Parse(NixSamples.Bytes(value)).ToBytes()));

    [Fact]
    public void ToBytes_of_the_deployed_value_has_the_known_digest() =>
        Assert.Equal(
            "a7a2bb1a72c2d0d24df8a97856e3bcbaed18e97d77182c6a10d7109080926c61",
            Sha256Digest.HashData(NixClaim.Parse(NixSamples.Bytes(Deployed)).ToBytes()).ToString()
        );

    [Fact]
    public void TryFrom_narinfo_is_the_claim_that_the_hook_logs()
    {
        Assert.True(NixClaim.TryFrom(NixSamples.Info(NixSamples.Top), out var claim));
        Assert.Equal(NixClaim.Parse(NixSamples.Bytes(NixSamples.TopClaim)), claim);
    }

    [Fact]
    public void TryFrom_outputs_reads_back_what_was_made()
    {
        var claim = NixClaim.Parse(NixSamples.Bytes(NixSamples.TopClaim));
        Assert.True(NixClaim.TryFrom(claim.ToOutputs(), out var again));
        Assert.Equal(claim, again);
    }

    [Fact]
    public void MeaningOf_both_spellings_of_the_hash_are_equal() =>
        Assert.Equal(
            NixClaim.MeaningOf(Key(NixSamples.TopPath), NixSamples.Bytes(NixSamples.TopClaim)),
            NixClaim.MeaningOf(Key(NixSamples.TopPath), NixSamples.Bytes(NixSamples.TopClaim.Replace(SriSpelling, Nix32Spelling)))
        );

    [Fact]
    public void MeaningOf_null_and_empty_references_are_equal()
    {
        const string empty =
            """{"path":"/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf","narHash":"sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=","narSize":120,"references":[]}""";
        Assert.NotNull(NixClaim.MeaningOf(Key(NixSamples.LeafPath), NixSamples.Bytes(empty)));
        Assert.Equal(
            NixClaim.MeaningOf(Key(NixSamples.LeafPath), NixSamples.Bytes(empty)),
            NixClaim.MeaningOf(Key(NixSamples.LeafPath), NixSamples.Bytes(empty.Replace("[]", "null")))
        );
    }

    [Theory]
    [InlineData("\"narSize\":216", "\"narSize\":217")]
    [InlineData("eNMs", "eNMt")]
    [InlineData(",\"/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top\"]", "]")]
    public void MeaningOf_another_claim_differs(string old, string changed) =>
        Assert.NotEqual(
            NixClaim.MeaningOf(Key(NixSamples.TopPath), NixSamples.Bytes(NixSamples.TopClaim)),
            NixClaim.MeaningOf(Key(NixSamples.TopPath), NixSamples.Bytes(NixSamples.TopClaim.Replace(old, changed)))
        );

    [Fact]
    public void MeaningOf_malformed_value_is_null() => Assert.Null(NixClaim.MeaningOf(Key(NixSamples.TopPath), "{}"u8));

    [Fact]
    public void Format_accepts_the_claim_under_its_full_path() => Assert.True(Accepts(Key(NixSamples.TopPath), NixSamples.TopClaim));

    [Fact]
    public void Format_accepts_the_claim_under_its_legacy_key() =>
        Assert.True(Accepts(NixKeyForms.LegacyKey("w39bcnid1klz7bjcfiq1dmnhivm9735n"), NixSamples.TopClaim));

    [Fact]
    public void Format_refuses_the_claim_under_another_path() => Assert.False(Accepts(Key(NixSamples.LeafPath), NixSamples.TopClaim));

    [Fact]
    public void Format_refuses_the_claim_under_another_legacy_key() =>
        Assert.False(Accepts(NixKeyForms.LegacyKey("b85da8d07mwiqcfvb4bbyqs893qpfzrv"), NixSamples.TopClaim));

    [Fact]
    public void Format_refuses_the_claim_under_another_name_of_the_same_hash() =>
        Assert.False(Accepts(Key(NixSamples.TopPath + "-2"), NixSamples.TopClaim));

    [Theory]
    [InlineData("\"narSize\":216", "\"narSize\": 216")]
    [InlineData("\"narSize\":216", "\"narSize\":0")]
    [InlineData("\"narSize\":216", "\"narSize\":0216")]
    [InlineData("\"narSize\":216", "\"narSize\":-1")]
    [InlineData("\"narSize\":216", "\"narSize\":216.0")]
    [InlineData("\"narSize\":216", "\"narSize\":2e2")]
    [InlineData("\"narSize\":216", "\"narSize\":18446744073709551616")]
    [InlineData("\"narSize\":216", "\"narSize\":\"216\"")]
    [InlineData("\"narSize\":216", "\"narSize\":216,\"narSize\":216")]
    [InlineData("\"narSize\":216", "\"NarSize\":216")]
    [InlineData("\"narSize\":216,", "")]
    [InlineData("narHash\":\"sha256-", "narHash\":\"sha1-")]
    [InlineData("top\",\"narHash", "top/bin\",\"narHash")]
    [InlineData("top\",\"narHash", "t\\u006fp\",\"narHash")]
    [InlineData("-leaf\"", "-leaf\",\"/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf\"")]
    [InlineData("b85da8d07mwiqcfvb4bbyqs893qpfzrv", "y85da8d07mwiqcfvb4bbyqs893qpfzrv")]
    [InlineData("/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf", "b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf")]
    [InlineData("/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf", "/gnu/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf")]
    [InlineData("]}", "]}\n")]
    [InlineData("]}", "]")]
    [InlineData("]}", ",]}")]
    [InlineData("]}", "],\"deriver\":null}")]
    public void TryParse_value_that_go_would_not_print_is_refused(string old, string changed)
    {
        var value = NixSamples.TopClaim.Replace(old, changed);
        Assert.NotEqual(NixSamples.TopClaim, value);
        Assert.False(NixClaim.TryParse(NixSamples.Bytes(value), out var claim, out var error));
        Assert.Null(claim);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TryParse_other_field_order_is_refused() =>
        Assert.False(
            NixClaim.TryParse(
                """{"narHash":"sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=","path":"/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf","narSize":120,"references":[]}"""u8,
                out _,
                out _
            )
        );

    [Theory]
    [InlineData(NixClaim.MaxReferences, true)]
    [InlineData(NixClaim.MaxReferences + 1, false)]
    public void TryParse_has_a_limit_of_references(int count, bool accepted)
    {
        var references = Enumerable.Range(0, count).Select(i => StorePath.Parse($"/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-{i:d5}"));
        var claim = NixClaim.Parse(NixSamples.Bytes(NixSamples.TopClaim)) with { References = [.. references] };
        Assert.Equal(accepted, NixClaim.TryParse(claim.ToBytes(), out _, out _));
    }

    [Fact]
    public void TryParse_value_over_the_limit_is_refused()
    {
        Assert.False(NixClaim.TryParse(new byte[NixClaim.MaxBytes + 1], out _, out var error));
        Assert.Contains("limit", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_damaged_value_never_throws_and_what_it_accepts_has_one_meaning()
    {
        var original = NixSamples.Bytes(NixSamples.TopClaim);
        var edits =
            from position in Gen.Choose(0, original.Length - 1)
            from value in Gen.Choose(0, 127)
            from length in Gen.Choose(0, original.Length)
            from truncate in Gen.Elements(true, false)
            select (byte[])[.. original.Select((b, i) => i == position ? (byte)value : b).Take(truncate ? length : original.Length)];
        Prop.ForAll(
                edits.ToArbitrary(),
                value => !NixClaim.TryParse(value, out var claim, out _) || NixClaim.Parse(claim.ToBytes()) == claim
            )
            .QuickCheckThrowOnFailure();
    }

    static byte[] Key(string path) => NixSamples.Bytes(path);

    static bool Accepts(byte[] key, string value) => NixClaimFormat.Instance.TryParse(key, NixSamples.Bytes(value), out _, out _);
}
