using Quorate.Core;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Quorate.Trust;
using Quorate.Trust.Engines;
using Xunit;

namespace Quorate.Tests.Decisions;

public sealed class DecisionConfigurationTests
{
    readonly Setup _setup = new();

    static string Yaml(string rule) =>
        $"""
            node:
              state: state
            follow:
              - builder: alice
                protocol: test
                key: "{Setup.Identity("alice").Key}"
                remotes: ["http://127.0.0.1:1"]
            trust:
              test:
            {rule}
            """;

    static ConfigurationError ErrorOf(string yaml) =>
        Assert.Single(Assert.Throws<ConfigurationException>(() => ConfigurationReader.Read(yaml, "quorate.yaml")).Errors);

    [Theory]
    [InlineData("    rule: alcie", 10, 11)]
    [InlineData("    rule: \"1 of (alcie)\"", 10, 18)]
    [InlineData("    rule: 1 of (alcie)", 10, 17)]
    [InlineData("    rule: |\n      1 of\n      (alcie)", 10, 11)]
    public void Read_wrong_rule_is_placed_in_the_file(string rule, int line, int column)
    {
        var error = ErrorOf(Yaml(rule));
        Assert.Equal((line, column, "trust.test.rule"), (error.Line, error.Column, error.Path));
    }

    [Fact]
    public void Read_wrong_rule_shows_the_excerpt()
    {
        Assert.Equal(
            "unknown builder 'alcie'; did you mean 'alice'?\n1 of (alcie)\n      ^",
            ErrorOf(Yaml("    rule: 1 of (alcie)")).Message
        );
    }

    [Fact]
    public void Read_engine_for_an_unknown_log_is_an_error()
    {
        var error = ErrorOf(Yaml($"    engines: [{{ engine: logid, id: {new string('0', 64)} }}]"));
        Assert.Equal("trust.test.engines[0].id", error.Path);
    }

    [Fact]
    public void Create_javascript_without_interpreter_is_an_error()
    {
        _setup.Mirror("alice");
        var trust = new TrustSection { Engines = [new EngineSection.JavaScript("function(i) { }")] };
        var error = Assert.Single(Assert.Throws<ConfigurationException>(() => _setup.Service(trust)).Errors);
        Assert.Equal("this node has no JavaScript engine", error.Message);
    }

    [Fact]
    public void Reload_wrong_rule_keeps_the_old_one()
    {
        _setup.Mirror("alice").Add("key", "A");
        var service = _setup.Service("alice");
        Assert.Throws<ConfigurationException>(() => service.Reload(_setup.Configuration(Setup.RuleSection("bob")), _setup.Ports));
        Assert.True(service.DecideAsync(Setup.Input(), TestContext.Current.CancellationToken).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task DecideAsync_on_contest_majority_is_taken_from_the_configuration()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Mirror("bob").Add("key", "B");
        _setup.Mirror("carol").Add("key", "B");
        var service = _setup.Service(Setup.RuleSection("1 of (alice, bob, carol)") with { ContestedByMajority = true });
        var decision = await service.DecideAsync(Setup.Input(), TestContext.Current.CancellationToken);
        Assert.Equal(["bob", "carol"], decision.Supporters);
    }

    [Fact]
    public async Task DecideAsync_engines_count_over_configured_builders()
    {
        _setup.Mirror("alice").Add("key", "A");
        _setup.Mirror("bob");
        _setup.Mirror("carol");
        var service = _setup.Service(new TrustSection { Engines = [new EngineSection.Percentage(34)] });
        var decision = await service.DecideAsync(Setup.Input(), TestContext.Current.CancellationToken);
        Assert.Equal(Verdict.Inconclusive, decision.Verdict);
    }

    [Fact]
    public async Task DecideAsync_script_that_hit_a_limit_is_inconclusive_and_soon_asked_again()
    {
        _setup.Mirror("alice").Add("key", "A");
        var script = new FailingOnce();
        var trust = new TrustSection { Engines = [new EngineSection.JavaScript("function(i) { }")] };
        var service = _setup.Service(trust, new() { Script = script });
        var first = await service.DecideAsync(Setup.Input(), TestContext.Current.CancellationToken);
        _setup.Time.Advance(TimeSpan.FromSeconds(5));
        var second = await service.DecideAsync(Setup.Input(), TestContext.Current.CancellationToken);
        Assert.Equal((Verdict.Inconclusive, Verdict.Accepted), (first.Verdict, second.Verdict));
    }

    sealed class FailingOnce : IScriptEngine
    {
        bool _failed;

        public Task<ScriptResult> RunAsync(
            string function,
            ReadOnlyMemory<byte> inputsJson,
            ScriptLimits limits,
            CancellationToken cancellationToken
        )
        {
            ScriptResult result = _failed
                ? new ScriptResult.Returned(Sha256Digest.HashData("A"u8).ToString())
                : new ScriptResult.Failed(ScriptFailure.TimedOut, "too slow");
            _failed = true;
            return Task.FromResult(result);
        }
    }
}
