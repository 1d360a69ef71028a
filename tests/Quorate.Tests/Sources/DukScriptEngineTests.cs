using System.Text;
using Quorate.Sources.Script;
using Quorate.Trust.Engines;
using Xunit;

namespace Quorate.Tests.Sources;

public sealed class DukScriptEngineTests
{
    const string Digest = "31ae033175762be5600efdc6d9711565d35352f803b51c9cb89175264531caf4";

    static readonly string Inputs = $$"""[[{"LogID":"a","Value":"{{Digest}}"},{"LogID":"b","Value":"{{Digest}}"}]]""";

    static Task<ScriptResult> RunAsync(string function, ScriptLimits? limits = null)
    {
        var engine = new DukScriptEngine(TimeProvider.System);
        Assert.SkipUnless(engine.IsInstalled, "the Debian package 'duktape' is not installed");
        return engine.RunAsync(
            function,
            Encoding.UTF8.GetBytes(Inputs),
            limits ?? ScriptLimits.Default,
            TestContext.Current.CancellationToken
        );
    }

    static async Task<ScriptFailure> FailureOf(string function, ScriptLimits? limits = null) =>
        Assert.IsType<ScriptResult.Failed>(await RunAsync(function, limits)).Failure;

    [Fact]
    public async Task RunAsync_function_gets_the_list_in_a_list()
    {
        var result = await RunAsync("function(inputs) { return inputs.length + ' ' + inputs[0].length + ' ' + inputs[0][1].LogID; }");
        Assert.Equal(new ScriptResult.Returned("1 2 b"), result);
    }

    [Theory]
    [InlineData("function(i) { return i[0][0].Value; } // the first", Digest)]
    [InlineData("function(i) { print('noise'); alert('noise'); console.log('noise'); return 1; }", "1")]
    [InlineData("function(i) { return null; }", "null")]
    [InlineData("function(i) { }", "undefined")]
    public async Task RunAsync_result_is_its_string(string function, string expected)
    {
        Assert.Equal(new ScriptResult.Returned(expected), await RunAsync(function));
    }

    [Theory]
    [InlineData("function(i) { throw new Error('no'); }")]
    [InlineData("function(i) { return (function f() { return f() + 1; })(); }")]
    [InlineData("function(i) {")]
    [InlineData("42")]
    public async Task RunAsync_faulty_function_is_a_failure(string function)
    {
        Assert.Equal(ScriptFailure.Threw, await FailureOf(function));
    }

    [Fact]
    public async Task RunAsync_thrown_error_is_told()
    {
        var failed = Assert.IsType<ScriptResult.Failed>(await RunAsync("function(i) { throw new Error('two votes missing'); }"));
        Assert.Equal("the function failed: Error: two votes missing", failed.Detail);
    }

    [Fact]
    public async Task RunAsync_endless_function_is_killed_by_the_wall_clock()
    {
        var limits = ScriptLimits.Default with { WallClock = TimeSpan.FromMilliseconds(200), CpuSeconds = 20 };
        Assert.Equal(ScriptFailure.TimedOut, await FailureOf("function(i) { for (;;); }", limits));
    }

    [Fact]
    public async Task RunAsync_endless_function_is_killed_by_the_cpu_limit()
    {
        var limits = ScriptLimits.Default with { WallClock = TimeSpan.FromSeconds(30) };
        Assert.Equal(ScriptFailure.TimedOut, await FailureOf("function(i) { for (;;); }", limits));
    }

    [Fact]
    public async Task RunAsync_greedy_function_hits_the_memory_limit()
    {
        var limits = ScriptLimits.Default with { WallClock = TimeSpan.FromSeconds(30), CpuSeconds = 20, AddressSpace = 32 << 20 };
        const string function = "function(i) { var s = 'x'; for (;;) s += s; }";
        Assert.Equal(ScriptFailure.Threw, await FailureOf(function, limits));
    }

    [Fact]
    public async Task RunAsync_long_result_is_cut()
    {
        Assert.Equal(ScriptFailure.TooMuchOutput, await FailureOf("function(i) { return new Array(5000).join('x'); }"));
    }

    [Fact]
    public async Task RunAsync_result_of_two_lines_is_no_result()
    {
        Assert.Equal(ScriptFailure.NoResult, await FailureOf("function(i) { return 'a\\nb'; }"));
    }

    [Fact]
    public async Task RunAsync_missing_interpreter_names_the_package()
    {
        var engine = new DukScriptEngine(TimeProvider.System, "/nonexistent/duk");
        var result = await engine.RunAsync(
            "function(i) { }",
            "[[]]"u8.ToArray(),
            ScriptLimits.Default,
            TestContext.Current.CancellationToken
        );
        Assert.Equal(
            new ScriptResult.Failed(
                ScriptFailure.NotInstalled,
                "/nonexistent/duk is missing; install Debian's package 'duktape' to use the javascript engine"
            ),
            result
        );
    }

    [Fact]
    public async Task RunAsync_cancelled_throws()
    {
        var engine = new DukScriptEngine(TimeProvider.System);
        Assert.SkipUnless(engine.IsInstalled, "the Debian package 'duktape' is not installed");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            engine.RunAsync("function(i) { for (;;); }", "[[]]"u8.ToArray(), ScriptLimits.Default, cancelled.Token)
        );
    }
}
