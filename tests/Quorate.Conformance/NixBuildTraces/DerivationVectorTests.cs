using Quorate.Nix;
using Quorate.Nix.Derivations;
using Xunit;

namespace Quorate.Conformance.NixBuildTraces;

/// <summary>Derivations of a real closure: every one reads, prints, hashes and resolves as Nix and Lix did it.</summary>
public sealed class DerivationVectorTests
{
    static readonly StorePath s_hello = StorePath.Parse("/nix/store/yvixdlqwq3l5ikd0b5c3f39pxmfynwhl-hello-2.12.1.drv");

    [Fact]
    public void All_derivations_print_as_they_were_read()
    {
        var closure = HelloClosure.Read();
        Assert.Equal(275, closure.Derivations.Count);
        Assert.All(
            closure.Derivations,
            entry => Assert.Equal(closure.Aterms[entry.Key], DerivationParts.Of(entry.Value).ToDerivation().ToAterm())
        );
    }

    [Fact]
    public void All_derivation_paths_follow_from_the_bytes() =>
        Assert.All(HelloClosure.Read().Derivations, entry => Assert.True(DerivationPaths.IsPathOf(entry.Key, entry.Value)));

    [Fact]
    public void All_fixed_output_paths_follow_from_the_derivations()
    {
        var closure = HelloClosure.Read();
        var hashes = new ModuloHashes(closure.Derivations.GetValueOrDefault);
        Assert.Equal(101, closure.Derivations.Values.Count(d => d.Kind == DerivationKind.FixedOutput));
        Assert.Equal(174, closure.Derivations.Values.Count(d => d.Kind == DerivationKind.Floating));
        Assert.All(
            closure.Derivations,
            entry =>
                Assert.True(
                    DerivationPaths.AreOutputPathsRight(entry.Value, DerivationPaths.NameOf(entry.Key), hashes, out var problem),
                    problem
                )
        );
    }

    [Fact]
    public void All_own_placeholders_stand_in_the_environment() =>
        Assert.All(
            HelloClosure
                .Read()
                .Derivations.Values.Where(d => d.Kind == DerivationKind.Floating)
                .SelectMany(d => d.Outputs, (d, o) => (d, o)),
            pair =>
            {
                Assert.True(pair.d.TryEnvironment(System.Text.Encoding.ASCII.GetBytes(pair.o.Name), out var value));
                Assert.Equal(Placeholders.Own(pair.o.Name), value.ToArray());
            }
        );

    [Fact]
    public void All_are_as_evaluating_makes_them_so_that_their_hashes_stand_for_nothing_else()
    {
        var closure = HelloClosure.Read();
        var hashes = new ModuloHashes(closure.Derivations.GetValueOrDefault);
        Assert.All(
            closure.Derivations,
            entry =>
            {
                Assert.True(hashes.TryMasked(entry.Value, DerivationPaths.NameOf(entry.Key), out var hash, out var problem), problem);
                Assert.True(hash.IsUnambiguous);
            }
        );
    }

    [Fact]
    public void All_resolutions_below_hello_are_those_that_the_builders_signed()
    {
        var closure = HelloClosure.Read();
        var resolved = new Dictionary<StorePath, ResolvedDerivation>();
        closure.Resolve(s_hello, resolved);
        Assert.Equal(157, resolved.Count);
        Assert.Equal(
            closure.Preimages.Keys.Order(StringComparer.Ordinal),
            resolved.Values.Select(r => r.Hash.ToString()).Order(StringComparer.Ordinal)
        );
        Assert.All(resolved.Values, r => Assert.Equal(closure.Preimages[r.Hash.ToString()], r.ToAterm()));
    }

    [Fact]
    public void Signed_preimages_are_derivations_of_their_hash() =>
        Assert.All(
            HelloClosure.Read().Preimages,
            entry =>
            {
                var derivation = Derivation.Parse(entry.Value, StorePath.DefaultStoreDir);
                Assert.True(derivation.TryEnvironment("name"u8, out var name));
                var hash = ResolvedInputHash.Parse(entry.Key);
                var text = System.Text.Encoding.ASCII.GetString(name.Span);
                Assert.Equal(hash, ResolvedDerivation.Parse(entry.Value, StorePath.DefaultStoreDir, text, hash).Hash);
            }
        );

    [Fact]
    public void Example_unresolved_resolves_to_the_resolved_example()
    {
        var closure = HelloClosure.Read();
        var example = HelloClosure.Example("resolved");
        // The unresolved example is cut off after its inputs, which are two fixed outputs; the rest is as in the other.
        var unresolved = example with
        {
            Inputs = HelloClosure.ExampleInputs("unresolved"),
            Sources = [example.Sources.Single(path => path.Name == "unpack-bootstrap-tools.sh")],
        };
        var resolved = DerivationResolution.Resolve(
            unresolved.ToDerivation(),
            "bootstrap-tools",
            (input, output) => closure.Derivations[input].Output(output)!.Path
        );
        Assert.Equal(example.ToDerivation().ToAterm(), resolved!.ToAterm());
        Assert.Contains(resolved.Hash.ToString(), closure.Preimages.Keys);
    }

    [Fact]
    public void Example_with_letters_outside_ascii_has_the_hash_that_was_signed()
    {
        var derivation = HelloClosure.Example("not-ascii").ToDerivation();
        Assert.Contains(ResolvedDerivation.Of(derivation, "gettext-0.22.5").Hash.ToString(), HelloClosure.Read().Preimages.Keys);
    }

    [Theory]
    [InlineData("multiple-outputs", DerivationKind.Floating, 3)]
    [InlineData("resolved-problematic-fixed", DerivationKind.Floating, 1)]
    [InlineData("resolved-problematic", DerivationKind.InputAddressed, 1)]
    public void Example_is_of_its_kind(string name, DerivationKind kind, int outputs)
    {
        var derivation = HelloClosure.Example(name).ToDerivation();
        Assert.Equal(kind, derivation.Kind);
        Assert.Equal(outputs, derivation.Outputs.Length);
    }
}
