using System.Text;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Sources.Traces;
using Quorate.Tests.Nix.Traces;
using Xunit;

namespace Quorate.Tests.Sources.Traces;

public sealed class TraceFilesTests : IDisposable
{
    static readonly ResolvedInputHash s_other = ResolvedInputHash.Parse("w368swzkn599d2nkqjqn47dsmwgyqkdr");

    readonly string _folder = Directory.CreateTempSubdirectory("quorate-traces-").FullName;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task FindAsync_gives_from_a_file_of_many_what_names_the_input()
    {
        var (mine, other) = (Claim(TraceSamples.Statement), Claim(TraceSamples.Statement with { Input = s_other }));
        var source = Open(Write("all.jsonl", $"{mine}\n{other}\n{mine}\n"));

        Assert.Equal([mine, mine], await FoundAsync(source, TraceSamples.Input));
        Assert.Equal([other], await FoundAsync(source, s_other));
        Assert.Same(TraceLookup.Absent, await source.FindAsync(ResolvedInputHash.Parse(new string('0', 32)), Cancellation));
    }

    [Fact]
    public async Task FindAsync_reads_all_files_of_a_folder_but_hidden_ones()
    {
        var bundle = Claim(TraceSamples.Statement);
        var jws = Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Jws2));
        Write("b.json", bundle);
        Write("a.jws", $$"""{"signatures":["{{jws}}"]}""");
        Write(".hidden", "no traces");
        Directory.CreateDirectory(Path.Combine(_folder, "further"));
        Assert.Equal([jws, bundle], await FoundAsync(Open(_folder), TraceSamples.Input));
    }

    [Fact]
    public async Task Open_leaves_out_a_trace_that_names_nothing_and_tells_where()
    {
        var bundle = Claim(TraceSamples.Statement);
        var file = Write("all.jsonl", $"{bundle}\n{{}}\n");
        var source = Open(file);
        var left = Assert.Single(source.LeftOut);
        Assert.Equal(TraceFault.Malformed, left.Fault);
        Assert.StartsWith($"{file}: trace 2: ", left.Detail, StringComparison.Ordinal);
        Assert.Equal([bundle], await FoundAsync(source, TraceSamples.Input));
    }

    [Fact]
    public void Open_of_what_holds_no_traces_is_refused()
    {
        Assert.Throws<IOException>(() => Open(Write("text", "no traces")));
        Assert.Throws<IOException>(() => Open(_folder));
        Assert.ThrowsAny<IOException>(() => Open(Path.Combine(_folder, "absent")));
        Assert.Throws<IOException>(() => Open(Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName));
    }

    [Fact]
    public void Open_of_a_file_without_an_end_stops_at_the_limit()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "needs /dev/zero");
        Assert.Contains("larger than", Assert.Throws<IOException>(() => Open("/dev/zero")).Message, StringComparison.Ordinal);
    }

    static TraceFiles Open(string path) => TraceFiles.Open(path, Cancellation);

    static async Task<string[]> FoundAsync(TraceFiles source, ResolvedInputHash input)
    {
        var found = Assert.IsType<TraceLookup.Found>(await source.FindAsync(input, Cancellation));
        Assert.Empty(found.Problems);
        return [.. found.Objects.SelectMany(traces => traces.Elements).Select(element => Encoding.ASCII.GetString(element.Raw.Span))];
    }

    static string Claim(TraceStatement statement) => Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle, statement));

    string Write(string name, string text)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, text);
        return file;
    }
}
