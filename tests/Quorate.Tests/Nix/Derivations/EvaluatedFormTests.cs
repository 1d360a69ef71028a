using System.Text;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Xunit;

namespace Quorate.Tests.Nix.Derivations;

/// <summary>A hash modulo leaves things out. Whoever may add derivations to a store can choose them; evaluating leaves no choice.</summary>
public sealed class EvaluatedFormTests
{
    const string OutPlaceholder = "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9";
    const string DevPlaceholder = "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz";
    const string Out = $"(\"out\",\"{OutPlaceholder}\")";
    const string Dev = $"(\"dev\",\"{DevPlaceholder}\"),";

    /// <summary>As Nix 2.26 and 2.34 write it: the variables of outputs are there besides the attributes.</summary>
    const string Structured = $$"""
        Derive([("dev","","r:sha256",""),("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",[],[("__json","{\"builder\":\"/bin/sh\",\"name\":\"s\",\"outputs\":[\"out\",\"dev\"],\"system\":\"x86_64-linux\"}"),("dev","{{DevPlaceholder}}"),("out","{{OutPlaceholder}}")])
        """;

    const string Consumer = $"""
        Derive([("out","","r:sha256","")],[("/nix/store/79lzxj70kpqvhwbk42p6qz6a6ggscch8-a.drv",["out"])],[],"x86_64-linux","/bin/sh",["-c","/07aalvfxgn9wfp2yg1mm6drk36vdnm5b1lm4895mkhl1lglin5y8/x > $out"],[("name","top"),("out","{OutPlaceholder}")])
        """;

    /// <summary>Of an output that <see cref="Consumer"/> does not use.</summary>
    static string UnusedPlaceholder => Encoding.ASCII.GetString(Placeholders.Upstream(LabDerivations.APath, "dev"));

    [Theory]
    [InlineData(LabDerivations.A, "a")]
    [InlineData(LabDerivations.Deferred, "deferred")]
    [InlineData(LabDerivations.Filled, "deferred")]
    [InlineData(Structured, "s")]
    [InlineData(Consumer, "top")]
    public void IsOf_what_evaluating_makes_is_true(string text, string name) =>
        Assert.True(EvaluatedForm.IsOf(LabDerivations.Parse(text), name));

    public static TheoryData<string, string> Variables =>
        new()
        {
            { "swapped", $"(\"dev\",\"{OutPlaceholder}\"),_(\"out\",\"{DevPlaceholder}\")" },
            { "one stands for both", $"(\"dev\",\"{OutPlaceholder}\"),_{Out}" },
            { "below the placeholder", $"{Dev}_(\"out\",\"{OutPlaceholder}/share\")" },
            { "any text", $"{Dev}_(\"out\",\"/tmp/x\")" },
            { "blank", $"{Dev}_(\"out\",\"\")" },
            { "first missing", $"_{Out}" },
            { "second missing", $"{Dev}_" },
        };

    /// <summary>Each has another path and, but for the missing ones, the same hash: that is why it must not be taken for the honest one.</summary>
    [Theory]
    [MemberData(nameof(Variables))]
    public void IsOf_other_values_of_output_variables_is_false(string what, string variables)
    {
        var parts = variables.Split('_');
        var text = LabDerivations.A.Replace(Dev, parts[0], StringComparison.Ordinal);
        text =
            parts[1].Length > 0
                ? text.Replace(Out, parts[1], StringComparison.Ordinal)
                : text.Replace($",{Out}", "", StringComparison.Ordinal);
        var other = LabDerivations.Parse(text);

        Assert.False(EvaluatedForm.IsOf(other, "a"), what);
        Assert.NotEqual(LabDerivations.APath, DerivationPaths.Of(other, "a"));
        Assert.Equal(
            !what.Contains("missing", StringComparison.Ordinal),
            Masked(other, "a").Digest == Masked(LabDerivations.A, "a").Digest
        );
        Assert.False(Masked(other, "a").IsUnambiguous);
        Assert.True(Masked(LabDerivations.A, "a").IsUnambiguous);
    }

    [Fact]
    public void IsOf_swapped_variables_beside_structured_attributes_is_false()
    {
        var swapped = Structured
            .Replace(Dev, $"(\"dev\",\"{OutPlaceholder}\"),", StringComparison.Ordinal)
            .Replace(Out, $"(\"out\",\"{DevPlaceholder}\")", StringComparison.Ordinal);
        Assert.False(EvaluatedForm.IsOf(LabDerivations.Parse(swapped), "s"));
    }

    [Theory]
    [InlineData(",(\"dev\",\"" + DevPlaceholder + "\"),(\"out\",\"" + OutPlaceholder + "\")", "")]
    [InlineData("\\\"name\\\":\\\"s\\\",", "")]
    [InlineData("\\\"name\\\":\\\"s\\\"", "\\\"name\\\":1")]
    [InlineData("{\\\"builder", "{{\\\"builder")]
    [InlineData("\\\"s\\\"", "\\\"\\\\ud800\\\"")]
    public void IsOf_structured_attributes_without_outputs_or_name_is_false(string part, string instead)
    {
        Assert.Contains(part, Structured, StringComparison.Ordinal);
        Assert.False(EvaluatedForm.IsOf(LabDerivations.Parse(Structured.Replace(part, instead, StringComparison.Ordinal)), "s"));
    }

    [Theory]
    [InlineData(LabDerivations.A, "b")]
    [InlineData(Structured, "a")]
    [InlineData(Consumer, "a")]
    public void IsOf_a_name_that_the_derivation_does_not_state_is_false(string text, string name)
    {
        // The hash does not cover the name, and outputs are called after it.
        Assert.Equal(Masked(text, "x").Digest, Masked(text, name).Digest);
        Assert.False(EvaluatedForm.IsOf(LabDerivations.Parse(text), name));
    }

    [Theory]
    [InlineData("(\"doc\",\"\")", "(\"doc\",\"x\")")]
    [InlineData("(\"out\",\"\"),", "")]
    public void IsOf_a_deferred_derivation_that_states_its_paths_or_has_no_variable_is_false(string part, string instead) =>
        Assert.False(
            EvaluatedForm.IsOf(LabDerivations.Parse(LabDerivations.Deferred.Replace(part, instead, StringComparison.Ordinal)), "deferred")
        );

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IsOf_a_placeholder_that_belongs_to_no_used_input_is_false(bool inArgument)
    {
        // It would stay as it is, where a derivation with that input, which may have the same hash, gets a path.
        var text = inArgument
            ? Consumer.Replace("-c\"", $"{UnusedPlaceholder}\"", StringComparison.Ordinal)
            : Consumer.Replace("(\"name\"", $"(\"more\",\"x:{UnusedPlaceholder}\"),(\"name\"", StringComparison.Ordinal);
        Assert.False(EvaluatedForm.IsOf(LabDerivations.Parse(text), "top"));
    }

    [Fact]
    public void IsOf_a_derivation_with_dynamic_inputs_is_false() =>
        Assert.False(EvaluatedForm.IsOf(DerivationSamples.Parse(DerivationSamples.Dynamic), "x"));

    [Fact]
    public void IsOf_an_impure_derivation_is_false() =>
        Assert.False(
            EvaluatedForm.IsOf(
                LabDerivations.Parse(LabDerivations.A.Replace("\"r:sha256\",\"\"", "\"r:sha256\",\"impure\"", StringComparison.Ordinal)),
                "a"
            )
        );

    /// <summary>Nothing but its content counts, which the hash covers.</summary>
    [Fact]
    public void IsOf_a_fixed_output_is_true() => Assert.True(EvaluatedForm.IsOf(DerivationSamples.Parse(DerivationSamples.Fixed), "any"));

    [Fact]
    public void TryMasked_swapped_variables_of_an_input_give_another_hash()
    {
        // Of inputs nothing is blanked, so that they cannot be exchanged in this way.
        var swapped = LabDerivations.A.Replace(Dev, $"(\"dev\",\"{OutPlaceholder}\"),", StringComparison.Ordinal);
        Assert.NotEqual(MaskedConsumer(LabDerivations.A).Digest, MaskedConsumer(swapped).Digest);
        Assert.False(MaskedConsumer(swapped).IsUnambiguous);
        Assert.True(MaskedConsumer(LabDerivations.A).IsUnambiguous);
    }

    [Fact]
    public void TryMasked_an_input_of_another_name_gives_the_same_hash_and_is_ambiguous()
    {
        var path = DerivationPaths.Of(LabDerivations.Parse(LabDerivations.A), "z");
        var other = Consumer.Replace(LabDerivations.APath.ToString(), path.ToString(), StringComparison.Ordinal);
        var hash = Masked(other, "top", input => input == path ? LabDerivations.Parse(LabDerivations.A) : null);

        Assert.Equal(MaskedConsumer(LabDerivations.A).Digest, hash.Digest);
        Assert.False(hash.IsUnambiguous);
    }

    static ModuloHash MaskedConsumer(string input) => Masked(Consumer, "top", _ => LabDerivations.Parse(input));

    static ModuloHash Masked(string text, string name) =>
        Masked(text, name, path => path == LabDerivations.APath ? LabDerivations.Parse(LabDerivations.A) : null);

    static ModuloHash Masked(string text, string name, Func<StorePath, Derivation?> inputs) =>
        Masked(LabDerivations.Parse(text), name, inputs);

    static ModuloHash Masked(Derivation derivation, string name, Func<StorePath, Derivation?>? inputs = null)
    {
        Assert.True(new ModuloHashes(inputs ?? (_ => null)).TryMasked(derivation, name, out var hash, out var problem), problem);
        return hash;
    }
}
