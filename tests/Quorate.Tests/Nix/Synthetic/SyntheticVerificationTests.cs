using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Tests.Nix.Nar;
using Quorate.Trust;
using Quorate.Trust.Rules;
using Xunit;

namespace Quorate.Tests.Nix.Synthetic;

/// <summary>Verifying input-addressed builds from claims of both profiles, whose hashes differ in what stands for the derivation's own outputs.</summary>
public sealed class SyntheticVerificationTests : IDisposable
{
    static readonly Dictionary<string, StorePath> s_lib = new(StringComparer.Ordinal)
    {
        ["dev"] = SyntheticGraph.View('a', "lib-dev"),
        ["out"] = SyntheticGraph.View('b', "lib"),
    };

    static readonly Dictionary<string, StorePath> s_tool = new(StringComparer.Ordinal) { ["out"] = SyntheticGraph.View('c', "tool") };
    static readonly OutputPaths s_expected = OutputPaths.Of("out", $"{s_tool["out"]}");

    readonly SyntheticGraph _graph = new();
    readonly Ed25519PrivateKey _amy = Ed25519PrivateKey.Generate();
    readonly Ed25519PrivateKey _ben = Ed25519PrivateKey.Generate();
    readonly FolderOfObjects _store = new();

    public void Dispose()
    {
        _amy.Dispose();
        _ben.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task Verify_counts_a_bundle_and_a_jws_of_one_outcome_together()
    {
        ClaimAll(_amy, TraceFormat.Bundle);
        ClaimAll(_ben, TraceFormat.Jws3);
        var result = await VerifyAsync();
        Assert.Equal((Verdict.Accepted, s_expected), (result.Verdict, result.Outputs));
        Assert.All(result.Positions, position => Assert.Equal(["amy", "ben"], position.Signers));
    }

    [Fact]
    public async Task Verify_of_jws_alone_without_any_outcome_to_ask_for_is_inconclusive()
    {
        ClaimAll(_amy, TraceFormat.Jws3);
        ClaimAll(_ben, TraceFormat.Jws3);
        var result = await VerifyAsync();
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("claims in JWS 3", Assert.Single(result.Gaps).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_of_jws_alone_asks_for_what_this_machine_has()
    {
        var (lib, tool) = await RealiseAsync();
        foreach (var key in new[] { _amy, _ben })
        {
            _graph.Claim(key, TraceFormat.Jws3, _graph.Lib, lib["dev"], lib);
            _graph.Claim(key, TraceFormat.Jws3, _graph.Tool, lib["dev"], tool);
        }
        var result = await VerifyAsync(realised: true);
        Assert.Equal((Verdict.Accepted, OutputPaths.Of("out", $"{tool["out"]}")), (result.Verdict, result.Outputs));
    }

    [Fact]
    public async Task Verify_never_accepts_what_only_this_machine_has()
    {
        await RealiseAsync();
        Assert.NotEqual(Verdict.Accepted, (await VerifyAsync(realised: true)).Verdict);
    }

    [Fact]
    public async Task Verify_asks_for_what_is_expected_of_the_target()
    {
        foreach (var key in new[] { _amy, _ben })
        {
            _graph.Claim(key, TraceFormat.Bundle, _graph.Lib, s_lib["dev"], s_lib);
            _graph.Claim(key, TraceFormat.Jws3, _graph.Tool, s_lib["dev"], s_tool);
        }
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(s_expected)).Verdict);
    }

    [Fact]
    public async Task Verify_leaves_out_a_jws_that_states_other_outputs_than_its_hash_names()
    {
        ClaimAll(_amy, TraceFormat.Bundle);
        _graph.Claim(_ben, TraceFormat.Bundle, _graph.Lib, s_lib["dev"], s_lib);
        var hash = _graph.HashOf(_graph.Tool, s_lib["dev"], TraceFormat.Jws3, s_tool);
        _graph.Claim(
            _ben,
            TraceFormat.Jws3,
            hash,
            new Dictionary<string, StorePath>(StringComparer.Ordinal) { ["out"] = SyntheticGraph.View('d', "tool") }
        );
        var result = await VerifyAsync();
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts[TraceFault.UnusableOutput]);
    }

    [Theory]
    [InlineData(TraceFormat.Jws2)]
    [InlineData(TraceFormat.Jws3)]
    public async Task Verify_leaves_out_content_addressed_claims_under_the_hash_of_a_view(TraceFormat format)
    {
        ClaimAll(_amy, TraceFormat.Bundle);
        _graph.Claim(_ben, TraceFormat.Bundle, _graph.Lib, s_lib["dev"], s_lib);
        var hash = _graph.HashOf(_graph.Tool, s_lib["dev"], TraceFormat.Jws3, s_tool);
        _graph.Claim(_ben, format, hash, s_tool, TraceRegime.ContentAddressed);
        var result = await VerifyAsync();
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts[TraceFault.OtherRegime]);
    }

    [Theory]
    [InlineData(TraceFormat.Bundle, TraceFormat.Jws3)]
    [InlineData(TraceFormat.Jws3, TraceFormat.Bundle)]
    public async Task Verify_leaves_out_a_claim_under_the_hash_of_the_other_profile(TraceFormat format, TraceFormat hashOf)
    {
        ClaimAll(_amy, TraceFormat.Bundle);
        _graph.Claim(_ben, TraceFormat.Bundle, _graph.Lib, s_lib["dev"], s_lib);
        _graph.Claim(_ben, format, _graph.HashOf(_graph.Tool, s_lib["dev"], hashOf, s_tool), s_tool);
        var result = await VerifyAsync();
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts[TraceFault.OtherRegime]);
    }

    void ClaimAll(Ed25519PrivateKey key, TraceFormat format)
    {
        _graph.Claim(key, format, _graph.Lib, s_lib["dev"], s_lib);
        _graph.Claim(key, format, _graph.Tool, s_lib["dev"], s_tool);
    }

    /// <summary>Puts content at the outputs' paths, and gives its views.</summary>
    async Task<(Dictionary<string, StorePath> Lib, Dictionary<string, StorePath> Tool)> RealiseAsync()
    {
        foreach (var derivation in new[] { _graph.Lib, _graph.Tool })
        {
            foreach (var output in _graph[derivation].Outputs)
            {
                _store.Put(output.Path!, new Tree.File(false, $"content of {output.Name} of {derivation.Name}"), []);
            }
        }
        var view = new SyntheticView(_store, new HashSet<StorePath>());
        async Task<Dictionary<string, StorePath>> ViewsAsync(StorePath derivation)
        {
            var views = new Dictionary<string, StorePath>(StringComparer.Ordinal);
            foreach (var output in _graph[derivation].Outputs)
            {
                views[output.Name] = (await view.OfAsync(output.Path!, TestContext.Current.CancellationToken)).Path;
            }
            return views;
        }
        return (await ViewsAsync(_graph.Lib), await ViewsAsync(_graph.Tool));
    }

    Task<TraceVerification> VerifyAsync(OutputPaths? expected = null, bool realised = false)
    {
        var keys = new Dictionary<string, TraceBuilderKeys>(StringComparer.Ordinal)
        {
            ["amy"] = new([new NixCachePublicKey("amy-1", _amy.PublicKey)], []),
            ["ben"] = new([new NixCachePublicKey("ben-1", _ben.PublicKey)], []),
        };
        var trust = TraceTrust.Create(new TrustModel.Threshold(2, [new TrustModel.Key("amy"), new TrustModel.Key("ben")]), keys);
        return new TraceVerifier(_graph, [_graph], TimeProvider.System).VerifyAsync(
            new VerificationRequest(_graph.Tool, expected ?? OutputPaths.Empty, trust)
            {
                Regime = TraceRegime.SyntheticContentAddressed,
                Realised = realised ? _store : null,
            },
            progress: null,
            TestContext.Current.CancellationToken
        );
    }
}
