using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Cli;

/// <summary>What <c>quorate nix verify --input-addressed</c> takes for a target. The claim that would be enough is always there.</summary>
public sealed class NixVerifyTests : IDisposable
{
    readonly CliFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Verify_of_an_input_addressed_derivation_from_a_source_is_accepted(bool byPath)
    {
        var build = await SignedAsync();
        var (exit, _, error) = await VerifyAsync(build, byPath);
        Assert.Equal((0, ""), (exit, error));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Verify_of_an_input_addressed_derivation_whose_source_was_built_is_refused(bool byPath)
    {
        var build = await SignedAsync();
        build.MadeBy(build.Source, build.AddDerivation("""[("out","","r:sha256","")]""", "[]", "source"));
        build.WriteNixStore(_f["nix-store"]);
        await AssertRefusedAsync(build, byPath, "was built");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Verify_of_what_a_deferred_derivation_may_have_been_resolved_to_is_refused(bool byPath)
    {
        var build = await SignedAsync();
        var deferred = build.AddDerivation(
            """[("out","","","")]""",
            """[("/nix/store/00000000000000000000000000000000-source.drv",["out"])]""",
            "ia"
        );
        await AssertRefusedAsync(build, byPath, deferred.BaseName);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Verify_of_an_input_addressed_derivation_whose_source_Nix_does_not_know_is_refused(bool byPath)
    {
        var build = await SignedAsync();
        build.Forget(build.Source);
        build.WriteNixStore(_f["nix-store"]);
        await AssertRefusedAsync(build, byPath, "is not known");
    }

    [Fact]
    public async Task Verify_of_an_input_addressed_derivation_from_a_source_is_refused_without_Nix()
    {
        var build = await SignedAsync();
        File.Delete(_f["nix-store"]);
        await AssertRefusedAsync(build, byPath: false, "is not known");
    }

    [Fact]
    public async Task Verify_of_an_input_addressed_derivation_from_nothing_needs_no_Nix()
    {
        var build = await SignedAsync(withSource: false);
        File.Delete(_f["nix-store"]);
        Assert.Equal(0, (await VerifyAsync(build, byPath: false)).Exit);
    }

    async Task AssertRefusedAsync(LabBuild build, bool byPath, string reason)
    {
        var (exit, text, error) = await VerifyAsync(build, byPath);
        Assert.Equal((1, ""), (exit, text));
        Assert.Contains("is no target for --input-addressed", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    /// <summary>An input-addressed build, of which a trusted builder signed the view.</summary>
    async Task<LabBuild> SignedAsync(bool withSource = true)
    {
        var build = await LabBuild.CreateInputAddressedAsync(_f["root"], withSource);
        build.MadeBy(build.Out, build.Derivation);
        build.WriteNixStore(_f["nix-store"]);
        using var key = NixCacheSecretKey.Generate("claims");
        key.Write(_f["claims.key"]);
        await File.WriteAllTextAsync(_f["trust.json"], $$"""{"threshold":1,"of":[{"key":"{{key.PublicKey}}"}]}""");
        var (exit, _, error) = await _f.RunAsync([
            "nix",
            "sign",
            "--input-addressed",
            "--key",
            _f["claims.key"],
            "--store",
            build.Root,
            "--view-cache",
            _f["views"],
            "--out",
            _f["cache"],
            build.Derivation.ToString(),
        ]);
        Assert.Equal((0, ""), (exit, error));
        return build;
    }

    Task<(int Exit, string Out, string Error)> VerifyAsync(LabBuild build, bool byPath) =>
        _f.RunAsync([
            "nix",
            "verify",
            (byPath ? build.Out : build.Derivation).ToString(),
            "--input-addressed",
            "--trust",
            _f["trust.json"],
            "--source",
            "dir:" + _f["cache"],
            "--store",
            build.Root,
        ]);
}
