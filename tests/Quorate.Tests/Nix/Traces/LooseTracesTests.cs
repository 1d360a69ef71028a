using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class LooseTracesTests
{
    static readonly JsonSerializerOptions s_spread = new() { WriteIndented = true };

    public static TheoryData<TraceFormat> Formats => [TraceFormat.Jws2, TraceFormat.Jws3, TraceFormat.Bundle];

    [Theory]
    [MemberData(nameof(Formats))]
    public void TryFile_gives_the_input_that_the_trace_names(TraceFormat format)
    {
        Assert.Null(LooseTraces.TryFile(TraceElement.Of(TraceSamples.Sign(format)), out var input));
        Assert.Equal(TraceSamples.Input, input);
    }

    // Who signed it is asked later, of those who are asked for.
    [Fact]
    public void TryFile_looks_at_no_signature()
    {
        var bundle = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle));
        var at = bundle.IndexOf("\"sig\":\"", StringComparison.Ordinal) + 7;
        var changed = bundle[..at] + (bundle[at] == 'A' ? 'B' : 'A') + bundle[(at + 1)..];
        Assert.Null(LooseTraces.TryFile(TraceElement.Of(Encoding.ASCII.GetBytes(changed)), out var input));
        Assert.Equal(TraceSamples.Input, input);
        Assert.Equal(TraceFault.BadSignature, Assert.Single(TraceSamples.Admit(Encoding.ASCII.GetBytes(changed)).Details).Fault);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("x")]
    [InlineData("e30.e30.AA")]
    [InlineData("""{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}""")]
    public void TryFile_of_what_names_no_input_is_malformed(string text)
    {
        Assert.Equal(TraceFault.Malformed, LooseTraces.TryFile(TraceElement.Of(Encoding.ASCII.GetBytes(text)), out var input)?.Fault);
        Assert.Null(input);
    }

    [Fact]
    public void TryFile_of_an_input_by_an_unknown_scheme_is_malformed()
    {
        var bundle = StatementTests.Signed(statement =>
            StatementTests.Set(
                statement,
                "predicate/buildDefinition/externalParameters/resolvedInput/digest",
                new System.Text.Json.Nodes.JsonObject { ["x"] = "y" }
            )
        );
        Assert.Equal(TraceFault.Malformed, LooseTraces.TryFile(TraceElement.Of(bundle), out _)?.Fault);
    }

    [Fact]
    public void TryFile_of_an_element_over_the_limit_is_too_large() =>
        Assert.Equal(TraceFault.TooLarge, LooseTraces.TryFile(TraceElement.Of(new byte[TraceObject.MaxElementBytes + 1]), out _)?.Fault);

    [Fact]
    public void TryRead_of_one_bundle_over_several_lines_is_one_element()
    {
        using var bundle = JsonDocument.Parse(TraceSamples.Sign(TraceFormat.Bundle));
        var spread = "\n" + JsonSerializer.Serialize(bundle, s_spread) + "\n";
        Assert.True(LooseTraces.TryRead(Encoding.ASCII.GetBytes(spread), out var traces, out _));
        Assert.Single(TraceSamples.Admit(Assert.Single(traces.Elements).Raw).Claims);
    }

    [Fact]
    public void TryRead_of_lines_and_of_a_set_gives_each_element()
    {
        var bundle = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle));
        var jws = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Jws2));
        Assert.True(LooseTraces.TryRead(Encoding.ASCII.GetBytes($"{bundle}\n\n{bundle}"), out var lines, out _));
        Assert.True(LooseTraces.TryRead(Encoding.ASCII.GetBytes($$"""{"signatures":["{{jws}}"]}"""), out var set, out _));
        Assert.Equal((2, 1), (lines.Elements.Count, set.Elements.Count));
    }

    [Theory]
    [InlineData("")]
    [InlineData("traces")]
    [InlineData("[]")]
    public void TryRead_of_what_is_no_trace_object_is_refused(string text) =>
        Assert.False(LooseTraces.TryRead(Encoding.ASCII.GetBytes(text), out _, out _));

    /// <summary>Whatever is changed of a trace: it is filed where its signed text belongs, or it is no trace that anybody would admit.</summary>
    [Fact]
    public void TryFile_of_any_change_files_what_is_admitted_under_its_input()
    {
        var elements = Formats.Select(row => TraceSamples.Sign(row.Data)).ToArray();
        var changes =
            from element in Gen.Elements(elements)
            from at in Gen.Choose(0, element.Length - 1)
            from value in Gen.Choose(0, 255)
            select element.Select((b, i) => i == at ? (byte)value : b).ToArray();
        Prop.ForAll(
                changes.ToArbitrary(),
                changed =>
                {
                    var refusal = LooseTraces.TryFile(TraceElement.Of(changed), out var input);
                    return refusal is null == input.HasValue
                        && (TraceSamples.Admit(changed).Claims.Count == 0 || input == TraceSamples.Input);
                }
            )
            .QuickCheckThrowOnFailure();
    }
}
