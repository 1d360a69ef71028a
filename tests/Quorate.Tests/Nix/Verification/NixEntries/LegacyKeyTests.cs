using System.Text;
using System.Text.Json;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Nix;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Tests.Gates;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>What the key of a binary cache is worth: everything where the model says so, nothing elsewhere.</summary>
public sealed class LegacyKeyTests : IDisposable
{
    const string Rule = "1 of (cache, 2 of (amy, ben))";

    readonly EntryScene _scene = new();
    readonly MemoryEntries _entries = new();

    public void Dispose() => _scene.Dispose();

    [Fact]
    public async Task Unresolved_realisation_is_accepted_and_needs_nothing_upstream()
    {
        var result = await _scene.VerifyAsync(Rule, expected: null, _entries.Unresolved(_scene.Cache, EntryScene.Result));
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal(OutputPaths.Of("out", EntryScene.Result.ToString()), result.Outputs);
        var position = Assert.Single(result.Positions);
        Assert.Null(position.Resolved);
        Assert.True(position.RestsOnLegacy);
        Assert.Equal(["cache"], position.Signers);
        Assert.Equal(EvidenceForm.Legacy, Assert.Single(position.Claims).Form);
        Assert.Equal([EntryScene.Target], result.Legacy);
    }

    [Fact]
    public async Task Model_without_the_legacy_key_rejects_and_does_not_even_ask_for_unresolved_ones()
    {
        var result = await _scene.VerifyAsync("2 of (amy, ben)", _entries.Unresolved(_scene.Cache, EntryScene.Result));
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Empty(result.Exploration!.RefusedCounts);
    }

    [Fact]
    public async Task Realisation_signed_by_another_key_is_rejected_and_counted()
    {
        using var other = NixCacheSecretKey.Generate("other-1");
        await RejectedAsync(TraceFault.UnknownSigner, _entries.Unresolved(other, EntryScene.Result));
    }

    [Fact]
    public async Task Realisation_that_only_names_the_key_is_rejected_and_counted()
    {
        using var other = NixCacheSecretKey.Generate(_scene.Cache.Name);
        await RejectedAsync(TraceFault.BadSignature, _entries.Unresolved(other, EntryScene.Result));
    }

    [Fact]
    public async Task Realisation_whose_path_was_replaced_is_rejected_and_counted()
    {
        var id = TraceScene.UnresolvedTopId;
        _entries.Put(id, new Realisation(id, EntryScene.OtherResult).SignedBy(_scene.Cache) with { OutPath = EntryScene.Result });
        await RejectedAsync(TraceFault.BadSignature, _entries);
    }

    [Fact]
    public async Task Realisation_of_another_derivation_under_this_ones_name_is_rejected_and_counted()
    {
        var other = DrvOutputId.Of(TraceScene.ResolvedTop, "out");
        _entries.Put(TraceScene.UnresolvedTopId, new Realisation(other, EntryScene.Result).SignedBy(_scene.Cache));
        await RejectedAsync(TraceFault.OtherInput, _entries);
    }

    [Fact]
    public async Task Realisation_with_a_path_of_another_name_is_rejected_and_counted() =>
        await RejectedAsync(TraceFault.UnusableOutput, _entries.Unresolved(_scene.Cache, TraceScene.AOut), TraceScene.AOut);

    [Fact]
    public async Task Unresolved_realisation_by_a_builders_Nix_key_is_refused()
    {
        await RejectedAsync(TraceFault.UnresolvedInput, _entries.Unresolved(_scene.Amy, EntryScene.Result));
        Assert.Equal(Verdict.Rejected, (await _scene.VerifyAsync("amy", _entries)).Verdict);
    }

    /// <summary>A resolved derivation says nothing of how it was resolved: that is still ours to verify.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Resolved_entry_counts_only_with_inputs_that_the_model_believes(bool isNew)
    {
        _entries.Signed(isNew, _scene.Cache, TraceScene.ResolvedTop, "out", EntryScene.Result);
        _scene.Claim(_scene.AmyClaims, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        Assert.Equal(Verdict.Rejected, (await _scene.VerifyAsync(Rule, _entries)).Verdict);

        _scene.Claim(_scene.BenClaims, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        var result = await _scene.VerifyAsync(Rule, _entries);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal([EntryScene.Target], result.Legacy);
        Assert.Equal(EvidenceForm.LegacyResolved, Assert.Single(result.Positions[0].Claims).Form);
        Assert.False(result.Positions[1].RestsOnLegacy);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cache_with_every_resolved_entry_is_enough(bool isNew)
    {
        var result = await _scene.VerifyAsync(Rule, EntryScene.SignAll(_entries, _scene.Cache, isNew));
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Equal(2, result.Legacy.Count);
    }

    [Fact]
    public async Task Builders_that_are_enough_without_the_cache_leave_nothing_resting_on_it()
    {
        foreach (var key in new[] { _scene.AmyClaims, _scene.BenClaims })
        {
            _scene.Claim(key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
            _scene.Claim(key, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        }
        EntryScene.SignAll(_entries, _scene.Cache).Unresolved(_scene.Cache, EntryScene.Result);
        var result = await _scene.VerifyAsync(Rule, expected: null, _entries);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Empty(result.Legacy);
    }

    [Fact]
    public async Task Cache_with_some_outputs_contradicts_nobody()
    {
        foreach (var key in new[] { _scene.AmyClaims, _scene.BenClaims })
        {
            _scene.Claim(key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
            _scene.Claim(key, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        }
        _entries.Realised(_scene.Cache, TraceScene.A, "out", TraceScene.AOut);
        var result = await _scene.VerifyAsync(Rule, expected: null, _entries);
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Empty(result.Divergences);
    }

    [Fact]
    public async Task Cache_that_disagrees_with_the_builders_is_a_divergence()
    {
        foreach (var key in new[] { _scene.AmyClaims, _scene.BenClaims })
        {
            _scene.Claim(key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
            _scene.Claim(key, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        }
        var result = await _scene.VerifyAsync(Rule, expected: null, _entries.Unresolved(_scene.Cache, EntryScene.OtherResult));
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("contested", result.Reasons[0], StringComparison.Ordinal);
        Assert.Equal(2, Assert.Single(result.Divergences).Outcomes.Count);
    }

    [Fact]
    public async Task Cache_that_does_not_answer_is_inconclusive()
    {
        _entries.IsDown = true;
        var result = await _scene.VerifyAsync(Rule, _entries);
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains(result.Gaps, gap => gap.Reason.Contains("it is down", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Bound_on_lookups_is_inconclusive()
    {
        var request = new VerificationRequest(EntryScene.Target, OutputPaths.Empty, _scene.Trust(Rule))
        {
            Exploration = new ExplorationLimits(Lookups: 0),
        };
        var verifier = new TraceVerifier(_scene, [_scene], TimeProvider.System, [_entries.Unresolved(_scene.Cache, EntryScene.Result)]);
        var result = await verifier.VerifyAsync(request, progress: null, TestContext.Current.CancellationToken);
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
    }

    [Fact]
    public async Task Reports_say_that_a_step_rests_on_a_legacy_signature()
    {
        var result = await _scene.VerifyAsync(Rule, _entries.Unresolved(_scene.Cache, EntryScene.Result));

        Assert.Contains(result.Reasons, reason => reason.Contains("legacy keys", StringComparison.Ordinal));
        Assert.Contains("legacy: cache", DagDrawing.Svg(result), StringComparison.Ordinal);
        using var bom = new MemoryStream();
        CycloneDx.Write(bom, result, DateTimeOffset.UnixEpoch);
        Assert.Contains("legacy-signature", Encoding.UTF8.GetString(bom.ToArray()), StringComparison.Ordinal);
        using var key = Ed25519PrivateKey.Generate();
        var summary = new VerificationSummary("urn:me", "file:///trust", Quorate.Core.Sha256Digest.Zero);
        using var envelope = JsonDocument.Parse(summary.Sign(result, key, DateTimeOffset.UnixEpoch));
        Assert.Contains(
            "\"QUORATE_NIX_COALITION_LEGACY\"",
            Encoding.UTF8.GetString(envelope.RootElement.GetProperty("payload").GetBytesFromBase64()),
            StringComparison.Ordinal
        );
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            VerificationJson.Write(writer, result);
            writer.WriteEndObject();
        }
        using var document = JsonDocument.Parse(json.ToArray());
        Assert.True(document.RootElement.GetProperty("positions")[0].GetProperty("legacy").GetBoolean());
        Assert.Equal("legacy", document.RootElement.GetProperty("positions")[0].GetProperty("claims")[0].GetProperty("form").GetString());
        Assert.Equal(EntryScene.Target.ToString(), Assert.Single(document.RootElement.GetProperty("legacy").EnumerateArray()).GetString());
    }

    async Task RejectedAsync(TraceFault fault, MemoryEntries entries, StorePath? expected = null)
    {
        var result = await _scene.VerifyAsync(Rule, expected ?? EntryScene.Result, entries);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts.GetValueOrDefault(fault));
    }
}
