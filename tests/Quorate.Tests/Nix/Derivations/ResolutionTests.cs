using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Derivations;

public sealed class ResolutionTests
{
    static readonly StorePath s_a = DerivationSamples.Path("csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a.drv");
    static readonly StorePath s_out = DerivationSamples.Path("jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a");
    static readonly StorePath s_dev = DerivationSamples.Path("zyxf9hpfkh9f93jnzw31nlzqjaq6skgg-a-dev");

    [Theory]
    [InlineData("out", "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9")]
    [InlineData("dev", "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz")]
    public void Own_known_output_gives_known_placeholder(string output, string expected) =>
        Assert.Equal(expected, Encoding.ASCII.GetString(Placeholders.Own(output)));

    [Fact]
    public void Upstream_known_output_gives_known_placeholder() =>
        Assert.Equal("/01d1am4a5i8v5f3j9v1cz01b65gnb24dvhqqm7idxjj9xl9y4wlb", Encoding.ASCII.GetString(Placeholders.Upstream(s_a, "dev")));

    [Fact]
    public void Computed_known_output_gives_known_placeholder()
    {
        var hello = DerivationSamples.Path("97v13nv6iy2ygav58ksd3nbvb141p192-hello.drv.drv");
        Assert.Equal(
            "/1vz80ky36k2xx3yqi71ndgmfpq0q1b5hnnlb9kklcpmdfyp1mp4n",
            Encoding.ASCII.GetString(Placeholders.Computed(Placeholders.Upstream(hello, "out"), "out"))
        );
    }

    [Fact]
    public void Resolve_puts_paths_in_place_of_promises()
    {
        var resolved = Resolve(DerivationSamples.Floating, Realised);
        Assert.Equal(
            DerivationSamples
                .Floating.Replace(
                    """[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a.drv",["dev","out"])]""",
                    "[]",
                    StringComparison.Ordinal
                )
                .Replace(
                    """["/nix/store/fya2bjqdwmlky7n4nxijigp7mk1kl5rh-src.txt"]""",
                    $"""["/nix/store/fya2bjqdwmlky7n4nxijigp7mk1kl5rh-src.txt","{s_out}","{s_dev}"]""",
                    StringComparison.Ordinal
                )
                .Replace("/01d1am4a5i8v5f3j9v1cz01b65gnb24dvhqqm7idxjj9xl9y4wlb", s_dev.ToString(), StringComparison.Ordinal),
            DerivationSamples.Text(resolved.Derivation)
        );
        Assert.Equal(resolved.Path.HashPart, resolved.Hash.ToString());
    }

    [Fact]
    public void Resolve_without_a_used_output_gives_nothing() =>
        Assert.Null(
            DerivationResolution.Resolve(
                DerivationSamples.Parse(DerivationSamples.Floating),
                "x",
                (_, output) => output == "dev" ? null : s_out
            )
        );

    [Fact]
    public void Resolve_a_variable_whose_name_is_a_promise_sorts_anew()
    {
        var promise = Encoding.ASCII.GetString(Placeholders.Upstream(s_a, "out"));
        var text = $"""
            Derive([("out","","r:sha256","")],[("{s_a}",["out"])],[],"s","b",[],[("/aaa","1"),("{promise}","2"),("{s_out}","3")])
            """;
        // The promise sorts first of all three, as "/1..." or "/0..."; so its value is the one that is kept.
        Assert.StartsWith("/", promise, StringComparison.Ordinal);
        var environment = Resolve(Sorted(text), Realised).Derivation.Environment;
        Assert.Equal(["/aaa", s_out.ToString()], environment.Select(v => Encoding.ASCII.GetString(v.Name.Span)));
        Assert.Equal(["1", "2"], environment.Select(v => Encoding.ASCII.GetString(v.Value.Span)));
    }

    [Fact]
    public void Resolve_two_inputs_with_one_path_lists_it_once()
    {
        var b = DerivationSamples.Path("qzdjhjzq0hyv4gc243r6dwxlyvli3kv5-b.drv");
        var text = $"""Derive([("out","","r:sha256","")],[("{s_a}",["out"]),("{b}",["out"])],[],"s","b",[],[])""";
        Assert.Equal([s_out], Resolve(text, (_, _) => s_out).Derivation.Sources);
    }

    [Fact]
    public void Resolve_dynamic_input_asks_for_the_derivation_first()
    {
        var inner = DerivationSamples.Path("kw21v2vr0bsshbr9f4x8s8v65w3hc3qz-hello.drv");
        var resolved = Resolve(
            DerivationSamples.Dynamic,
            (path, _) =>
                path == inner ? s_out
                : path.Name == "hello.drv.drv" ? inner
                : null
        );
        Assert.Equal(
            $"""Derive([("out","","sha256","")],[],["{s_out}"],"x86_64-linux","/bin/sh",[],[("x","{s_out}")])""",
            DerivationSamples.Text(resolved.Derivation)
        );
    }

    [Fact]
    public void Resolve_deferred_fills_in_paths_that_follow_from_the_filled_derivation()
    {
        var text = $"""Derive([("dev","","",""),("out","","","")],[("{s_a}",["out"])],[],"s","b",[],[("dev",""),("out",""),("z","")])""";
        var resolved = Resolve(text, Realised);
        Assert.Equal(DerivationKind.InputAddressed, resolved.Derivation.Kind);
        Assert.True(DerivationPaths.AreOutputPathsRight(resolved.Derivation, "x", new ModuloHashes(_ => null), out var problem), problem);
        Assert.True(resolved.Derivation.TryEnvironment("dev"u8, out var value));
        Assert.Equal(resolved.Derivation.Output("dev")!.Path!.ToString(), Encoding.ASCII.GetString(value.Span));
    }

    [Fact]
    public void Resolve_a_path_of_another_store_is_refused() =>
        Assert.Throws<ArgumentException>(() =>
            Resolve(DerivationSamples.Floating, (_, _) => StorePath.Parse("/other/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a"))
        );

    [Fact]
    public void Resolve_by_copying_is_resolving_by_printing() =>
        Prop.ForAll(
                DerivationGenerators.Parts().ToArbitrary(),
                DerivationGenerators.Bytes().ToArbitrary(),
                (parts, text) =>
                {
                    var used = parts
                        .Inputs.Where(i => i.Dynamic.IsEmpty)
                        .SelectMany(i => i.Outputs, (i, o) => (i.Derivation, Output: o))
                        .ToList();
                    byte[] filled =
                    [
                        .. text.Span,
                        .. used.SelectMany(u => Placeholders.Upstream(u.Derivation, u.Output).Concat("/"u8.ToArray())),
                    ];
                    var derivation = (
                        parts with
                        {
                            Inputs = [.. parts.Inputs.Where(i => i.Dynamic.IsEmpty)],
                            Builder = filled,
                        }
                    ).ToDerivation();
                    StorePath Realise(StorePath path, string output) => DerivationSamples.Path($"{path.HashPart}-{output}");
                    var resolved = DerivationResolution.Resolve(derivation, "x", Realise)!.Derivation;
                    byte[] expected =
                    [
                        .. text.Span,
                        .. used.SelectMany(u => Encoding.ASCII.GetBytes(Realise(u.Derivation, u.Output) + "/")),
                    ];
                    return resolved.Builder.Span.SequenceEqual(expected)
                        && resolved.Inputs.IsEmpty
                        && used.All(u => resolved.Sources.Contains(Realise(u.Derivation, u.Output)));
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r", true)]
    [InlineData("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7", false)]
    [InlineData("gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7e", false)]
    [InlineData("GY2z3n5w3nr0p2xgwnaah0dmkrkjlj7r", false)]
    public void TryParse_resolved_input_hash_takes_only_32_digits(string text, bool expected)
    {
        Assert.Equal(expected, ResolvedInputHash.TryParse(text, out var hash));
        Assert.Equal(expected, hash.ToString() == text);
    }

    [Fact]
    public void Parse_resolved_derivation_of_another_hash_is_refused()
    {
        var resolved = Resolve(DerivationSamples.Floating, Realised);
        var aterm = resolved.ToAterm();
        Assert.Equal(resolved.Path, ResolvedDerivation.Parse(aterm, StorePath.DefaultStoreDir, "x", resolved.Hash).Path);
        Assert.Throws<MalformedException>(() => ResolvedDerivation.Parse(aterm, StorePath.DefaultStoreDir, "y", resolved.Hash));
    }

    static StorePath? Realised(StorePath derivation, string output) =>
        derivation != s_a ? null
        : output == "out" ? s_out
        : s_dev;

    static ResolvedDerivation Resolve(string text, Func<StorePath, string, StorePath?> realised) =>
        DerivationResolution.Resolve(DerivationSamples.Parse(text), "x", realised)!;

    /// <summary>The same derivation with its environment in order.</summary>
    static string Sorted(string text)
    {
        var start = text.LastIndexOf("[(", StringComparison.Ordinal);
        var entries = text[(start + 1)..^2].Replace("),(", ")\n(", StringComparison.Ordinal).Split('\n').Order(StringComparer.Ordinal);
        return $"{text[..start]}[{string.Join(',', entries)}])";
    }
}
