using System.Text;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Synthetic;
using Xunit;

namespace Quorate.Tests.Nix.Synthetic;

public sealed class SyntheticResolutionTests
{
    const string Dependency = "/nix/store/cccccccccccccccccccccccccccccccc-lib";
    const string DependencyView = "/nix/store/ffffffffffffffffffffffffffffffff-lib";
    const string Own = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-self";
    const string OwnView = "/nix/store/dddddddddddddddddddddddddddddddd-self";
    const string Source = "/nix/store/ssssssssssssssssssssssssssssssss-build.sh";

    static readonly StorePath s_input = StorePath.Parse("/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-lib.drv");

    [Fact]
    public void WithOwnPaths_names_everything_by_its_view()
    {
        var own = new Dictionary<string, SyntheticObject>(StringComparer.Ordinal) { ["out"] = Object(Own, OwnView) };
        var resolved = SyntheticResolution.WithOwnPaths(Derivation(), "self", View, own)!;
        Assert.Equal(
            $$"""Derive([("out","{{OwnView}}","","")],[],["{{DependencyView}}","{{Source}}"],"x86_64-linux","/bin/sh",["-c","{{Source}} {{DependencyView}}/x"],[("dep","{{DependencyView}}"),("out","{{OwnView}}")])""",
            Encoding.ASCII.GetString(resolved.AtermBytes.Span)
        );
        Assert.Equal(PathOf(resolved), resolved.Path);
    }

    [Fact]
    public void WithPlaceholders_hash_follows_from_the_inputs_alone()
    {
        var resolved = SyntheticResolution.WithPlaceholders(Derivation(), "self", View)!;
        const string Placeholder = "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9";
        Assert.Equal(
            $$"""Derive([("out","{{Placeholder}}","","")],[],["{{DependencyView}}","{{Source}}"],"x86_64-linux","/bin/sh",["-c","{{Source}} {{DependencyView}}/x"],[("dep","{{DependencyView}}"),("out","{{Placeholder}}")])""",
            Encoding.ASCII.GetString(resolved.AtermBytes.Span)
        );
        Assert.Equal(PathOf(resolved), resolved.Path);
        Assert.Equal(ResolvedInputHash.Of(resolved.Path), resolved.Hash);
    }

    [Fact]
    public void WithPlaceholders_unknown_view_gives_nothing() =>
        Assert.Null(SyntheticResolution.WithPlaceholders(Derivation(), "self", (_, _) => null));

    [Fact]
    public void WithPlaceholders_another_view_of_an_input_gives_another_hash()
    {
        var one = SyntheticResolution.WithPlaceholders(Derivation(), "self", View)!;
        var two = SyntheticResolution.WithPlaceholders(Derivation(), "self", (_, _) => Object(Dependency, Dependency))!;
        Assert.NotEqual(one.Hash, two.Hash);
    }

    static StorePath PathOf(SyntheticDerivation resolved) =>
        ContentAddressing.Text(
            Sha256Digest.HashData(resolved.AtermBytes.Span),
            [StorePath.Parse(DependencyView), StorePath.Parse(Source)],
            StorePath.DefaultStoreDir,
            "self.drv"
        );

    static SyntheticObject? View(StorePath derivation, string output) =>
        derivation == s_input && output == "out" ? Object(Dependency, DependencyView) : null;

    static SyntheticObject Object(string original, string view) => new(StorePath.Parse(original), StorePath.Parse(view));

    static Derivation Derivation() =>
        Quorate.Nix.Derivations.Derivation.Parse(
            Encoding.ASCII.GetBytes(
                $$"""Derive([("out","{{Own}}","","")],[("{{s_input}}",["out"])],["{{Source}}"],"x86_64-linux","/bin/sh",["-c","{{Source}} {{Dependency}}/x"],[("dep","{{Dependency}}"),("out","{{Own}}")])"""
            ),
            StorePath.DefaultStoreDir
        );
}
