using System.Collections.Immutable;
using Quorate.Nix;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Transparency;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>What a builder's own Nix signed, where the model names its key as the builder's.</summary>
public sealed class NixKeyTests : IDisposable
{
    readonly EntryScene _scene = new();
    readonly MemoryEntries _entries = new();

    public void Dispose() => _scene.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Builders_whose_Nix_signed_every_step_are_accepted_together(bool isNew)
    {
        EntryScene.SignAll(_entries, _scene.Amy, isNew);
        Assert.Equal(Verdict.Rejected, (await _scene.VerifyAsync("2 of (amy, ben)", _entries)).Verdict);

        var result = await _scene.VerifyAsync(
            "2 of (amy, ben)",
            _entries,
            EntryScene.SignAll(new MemoryEntries("second"), _scene.Ben, !isNew)
        );
        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.Empty(result.Legacy);
        Assert.All(result.Positions, position => Assert.Equal(["amy", "ben"], position.Signers));
        Assert.All(result.Positions.SelectMany(position => position.Claims), claim => Assert.Equal(EvidenceForm.Nix, claim.Form));
    }

    [Fact]
    public async Task Claims_of_one_kind_and_of_the_other_add_up()
    {
        _scene.Claim(_scene.AmyClaims, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        _scene.Claim(_scene.AmyClaims, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        Assert.Equal(Verdict.Accepted, (await _scene.VerifyAsync("2 of (amy, ben)", EntryScene.SignAll(_entries, _scene.Ben))).Verdict);
    }

    [Fact]
    public async Task Builder_who_signed_both_ways_has_one_vote()
    {
        _scene.Claim(_scene.AmyClaims, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        _scene.Claim(_scene.AmyClaims, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        Assert.Equal(Verdict.Rejected, (await _scene.VerifyAsync("2 of (amy, ben)", EntryScene.SignAll(_entries, _scene.Amy))).Verdict);
    }

    [Theory]
    [InlineData("amy")]
    [InlineData("cache")]
    public async Task Nothing_that_Nix_signed_counts_where_a_logs_proof_is_required(string rule)
    {
        EntryScene.SignAll(_entries, rule == "amy" ? _scene.Amy : _scene.Cache);
        using var log = new SampleTransparencyLog();
        Assert.Equal(Verdict.Accepted, (await VerifyAsync(null)).Verdict);
        Assert.Equal(Verdict.Rejected, (await VerifyAsync(log.Required)).Verdict);

        Task<TraceVerification> VerifyAsync(RequiredLog? required) =>
            new TraceVerifier(_scene, [_scene], TimeProvider.System, [_entries]).VerifyAsync(
                new VerificationRequest(EntryScene.Target, OutputPaths.Of("out", EntryScene.Result.ToString()), _scene.Trust(rule))
                {
                    RequiredLog = required,
                },
                progress: null,
                TestContext.Current.CancellationToken
            );
    }

    [Fact]
    public async Task Outputs_that_were_signed_one_by_one_are_marked()
    {
        var result = await _scene.VerifyAsync("amy", EntryScene.SignAll(_entries, _scene.Amy));
        Assert.True(Assert.Single(result.Positions[0].Claims).IsAtomic);
        Assert.False(Assert.Single(result.Positions[1].Claims).IsAtomic);
    }

    [Fact]
    public async Task Outputs_signed_by_different_keys_of_different_builders_are_nobodys_claim()
    {
        _entries.Realised(_scene.Amy, TraceScene.A, "out", TraceScene.AOut).Realised(_scene.Ben, TraceScene.A, "dev", TraceScene.ADev);
        _entries.Realised(_scene.Amy, TraceScene.ResolvedTop, "out", EntryScene.Result);
        var result = await _scene.VerifyAsync("amy or ben", _entries);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(2, result.Exploration!.RefusedCounts[TraceFault.IncompleteOutputs]);
    }

    [Fact]
    public async Task Outputs_in_different_places_or_forms_are_not_put_together()
    {
        _entries.Realised(_scene.Amy, TraceScene.A, "out", TraceScene.AOut).Traced(_scene.Amy, TraceScene.A, "dev", TraceScene.ADev);
        var second = new MemoryEntries("second").Realised(_scene.Amy, TraceScene.A, "dev", TraceScene.ADev);
        _entries.Realised(_scene.Amy, TraceScene.ResolvedTop, "out", EntryScene.Result);
        var result = await _scene.VerifyAsync("amy", _entries, second);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(3, result.Exploration!.RefusedCounts[TraceFault.IncompleteOutputs]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Entry_whose_path_was_replaced_is_refused(bool isNew)
    {
        EntryScene.SignA(_entries, _scene.Amy);
        if (isNew)
        {
            var key = new BuildTraceKey(TraceScene.ResolvedTop.Path, "out");
            _entries.Put(new BuildTraceEntry(key, EntryScene.OtherResult).SignedBy(_scene.Amy) with { OutPath = EntryScene.Result });
        }
        else
        {
            var id = DrvOutputId.Of(TraceScene.ResolvedTop, "out");
            _entries.Put(id, new Realisation(id, EntryScene.OtherResult).SignedBy(_scene.Amy) with { OutPath = EntryScene.Result });
        }
        var result = await _scene.VerifyAsync("amy", _entries);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts[TraceFault.BadSignature]);
    }

    [Fact]
    public async Task Unsigned_entry_is_refused()
    {
        EntryScene.SignA(_entries, _scene.Amy);
        var id = DrvOutputId.Of(TraceScene.ResolvedTop, "out");
        _entries.Put(id, new Realisation(id, EntryScene.Result));
        Assert.Equal(1, (await _scene.VerifyAsync("amy", _entries)).Exploration!.RefusedCounts[TraceFault.UnknownSigner]);
    }

    /// <summary>Who listed them is a signer's word about how the inputs were resolved, which nobody is believed.</summary>
    [Fact]
    public async Task Dependent_realisations_are_nobodys_claim()
    {
        var id = DrvOutputId.Of(TraceScene.ResolvedTop, "out");
        var dependencies = ImmutableSortedDictionary<DrvOutputId, StorePath>
            .Empty.Add(DrvOutputId.Of(TraceScene.A, "out"), TraceScene.AOut)
            .Add(DrvOutputId.Of(TraceScene.A, "dev"), TraceScene.ADev);
        _entries.Put(id, (new Realisation(id, EntryScene.Result) { Dependencies = dependencies }).SignedBy(_scene.Amy));
        var result = await _scene.VerifyAsync("amy", _entries);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.EndsWith("-a.drv", Assert.Single(result.Missing).Derivation.BaseName, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Condition_is_never_met_by_what_Nix_signed()
    {
        var result = await _scene.VerifyAsync("amy where built", EntryScene.SignAll(_entries, _scene.Amy));
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Contains("where built", Assert.Single(result.Missing).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Claim_key_and_Nix_key_do_not_stand_for_each_other()
    {
        // A Nix entry signed with the key for traces, and a trace signed with Nix's key.
        EntryScene.SignAll(_entries, _scene.AmyClaims);
        _scene.Claim(_scene.Amy, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev));
        _scene.Claim(_scene.Amy, TraceScene.ResolvedTop, ("out", EntryScene.Result));
        Assert.Equal(Verdict.Rejected, (await _scene.VerifyAsync("amy", _entries)).Verdict);
    }

    [Fact]
    public async Task Model_without_any_key_of_Nix_asks_no_cache()
    {
        var trust = Quorate.Sources.Configuration.TraceTrustFile.Parse(
            $$"""
            rule: amy
            builders: { amy: { keys: ["{{_scene.AmyClaims.PublicKey}}"] } }
            """,
            "trust.yaml"
        );
        var verifier = new TraceVerifier(_scene, [_scene], TimeProvider.System, [_entries]);
        await verifier.VerifyAsync(
            new VerificationRequest(EntryScene.Target, OutputPaths.Empty, trust),
            progress: null,
            TestContext.Current.CancellationToken
        );
        Assert.Equal(0, _entries.Asked);
    }
}
