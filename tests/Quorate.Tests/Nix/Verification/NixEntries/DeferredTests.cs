using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Realisations;
using Quorate.Nix.Verification;
using Quorate.Tests.Gates;
using Quorate.Tests.Nix.Derivations;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>
/// An input-addressed output upon a content-addressed build. Its path follows from the inputs, so that two builders who made different bytes agree on it: no evidence of a
/// path counts for such a derivation, and none for what is made of it.
/// </summary>
public sealed class DeferredTests : IDisposable
{
    const string Both = "amy and ben";

    static readonly ResolvedDerivation s_deferred = Resolve(LabDerivations.Deferred, "deferred", TraceScene.AOut);
    static readonly ResolvedDerivation s_over = Resolve(LabDerivations.OverDeferred, "over", PathOf("out"));

    readonly EntryScene _scene = new();

    public static TheoryData<VerificationMode, string> Targets =>
        new MatrixTheoryData<VerificationMode, string>(Enum.GetValues<VerificationMode>(), ["deferred", "over"]);

    public void Dispose() => _scene.Dispose();

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Verify_of_traces_that_state_different_content_of_one_deferred_path_is_refused(VerificationMode mode, string target)
    {
        foreach (var (key, content) in new[] { (_scene.AmyClaims, "one"), (_scene.BenClaims, "other") })
        {
            var hash = Sha256Digest.HashData(System.Text.Encoding.ASCII.GetBytes(content));
            _scene
                .Claim(key, TraceScene.A, ("out", TraceScene.AOut), ("dev", TraceScene.ADev))
                .Claim(key, s_deferred, hash, ("out", PathOf("out")), ("doc", PathOf("doc")))
                .Claim(key, s_over, ("out", TraceScene.Content("over", "over").StorePath));
        }
        AssertRefused(await VerifyAsync(Both, target, mode));
    }

    [Theory]
    [InlineData(false, "deferred")]
    [InlineData(false, "over")]
    [InlineData(true, "deferred")]
    [InlineData(true, "over")]
    public async Task Verify_of_what_Nix_signed_upon_a_deferred_path_is_refused(bool isNew, string target)
    {
        var entries = new MemoryEntries();
        foreach (var key in new[] { _scene.Amy, _scene.Ben })
        {
            EntryScene
                .SignA(entries, key, isNew)
                .Signed(isNew, key, s_deferred, "out", PathOf("out"))
                .Signed(isNew, key, s_deferred, "doc", PathOf("doc"))
                .Signed(isNew, key, s_over, "out", TraceScene.Content("over", "over").StorePath);
            // An identifier holds one signature here: each has a cache of its own.
            if (key == _scene.Amy)
            {
                var amys = entries;
                entries = new MemoryEntries("bens");
                _caches.Add(amys);
            }
        }
        _caches.Add(entries);
        AssertRefused(await VerifyAsync(Both, target, VerificationMode.Coalition));
    }

    // The cache is believed alone, but a path says no more of what it stands for because of that.
    [Fact]
    public async Task Verify_of_what_a_legacy_key_signed_upon_a_deferred_path_is_refused()
    {
        var over = LabDerivations.Parse(LabDerivations.OverDeferred);
        var hashes = new ModuloHashes(path =>
            path == LabDerivations.APath ? LabDerivations.Parse(LabDerivations.A)
            : path == LabDerivations.DeferredPath ? LabDerivations.Parse(LabDerivations.Deferred)
            : null
        );
        Assert.True(DrvOutputId.TryOf(over, "over", "out", hashes, out var id, out var problem), problem);
        var cache = new MemoryEntries();
        cache.Put(id, new Realisation(id, TraceScene.Content("over", "over").StorePath).SignedBy(_scene.Cache));
        _caches.Add(cache);
        AssertRefused(await VerifyAsync("1 of (cache)", "over", VerificationMode.Coalition));
    }

    readonly List<MemoryEntries> _caches = [];

    Task<TraceVerification> VerifyAsync(string rule, string target, VerificationMode mode) =>
        _scene.VerifyAsync(
            new VerificationRequest(
                target == "over" ? LabDerivations.OverDeferredPath : LabDerivations.DeferredPath,
                OutputPaths.Empty,
                _scene.Trust(rule)
            )
            {
                Mode = mode,
            },
            [.. _caches]
        );

    static void AssertRefused(TraceVerification result)
    {
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.StartsWith(
            $"{LabDerivations.DeferredPath.BaseName} is deferred, input-addressed upon content-addressed builds",
            Assert.Single(result.Reasons),
            StringComparison.Ordinal
        );
    }

    static StorePath PathOf(string output) => s_deferred.Derivation.Output(output)!.Path!;

    static ResolvedDerivation Resolve(string aterm, string name, StorePath input) =>
        DerivationResolution.Resolve(LabDerivations.Parse(aterm), name, (_, _) => input)!;
}
