using System.Text;
using Quorate.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Nix.Traces;

public sealed class TraceObjectTests
{
    [Theory]
    [InlineData("""{"signatures":["a.b.c","d.e.f"]}""")]
    [InlineData("{\n  \"signatures\": [\n    \"a.b.c\",\n    \"d.e.f\"\n  ]\n}\n")]
    [InlineData("""{"x":{"signatures":[]},"signatures":["a.b.c","d.e.f"],"y":1}""")]
    public void TryRead_of_a_set_of_JWS_gives_its_texts(string text)
    {
        var traces = TraceSamples.Read(text);
        Assert.Equal(TraceLayout.JwsSet, traces.Layout);
        Assert.Equal(["a.b.c", "d.e.f"], traces.Elements.Select(element => Encoding.ASCII.GetString(element.Raw.Span)));
        Assert.All(traces.Elements, element => Assert.True(element.IsJws));
    }

    [Theory]
    [InlineData("{\"mediaType\":1}", 1)]
    [InlineData("{\"mediaType\":1}\n", 1)]
    [InlineData("\n{\"a\":1}\r\n\n \t\n{\"b\":2}\n", 2)]
    [InlineData("{\"a\":1}\nnonsense\n{\"signatures\":[]}", 3)]
    [InlineData("{ broken\n{\"b\":2}", 2)]
    public void TryRead_of_lines_gives_every_line_that_is_not_blank(string text, int count)
    {
        var traces = TraceSamples.Read(text);
        Assert.Equal(TraceLayout.BundleLines, traces.Layout);
        Assert.Equal(count, traces.Elements.Count);
        Assert.All(traces.Elements, element => Assert.False(element.IsJws));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \r\n\t")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("\"a.b.c\"")]
    [InlineData("""{"signatures":["a"],"signatures":["b"]}""")]
    [InlineData("""{"signatures":["a"]} x""")]
    [InlineData("""{"signatures":["a" """)]
    public void TryRead_of_anything_else_is_refused(string text)
    {
        Assert.False(TraceObject.TryRead(Encoding.UTF8.GetBytes(text), out _, out var problem));
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void TryRead_of_an_object_over_the_limit_is_refused() =>
        Assert.False(TraceObject.TryRead(new byte[TraceObject.MaxBytes + 1], out _, out _));

    // Elements that are no texts, or escaped ones, are dropped one by one.
    [Fact]
    public void TryRead_keeps_elements_that_are_no_JWS_to_be_counted()
    {
        var good = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Jws2));
        var traces = TraceSamples.Read($$"""{"signatures":[7,{"a":[1]},null,"\u0061","{{good}}"]}""");
        var findings = new TraceFindings();
        new TraceAdmission(new TraceKeys([TraceSamples.Key.PublicKey])).Admit(traces, TraceSamples.Question, findings);
        Assert.Single(findings.Claims);
        Assert.Equal(4, findings.Count(TraceFault.Malformed));
    }
}
