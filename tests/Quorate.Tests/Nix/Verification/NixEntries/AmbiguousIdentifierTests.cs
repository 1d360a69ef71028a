using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Tests.Gates;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>
/// What Nix up to 2.34 signs names a derivation by a hash that others can share. It counts only for the one that evaluating makes, and is marked; what names the derivation's path
/// counts for any.
/// </summary>
public sealed class AmbiguousIdentifierTests : IDerivationSource, IDisposable
{
    readonly EntryScene _scene = new();
    readonly MemoryEntries _entries = new();
    readonly Dictionary<StorePath, byte[]> _derivations = [];

    public void Dispose() => _scene.Dispose();

    [Theory]
    [InlineData("amy", false)]
    [InlineData("amy", true)]
    [InlineData("cache", false)]
    [InlineData("cache", true)]
    public async Task Swapped_derivation_is_verified_by_what_names_its_path_alone(string rule, bool isNew)
    {
        var swapped = Add(
            DerivationParts
                .Of(TraceScene.A.Derivation)
                .With("out"u8.ToArray(), Placeholders.Own("dev"))
                .With("dev"u8.ToArray(), Placeholders.Own("out"))
                .ToDerivation(),
            "a"
        );
        Assert.Equal(DrvOutputId.Of(TraceScene.A, "out"), DrvOutputId.Of(swapped, "out"));
        var key = rule == "amy" ? _scene.Amy : _scene.Cache;
        _entries.Signed(isNew, key, swapped, "out", TraceScene.AOut).Signed(isNew, key, swapped, "dev", TraceScene.ADev);

        var result = await VerifyAsync(swapped.Path, rule);

        Assert.Equal(isNew ? Verdict.Accepted : Verdict.Rejected, result.Verdict);
        Assert.Equal(isNew ? 0 : 2, result.Exploration!.RefusedCounts.GetValueOrDefault(TraceFault.AmbiguousIdentifier));
    }

    [Fact]
    public async Task Legacy_realisation_of_a_graph_with_another_input_of_the_same_hash_is_refused()
    {
        var renamed = Add(TraceScene.A.Derivation, "z");
        var parts = DerivationParts.Of(TraceScene.UnresolvedTop);
        var top = (parts with { Inputs = [parts.Inputs[0] with { Derivation = renamed.Path }] }).ToDerivation();
        var path = DerivationPaths.Of(top, "top");
        _derivations[path] = top.ToAterm();
        _entries.Unresolved(_scene.Cache, EntryScene.Result);

        var result = await VerifyAsync(path, "cache");

        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Equal(1, result.Exploration!.RefusedCounts[TraceFault.AmbiguousIdentifier]);
    }

    /// <summary>The signature does not say which of the derivations was built. That only the honest one was is the word of whoever named the key.</summary>
    [Fact]
    public async Task Claim_by_identifier_is_marked_and_one_by_path_is_not()
    {
        EntryScene.SignA(_entries, _scene.Amy).Signed(isNew: true, _scene.Amy, TraceScene.ResolvedTop, "out", EntryScene.Result);

        var result = await _scene.VerifyAsync("amy", _entries);

        Assert.Equal(Verdict.Accepted, result.Verdict);
        Assert.True(Assert.Single(result.Positions[0].Claims).IsExact);
        Assert.False(Assert.Single(result.Positions[1].Claims).IsExact);
    }

    [Fact]
    public async Task Claim_that_was_signed_both_ways_is_not_marked()
    {
        EntryScene.SignAll(_entries, _scene.Amy);
        EntryScene.SignAll(_entries, _scene.Amy, isNew: true);

        var result = await _scene.VerifyAsync("amy", _entries);

        Assert.All(result.Positions, position => Assert.True(Assert.Single(position.Claims).IsExact));
    }

    public byte[]? Read(StorePath derivation) => _derivations.GetValueOrDefault(derivation);

    ResolvedDerivation Add(Derivation derivation, string name)
    {
        var resolved = ResolvedDerivation.Of(derivation, name);
        _derivations[resolved.Path] = resolved.ToAterm();
        return resolved;
    }

    Task<TraceVerification> VerifyAsync(StorePath target, string rule) =>
        new TraceVerifier(this, [_scene], TimeProvider.System, [_entries]).VerifyAsync(
            new VerificationRequest(target, OutputPaths.Empty, _scene.Trust(rule)),
            progress: null,
            TestContext.Current.CancellationToken
        );
}
