using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Derivations;

public sealed class DerivationTests
{
    [Theory]
    [InlineData(DerivationSamples.Fixed, DerivationKind.FixedOutput)]
    [InlineData(DerivationSamples.Floating, DerivationKind.Floating)]
    [InlineData(DerivationSamples.Dynamic, DerivationKind.Floating)]
    [InlineData(
        """Derive([("out","/nix/store/a26xf4kfbry0pp70qddjg83x30iv4dfx-x","","")],[],[],"s","b",[],[])""",
        DerivationKind.InputAddressed
    )]
    [InlineData("""Derive([("out","","","")],[],[],"s","b",[],[])""", DerivationKind.Deferred)]
    [InlineData("""Derive([("out","","r:sha256","impure")],[],[],"s","b",[],[])""", DerivationKind.Impure)]
    [InlineData("""Derive([("out","","text:sha256","")],[],[],"","",[""],[("","")])""", DerivationKind.Floating)]
    public void Parse_canonical_text_tells_the_kind_and_prints_it_again(string text, DerivationKind kind)
    {
        var derivation = DerivationSamples.Parse(text);
        Assert.Equal(kind, derivation.Kind);
        Assert.Equal(text, DerivationSamples.Text(DerivationParts.Of(derivation).ToDerivation()));
    }

    [Fact]
    public void Parse_reads_every_field()
    {
        var derivation = DerivationSamples.Parse(DerivationSamples.Floating);
        Assert.Equal(["dev", "out"], derivation.Outputs.Select(o => o.Name));
        Assert.Equal(ContentMethod.Nar, derivation.Outputs[0].Method);
        Assert.Equal("sha256", derivation.Outputs[0].Algorithm);
        Assert.Equal(["dev", "out"], Assert.Single(derivation.Inputs).Outputs);
        Assert.Equal("fya2bjqdwmlky7n4nxijigp7mk1kl5rh-src.txt", Assert.Single(derivation.Sources).BaseName);
        Assert.Equal("x86_64-linux", Text(derivation.System));
        Assert.Equal("/bin/\"sh\"", Text(derivation.Builder));
        Assert.Equal(["-c", "a\\b\n"], derivation.Arguments.Select(Text));
        Assert.Equal("\r", derivation.TryEnvironment("A\tB"u8, out var value) ? Text(value) : null);
        Assert.False(derivation.TryEnvironment("absent"u8, out _));
    }

    [Theory]
    [InlineData("""Derive([("out","","r:sha256","")],[],[],"s","b",[],[]) """, "follows")]
    [InlineData("""Derive([("out","","r:sha256","")],[],[],"s","b",[],[("b",""),("a","")])""", "sorted")]
    [InlineData("""Derive([("out","","r:sha256","")],[],[],"s","b",[],[("a",""),("a","")])""", "sorted")]
    [InlineData("""Derive([("out","","r:sha256",""),("dev","","r:sha256","")],[],[],"s","b",[],[])""", "sorted")]
    [InlineData("""Derive([],[],[],"s","b",[],[])""", "missing")]
    [InlineData("""Derive([("out","","r:sha256",""),("z","","","")],[],[],"s","b",[],[])""", "kind")]
    [InlineData("""Derive([("out","","x:sha256","")],[],[],"s","b",[],[])""", "kind")]
    [InlineData("""Derive([("out","","sha256","00")],[],[],"s","b",[],[])""", "kind")]
    [InlineData("""Derive([("out","/nix/store/a26xf4kfbry0pp70qddjg83x30iv4dfx-x","sha1","00")],[],[],"s","b",[],[])""", "kind")]
    [InlineData("""Derive([("out","/nix/store/x","","")],[],[],"s","b",[],[])""", "not a path")]
    [InlineData("""Derive([("o/t","","r:sha256","")],[],[],"s","b",[],[])""", "name")]
    [InlineData("""Derive([("out","","r:sha256","")],[],["/other/a26xf4kfbry0pp70qddjg83x30iv4dfx-x"],"s","b",[],[])""", "not a path")]
    [InlineData("""Derive([("out","","r:sha256","")],[],[],"s\n","b",[],[])""", "escapes")]
    [InlineData("""Derive([("out","","r:sha256","")],[],[],"s","\x",[],[])""", "escaped")]
    [InlineData("Derive([(\"out\",\"\",\"r:sha256\",\"\")],[],[],\"s\",\"\n\",[],[])", "escaped")]
    [InlineData(
        """Derive([("out","","r:sha256","")],[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a.drv",[])],[],"s","b",[],[])""",
        "nothing is used"
    )]
    [InlineData(
        """Derive([("out","","r:sha256","")],[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a",["out"])],[],"s","b",[],[])""",
        "not a derivation"
    )]
    [InlineData(
        """Derive([("out","","r:sha256","")],[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-.drv",["out"])],[],"s","b",[],[])""",
        "not a derivation"
    )]
    [InlineData("""DrvWithVersion("xp-dyn-drv",[("out","","r:sha256","")],[],[],"s","b",[],[])""", "head")]
    [InlineData(
        """Derive([("dev","/nix/store/a26xf4kfbry0pp70qddjg83x30iv4dfx-x","md5","00000000000000000000000000000000")],[],[],"s","b",[],[])""",
        "one output"
    )]
    public void TryParse_text_that_nix_would_print_differently_is_refused(string text, string problem)
    {
        Assert.False(Derivation.TryParse(DerivationSamples.Bytes(text), StorePath.DefaultStoreDir, out _, out var found));
        Assert.Contains(problem, found, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_every_cut_text_is_refused()
    {
        var whole = DerivationSamples.Bytes(DerivationSamples.Dynamic);
        Assert.All(
            Enumerable.Range(0, whole.Length),
            length => Assert.False(Derivation.TryParse(whole.AsMemory(0, length), StorePath.DefaultStoreDir, out _, out _))
        );
    }

    [Fact]
    public void TryParse_deeply_nested_dynamic_inputs_are_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("([],[(\"out\",", 5000));
        var text = DerivationSamples.Dynamic.Replace("([],[(\"out\",", deep, StringComparison.Ordinal);
        Assert.False(Derivation.TryParse(DerivationSamples.Bytes(text), StorePath.DefaultStoreDir, out _, out var problem));
        Assert.Contains("nested", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_with_a_pool_shares_equal_paths()
    {
        var pool = new StorePathPool(StorePath.DefaultStoreDir);
        Assert.True(Derivation.TryParse(DerivationSamples.Bytes(DerivationSamples.Floating), pool.StoreDir, out var one, out _, pool));
        Assert.True(Derivation.TryParse(DerivationSamples.Bytes(DerivationSamples.Floating), pool.StoreDir, out var two, out _, pool));
        Assert.Same(one.Sources[0], two.Sources[0]);
        Assert.Equal(2, pool.Count);
    }

    [Fact]
    public void ToDerivation_any_parts_read_back_the_same() =>
        Prop.ForAll(
                DerivationGenerators.Parts().ToArbitrary(),
                parts =>
                {
                    var derivation = parts.ToDerivation();
                    var again = DerivationParts.Of(derivation);
                    return DerivationPaths.IsPathOf(DerivationPaths.Of(derivation, "x"), derivation)
                        && again.ToDerivation().AtermBytes.Span.SequenceEqual(derivation.AtermBytes.Span)
                        && again.Builder.Span.SequenceEqual(parts.Builder.Span)
                        && again.Arguments.Zip(parts.Arguments).All(pair => pair.First.Span.SequenceEqual(pair.Second.Span))
                        && parts.Environment.All(v =>
                            derivation.TryEnvironment(v.Name.Span, out var value) && value.Span.SequenceEqual(v.Value.Span)
                        );
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void TryParse_any_changed_byte_is_refused_or_prints_as_it_was_read() =>
        Prop.ForAll(
                DerivationGenerators.Parts().ToArbitrary(),
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                Gen.Elements("\"\\()[],nrt/ab\n"u8.ToArray()).ToArbitrary(),
                (parts, place, value) =>
                {
                    var aterm = parts.ToDerivation().ToAterm();
                    aterm[place % aterm.Length] = value;
                    return !Derivation.TryParse(aterm, StorePath.DefaultStoreDir, out var changed, out _)
                        || DerivationParts.Of(changed).ToDerivation().AtermBytes.Span.SequenceEqual(aterm);
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Parse_over_the_limit_is_refused() =>
        Assert.Throws<MalformedException>(() => Derivation.Parse(new byte[Derivation.MaxBytes + 1], StorePath.DefaultStoreDir));

    static string Text(ReadOnlyMemory<byte> bytes) => Encoding.Latin1.GetString(bytes.Span);
}
