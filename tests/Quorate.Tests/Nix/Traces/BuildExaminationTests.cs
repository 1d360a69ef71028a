using Quorate.Nix;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class BuildExaminationTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("q-lab").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Examine_of_a_build_gives_every_output_with_its_recomputed_hash()
    {
        var build = await LabBuild.CreateAsync(_root);
        var sound = Assert.IsType<ExaminedBuild.Sound>(await ExamineAsync(build));
        Assert.Equal(build.Derivation.HashPart, sound.Input.ToString());
        Assert.Equal([("dev", build.Dev, "nar"), ("out", build.Out, "flat")], sound.Outputs.Select(o => (o.Name, o.Path, o.Method)));
        Assert.Equal(sound.Facts.Select(f => f.Claim.NarHash), sound.Outputs.Select(o => o.NarHash));
    }

    // A derivation called a-dev whose output is out: by its suffix it would be taken for dev.
    [Fact]
    public async Task Examine_finds_outputs_by_their_exact_names()
    {
        var build = await LabBuild.CreateAsync(_root, name: "a-dev");
        var sound = Assert.IsType<ExaminedBuild.Sound>(await ExamineAsync(build));
        Assert.Equal(["a-dev-dev", "a-dev"], sound.Outputs.Select(o => o.Path.Name));
    }

    [Theory]
    [InlineData("""[("out","","r:sha256","")]""", """[("/nix/store/00000000000000000000000000000000-x.drv",["out"])]""", "unresolved")]
    [InlineData("""[("out","/nix/store/00000000000000000000000000000000-a","","")]""", "[]", "input-addressed")]
    [InlineData("""[("out","","","")]""", "[]", "deferred")]
    [InlineData("""[("out","","r:sha256","impure")]""", "[]", "impure")]
    [InlineData(
        """[("out","/nix/store/00000000000000000000000000000000-a","sha256","0000000000000000000000000000000000000000000000000000000000000000")]""",
        "[]",
        "fixed-output"
    )]
    public async Task Examine_of_another_kind_is_skipped(string outputs, string inputs, string code)
    {
        var build = await LabBuild.CreateAsync(_root, outputs, inputs);
        Assert.Equal(code, Assert.IsType<ExaminedBuild.Skipped>(await ExamineAsync(build)).Code);
    }

    [Fact]
    public async Task Examine_of_changed_bytes_is_a_contradiction()
    {
        var build = await LabBuild.CreateAsync(_root);
        await File.AppendAllTextAsync(build.OnDisk(build.Out), "x");
        Assert.IsType<ExaminedBuild.Contradicted>(await ExamineAsync(build));
    }

    // Even if the hash in Nix's database was changed with them, the path still tells.
    [Fact]
    public async Task Examine_of_changed_bytes_that_are_registered_is_a_contradiction()
    {
        var build = await LabBuild.CreateAsync(_root);
        await File.AppendAllTextAsync(Path.Combine(build.OnDisk(build.Dev), "file"), "x");
        await build.RegisterAgainAsync(build.Dev, ContentMethod.Nar);
        Assert.IsType<ExaminedBuild.Contradicted>(await ExamineAsync(build));
    }

    [Fact]
    public async Task Examine_of_a_changed_derivation_is_a_contradiction()
    {
        var build = await LabBuild.CreateAsync(_root);
        var file = build.OnDisk(build.Derivation);
        await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("x86_64", "x86_65", StringComparison.Ordinal));
        Assert.IsType<ExaminedBuild.Contradicted>(await ExamineAsync(build));
    }

    [Fact]
    public async Task Examine_with_an_output_missing_or_one_too_many_is_a_contradiction()
    {
        var build = await LabBuild.CreateAsync(_root);
        Assert.IsType<ExaminedBuild.Contradicted>(await ExamineAsync(build, build.Out));
        Assert.IsType<ExaminedBuild.Contradicted>(
            await ExamineAsync(build, build.Out, build.Dev, StorePath.Parse("/nix/store/00000000000000000000000000000000-a-doc"))
        );
    }

    [Fact]
    public async Task Examine_of_an_input_addressed_build_from_a_source_is_sound()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        Assert.IsType<ExaminedBuild.Sound>(await ExamineViewAsync(build));
    }

    // What it was built from is known by its hash, whoever fetched it.
    [Fact]
    public async Task Examine_of_an_input_addressed_build_from_a_source_that_was_also_fetched_is_sound()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        var hash = (await build.FactsAsync([build.Source], CancellationToken.None))[0].Claim.NarHash;
        build.MadeBy(build.Source, build.AddDerivation($"""[("out","{build.Source}","r:sha256","{hash}")]""", "[]", "source"));
        Assert.IsType<ExaminedBuild.Sound>(await ExamineViewAsync(build));
    }

    [Fact]
    public async Task Examine_of_an_input_addressed_build_from_a_built_source_is_skipped()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        build.MadeBy(build.Source, build.AddDerivation("""[("out","","r:sha256","")]""", "[]", "source"));
        AssertMixed("was built", await ExamineViewAsync(build));
    }

    [Fact]
    public async Task Examine_of_an_input_addressed_build_from_a_source_with_references_is_skipped()
    {
        var reference = StorePath.Parse("/nix/store/11111111111111111111111111111111-x");
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true, reference);
        AssertMixed("refers to other objects", await ExamineViewAsync(build));
    }

    [Fact]
    public async Task Examine_of_what_a_deferred_derivation_may_have_been_resolved_to_is_skipped()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        var deferred = build.AddDerivation(
            """[("out","","","")]""",
            """[("/nix/store/00000000000000000000000000000000-source.drv",["out"])]""",
            "ia"
        );
        AssertMixed(deferred.BaseName, await ExamineViewAsync(build));
    }

    [Theory]
    [InlineData("other", "")]
    [InlineData("ia", "1\",\"2")]
    public async Task Examine_beside_a_deferred_derivation_that_is_another_is_sound(string name, string arguments)
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        build.AddDerivation(
            """[("out","","","")]""",
            """[("/nix/store/00000000000000000000000000000000-source.drv",["out"])]""",
            name,
            arguments
        );
        Assert.IsType<ExaminedBuild.Sound>(await ExamineViewAsync(build));
    }

    // A hook tries again later; nothing is signed on a guess.
    [Fact]
    public async Task Examine_of_an_input_addressed_build_whose_source_is_not_registered_fails()
    {
        var build = await LabBuild.CreateInputAddressedAsync(_root, withSource: true);
        build.Forget(build.Source);
        await Assert.ThrowsAsync<NixStoreException>(() => ExamineViewAsync(build));
    }

    static void AssertMixed(string reason, ExaminedBuild build)
    {
        var skipped = Assert.IsType<ExaminedBuild.Skipped>(build);
        Assert.Equal("mixed", skipped.Code);
        Assert.Contains(reason, skipped.Reason, StringComparison.Ordinal);
    }

    static Task<ExaminedBuild> ExamineViewAsync(LabBuild build) =>
        build.Examination(TraceFormat.Bundle).ExamineAsync(build.Derivation, build.Paths, CancellationToken.None);

    static Task<ExaminedBuild> ExamineAsync(LabBuild build, params StorePath[] paths) =>
        build.Examination().ExamineAsync(build.Derivation, paths.Length == 0 ? build.Paths : paths, CancellationToken.None);
}
